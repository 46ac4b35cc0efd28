// OpenAI: POST /v1/completions.

import type { Static } from "@sinclair/typebox";
import { Completion, CompletionChunk, ErrorAnswer } from "./chat-shape.ts";
import { fits, must, only, same, skip } from "../check.ts";
import type { Check } from "../check.ts";
import { follow, readEvents } from "../order.ts";
import type { Machine } from "../order.ts";
import * as prompt from "../prompts.ts";
import { parsed } from "../server.ts";
import type { Answer, Server } from "../server.ts";
import { check, post } from "./asking.ts";

const completions = check("completions");

async function complete(server: Server, asked: unknown, more: object = {}) {
  return fits(Completion, (await post(server, "/v1/completions", { prompt: asked, ...more })).json);
}

function spoken(server: Server, text: string | undefined): void {
  must((text ?? "") !== "", "the answer is empty");
  if (server.rehearses) same("the answer", text, prompt.SPOKEN);
}

const COMPLETION_ORDER: Machine = {
  start: { text: "said", finish: "finished" },
  said: { text: "said", finish: "finished" },
  finished: { usage: "used", done: "end" },
  used: { done: "end" },
};

type Chunk = Static<typeof CompletionChunk>;

function kindOf({ choices, usage }: Chunk): string {
  const [choice] = choices;
  if (choice === undefined) return "usage";
  must((usage ?? null) === null, "a chunk with text has a usage");
  return choice.finish_reason === null ? "text" : "finish";
}

function readChunks(answer: Answer): readonly Chunk[] {
  same("the content type", answer.type, "text/event-stream");
  const events = readEvents(answer.text);
  same("the last event", events.at(-1)?.data, "[DONE]");
  return events.slice(0, -1).map(({ data }) => fits(CompletionChunk, parsed(data)));
}

async function completeStream(server: Server, asked: string, more: object = {}) {
  const body = { prompt: asked, stream: true, ...more };
  const chunks = readChunks(await post(server, "/v1/completions", body));
  follow(COMPLETION_ORDER, [...chunks.map(kindOf), "done"]);
  const text = chunks.flatMap(({ choices }) => choices.map((each) => each.text)).join("");
  return { text, usage: chunks.at(-1)?.usage ?? undefined };
}

const LIST = ["The first.", "Ünd the second 🎭.", "And the third."];

const taken =
  (...bodies: readonly object[]): Check["run"] =>
  async (server) => {
    for (const body of bodies) {
      const { choices } = await complete(server, prompt.say(prompt.SPOKEN), body);
      must(choices[0]?.text !== "", "the answer is empty");
    }
  };

