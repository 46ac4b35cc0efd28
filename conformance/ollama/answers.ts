// Ollama: what chat, generate and the embeddings answer.

import { fits, must, same, shorten, skip } from "../check.ts";
import type { Check } from "../check.ts";
import * as Shape from "./shape.ts";
import { readLines } from "../order.ts";
import * as prompt from "../prompts.ts";
import { parsed } from "../server.ts";
import {
  TOOLS,
  user,
  post,
  chat,
  chatLines,
  generate,
  spoken,
  ollama,
  accepted,
} from "./asking.ts";

export const OLLAMA: readonly Check[] = [
  ollama(
    "whole answers",
    "chat and generate, with what was said and real durations",
    async (server) => {
      for (const answer of [
        await chat(server, prompt.say(prompt.SPOKEN)),
        await generate(server, prompt.say(prompt.SPOKEN)),
      ]) {
        spoken(server, "message" in answer ? answer.message.content : answer.response);
        same("the model", answer.model, server.model);
        same("the reason to end", answer.done_reason, "stop");
        must(answer.total_duration > 0, "the whole duration is nothing");
        must(
          answer.total_duration >= answer.prompt_eval_duration + answer.eval_duration,
          "the parts took longer than the whole",
        );
      }
    },
  ),
  ollama(
    "streamed answers",
    "lines of JSON, the role and text on each, one end",
    async (server) => {
      const { lines } = await chatLines(server, prompt.say(prompt.SPOKEN));
      spoken(server, lines.map(({ message }) => message.content).join(""));
      must(lines.length > 4 || !server.rehearses, "the text comes in one piece");
      const body = { model: server.model, prompt: prompt.say(prompt.SPOKEN) };
      const answer = await post(server, "/api/generate", body);
      same("the content type", answer.type, "application/x-ndjson");
      spoken(
        server,
        Shape.readGenerate(answer.text)
          .lines.map(({ response }) => response)
          .join(""),
      );
    },
  ),
  ollama("usage", "whole and in the last line", async (server) => {
    const whole = await chat(server, prompt.count(11, 7));
    const { last } = await chatLines(server, prompt.count(11, 7));
    if (!server.rehearses) return;
    for (const { prompt_eval_count: asked, eval_count: said } of [whole, last]) {
      same("the counts", [asked, said], [11, 7]);
    }
  }),
  {
    ...ollama(
      "reasoning",
      "apart from the text with `think`, whole and streamed",
      async (server) => {
        for (const think of [true, "high"]) {
          const { message } = await chat(server, prompt.think(), { think });
          same("the thinking", message.thinking, prompt.THOUGHT);
          spoken(server, message.content);
        }
        const { lines } = await chatLines(server, prompt.think(), { think: true });
        const thinking = lines.map(({ message }) => message.thinking ?? "").join("");
        same("the streamed thinking", thinking, prompt.THOUGHT);
        same(
          "the thinking",
          (await generate(server, prompt.think(), { think: true })).thinking,
          prompt.THOUGHT,
        );
      },
    ),
    ours: true,
  },
  ollama("tool calls", "whole and streamed: an id, a name and an object", async (server) => {
    const cities = [prompt.CITY, "Rome"];
    const body = { tools: TOOLS };
    const { message } = await chat(server, prompt.callTool(...cities), body);
    const { lines } = await chatLines(server, prompt.callTool(...cities), body);
    for (const calls of [
      message.tool_calls ?? [],
      lines.flatMap((line) => line.message.tool_calls ?? []),
    ]) {
      if (calls.length === 0 && !server.rehearses) skip("the model called no tool");
      same("the tools", new Set(calls.map((call) => call.function.name)).size, 1);
      same("the number of ids", new Set(calls.map(({ id }) => id)).size, calls.length);
      if (!server.rehearses) continue;
      same(
        "the arguments",
        calls.map((call) => call.function.arguments),
        cities.map((city) => ({ city })),
      );
    }
  }),
  ollama(
    "tool results",
    "go back to the agent, by name or by id, as objects or as text",
    async (server) => {
      const question = user(prompt.callTool(prompt.CITY));
      const { message } = await chat(server, question.content, { tools: TOOLS });
      const [call] = message.tool_calls ?? [];
      if (call === undefined) skip("the model called no tool");
      const { name, arguments: given } = call.function;
      const asText = {
        ...message,
        tool_calls: [{ function: { name, arguments: JSON.stringify(given) } }],
      };
      for (const [asked, result] of [
        [message, { tool_name: name }],
        [message, { tool_call_id: call.id }],
        [message, { name }],
        [asText, { tool_name: name }],
      ] as const) {
        const messages = [question, asked, { role: "tool", content: prompt.WEATHER, ...result }];
        const next = await chat(server, "", { messages, tools: TOOLS });
        if (server.rehearses) same("the answer", next.message.content, prompt.WEATHER);
      }
    },
  ),
  ollama("answers in JSON", "`json` and a schema", async (server) => {
    for (const format of ["json", prompt.SCHEMA]) {
      const { message } = await chat(server, prompt.say(prompt.JSON_TEXT), { format });
      const { response } = await generate(server, prompt.say(prompt.JSON_TEXT), { format });
      for (const text of [message.content, response]) {
        must(typeof parsed(text) === "object", `the answer is no JSON: ${shorten(text)}`);
      }
    }
    await accepted({ format: "" }, { format: null })(server);
  }),
  {
    ...ollama("stop sequences", "in `options`, whole and streamed", async (server) => {
      for (const stop of [" three", [" three", "nowhere"]]) {
        const more = { options: { stop } };
        same(
          "the answer",
          (await chat(server, prompt.say(prompt.SPOKEN), more)).message.content,
          "One two",
        );
        same(
          "the answer",
          (await generate(server, prompt.say(prompt.SPOKEN), more)).response,
          "One two",
        );
        const { lines } = await chatLines(server, prompt.say(prompt.SPOKEN), more);
        same(
          "the streamed answer",
          lines.map(({ message }) => message.content).join(""),
          "One two",
        );
      }
    }),
    ours: true,
  },
  ollama(
    "text between two parts",
    "generate with a suffix, raw too, whole and streamed",
    async (server) => {
      const parts = { prompt: "const greeting = ", suffix: ";" };
      const options = { num_predict: 64, temperature: 0.01, stop: ["\n\n"] };
      const refusals: string[] = [];
      for (const more of [{ raw: true }, { raw: true, template: "{{ .Prompt }}" }, {}]) {
        const body = { model: server.model, ...parts, ...more, options, keep_alive: 1800 };
        for (const stream of [false, true]) {
          const answer = await server.send("/api/generate", { body: { ...body, stream } });
          if (answer.status === 400) refusals.push(fits(Shape.ErrorAnswer, answer.json).error);
          else if (stream) Shape.readGenerate(answer.text);
          else must(fits(Shape.GenerateAnswer, answer.json).response !== "", "the answer is empty");
        }
      }
      if (refusals.length > 0) skip(`the model fills nothing in: ${refusals[0]}`);
    },
  ),
  ollama(
    "encodings of vectors",
    "embed of one text and several, embeddings of one",
    async (server) => {
      const { model } = server;
      const ask = (input: unknown) => server.send("/api/embed", { body: { model, input } });
      const one = await ask("one");
      if (one.status === 400 || one.status === 501) skip(shorten(one.text));
      same("the number of vectors", fits(Shape.Embed, one.json).embeddings.length, 1);
      const { embeddings } = fits(Shape.Embed, (await ask(["one", "two"])).json);
      same("the number of vectors", embeddings.length, 2);
      const older = await post(server, "/api/embeddings", { model, prompt: "one" });
      const { embedding } = fits(Shape.Embedding, older.json);
      same("the vector's length", embedding.length, embeddings[0]?.length);
    },
  ),
  {
    ...ollama(
      "failures in a stream",
      "a last line with the error, and none that says done",
      async (server) => {
        for (const [path, ask] of [
          ["/api/chat", { messages: [user(prompt.failHalfway())] }],
          ["/api/generate", { prompt: prompt.failHalfway() }],
        ] as const) {
          const answer = await post(server, path, { model: server.model, ...ask });
          const lines = readLines(answer.text);
          const { error } = fits(Shape.ErrorAnswer, lines.at(-1));
          must(error.includes("It fell over."), "the message does not say what happened");
          must(answer.text.includes('"half "'), "what was said before is not there");
          must(!answer.text.includes('"done":true'), "a line says done in a stream that failed");
        }
      },
    ),
    ours: true,
  },
];