export const COMPLETIONS: readonly Check[] = [
  completions(
    "whole answers",
    "has the specified form, and the text that was said",
    async (server) => {
      const { choices } = await complete(server, prompt.say(prompt.SPOKEN));
      const choice = only("choices", choices);
      spoken(server, choice.text);
      same("the reason to end", choice.finish_reason, "stop");
    },
  ),
  completions(
    "streamed answers",
    "text, one reason to end, [DONE], in this order",
    async (server) => {
      spoken(server, (await completeStream(server, prompt.say(prompt.SPOKEN))).text);
    },
  ),
  completions("usage", "whole, and streamed in a chunk of its own if asked for", async (server) => {
    const { usage } = await complete(server, prompt.count(11, 7));
    same("the total", usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
    const options = { stream_options: { include_usage: true } };
    const streamed = await completeStream(server, prompt.count(11, 7), options);
    must(streamed.usage !== undefined, "there is no chunk of usage");
    if (server.rehearses)
      same("the total", [usage.total_tokens, streamed.usage.total_tokens], [18, 18]);
    const { usage: unasked } = await completeStream(server, prompt.count(11, 7));
    must(unasked === undefined, "there is a usage that nobody asked for");
  }),
  {
    ...completions(
      "stop sequences",
      "end the answer before them, whole and streamed",
      async (server) => {
        for (const stop of [" three", [" three"]]) {
          const { choices } = await complete(server, prompt.say(prompt.SPOKEN), { stop });
          same("the answer", choices[0]?.text, "One two");
          const streamed = await completeStream(server, prompt.say(prompt.SPOKEN), { stop });
          same("the streamed answer", streamed.text, "One two");
        }
      },
    ),
    ours: true,
  },
  completions(
    "text between two parts",
    "a suffix, as editors send it, whole and streamed",
    async (server) => {
      const more = {
        suffix: ";\n",
        max_tokens: 300,
        stop: ["\n\n", "\r\n\r\n"],
        temperature: 0.01,
      };
      const body = { model: server.model, prompt: "const greeting = ", ...more };
      const answer = await server.send("/v1/completions", { body });
      if (answer.status === 400) {
        skip(`the model fills nothing in: ${fits(ErrorAnswer, answer.json).error.message}`);
      }
      must(fits(Completion, answer.json).choices[0]?.text !== "", "the answer is empty");
      must((await completeStream(server, "const greeting = ", more)).text !== "", "it is empty");
      await taken({ suffix: null }, { suffix: "" })(server);
    },
  ),
  completions(
    "several prompts, echo",
    "a list of one is one; of several each has its answer, in its place",
    async (server) => {
      spoken(server, (await complete(server, [prompt.say(prompt.SPOKEN)])).choices[0]?.text);
      const { choices, usage } = await complete(server, LIST.map(prompt.say));
      const places = choices.map(({ index }) => index);
      same("the places", places, [0, 1, 2]);
      same("the total", usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
      const texts = choices.map(({ text }) => text);
      if (server.rehearses) same("the answers", texts, LIST);
    },
  ),
  completions(
    "several prompts, echo",
    "a streamed list: each has its text and one reason to end, then one [DONE]",
    async (server) => {
      const options = { stream: true, stream_options: { include_usage: true } };
      const body = { prompt: LIST.map(prompt.say), ...options };
      const chunks = readChunks(await post(server, "/v1/completions", body));
      const texts = LIST.map((_, place) => {
        const own = chunks.filter(({ choices }) => choices[0]?.index === place);
        follow(COMPLETION_ORDER, [...own.map(kindOf), "done"]);
        return own.map(({ choices }) => choices[0]?.text).join("");
      });
      const others = chunks.filter(({ choices: [choice] }) => (choice?.index ?? 0) >= LIST.length);
      same("the chunks of no prompt", others, []);
      const usages = chunks.flatMap(({ choices }, at) => (choices.length === 0 ? [at] : []));
      same("the chunks of usage", usages, [chunks.length - 1]);
      if (server.rehearses) same("the answers", texts, LIST);
    },
  ),
  {
    ...completions("several prompts, echo", "a list of 21 is refused by name", async (server) => {
      const many = Array.from({ length: 21 }, () => prompt.say(prompt.SPOKEN));
      const body = { model: server.model, prompt: many };
      const answer = await server.send("/v1/completions", { body });
      same("the status", answer.status, 400);
      same("the field", fits(ErrorAnswer, answer.json).error.param, "prompt");
    }),
    ours: true,
  },
  completions("several prompts, echo", "echo has the prompt before the answer", async (server) => {
    const text = prompt.say(prompt.SPOKEN);
    const echoed = (await complete(server, text, { echo: true })).choices[0]?.text ?? "";
    must(echoed.startsWith(text), "the prompt is not there");
    must(echoed.length > text.length, "the answer is not there");
  }),
  completions("several answers", "one is given, more are refused by name", async (server) => {
    await taken({ n: 1, best_of: 1 })(server);
    const body = { model: server.model, prompt: prompt.say(prompt.SPOKEN), n: 2 };
    const answer = await server.send("/v1/completions", { body });
    if (answer.status === 200) {
      return same("the number of choices", fits(Completion, answer.json).choices.length, 2);
    }
    same("the status", answer.status, 400);
    return same("the field", fits(ErrorAnswer, answer.json).error.param, "n");
  }),
  completions(
    "unknown fields and nulls",
    "what clients add is taken, and null anywhere",
    taken(
      { temperature: 0.2, top_p: 1, seed: 7, user: "me", logprobs: null, presence_penalty: 0 },
      { max_tokens: 500, best_of: null, echo: false, "something-else": { deep: [null] } },
      Object.fromEntries(
        [
          "temperature",
          "top_p",
          "seed",
          "user",
          "stop",
          "max_tokens",
          "logprobs",
          "n",
          "best_of",
          "echo",
          "stream",
          "stream_options",
          "suffix",
          "logit_bias",
        ].map((name) => [name, null]),
      ),
    ),
  ),
  {
    ...completions(
      "failures in a stream",
      "an error without choices, and no [DONE]",
      async (server) => {
        const answer = await post(server, "/v1/completions", {
          prompt: prompt.failHalfway(),
          stream: true,
        });
        const { error } = fits(ErrorAnswer, parsed(readEvents(answer.text).at(-1)?.data ?? ""));
        must(error.message.includes("It fell over."), "the message does not say what happened");
        must(answer.text.includes('"half "'), "what was said before is not there");
        must(!answer.text.includes("[DONE]"), "there is a [DONE] in a stream that failed");
      },
    ),
    ours: true,
  },
];
