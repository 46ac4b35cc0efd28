// OpenAI: what POST /v1/chat/completions answers.

import { Type } from "@sinclair/typebox";
import { fits, must, only, same, skip } from "../check.ts";
import type { Check } from "../check.ts";
import { ChatCompletion, ErrorAnswer } from "./chat-shape.ts";
import { readEvents } from "../order.ts";
import * as prompt from "../prompts.ts";
import { parsed } from "../server.ts";
import {
  TOOLS,
  user,
  ask,
  succeeded,
  whole,
  stream,
  spoken,
  callsFor,
  chat,
  accepted,
} from "./chat-asking.ts";

export const CHAT: readonly Check[] = [
  chat("whole answers", "has the specified form, and the text that was said", async (server) => {
    const { answer, choice } = await whole(server, prompt.say(prompt.SPOKEN));
    spoken(server, choice.message.content);
    same("the reason to end", choice.finish_reason, "stop");
    same("the model", answer.model, server.model);
  }),
  chat(
    "streamed answers",
    "role, text, one reason to end, [DONE], in this order",
    async (server) => {
      const read = await stream(server, prompt.say(prompt.SPOKEN));
      spoken(server, read.text);
      same("the reason to end", read.finish, "stop");
      must(read.chunks.length > 4 || !server.rehearses, "the text comes in one piece");
    },
  ),
  chat("usage", "whole: three counts that add up", async (server) => {
    const { answer } = await whole(server, prompt.count(11, 7));
    const { prompt_tokens: asked, completion_tokens: said, total_tokens: all } = answer.usage;
    same("the total", all, asked + said);
    if (server.rehearses) same("the counts", [asked, said], [11, 7]);
  }),
  chat("usage", "streamed: in one chunk of its own at the end, if asked for", async (server) => {
    const options = { stream_options: { include_usage: true } };
    const { usage, text } = await stream(server, prompt.count(11, 7), options);
    must(usage !== undefined, "there is no chunk of usage");
    if (server.rehearses) same("the counts", [usage.prompt_tokens, usage.total_tokens], [11, 18]);
    spoken(server, text);
  }),
  chat("usage", "streamed: nowhere if not asked for", async (server) => {
    for (const options of [null, {}, { include_usage: false }]) {
      const { usage } = await stream(server, prompt.count(11, 7), { stream_options: options });
      must(usage === undefined, "there is a chunk of usage");
    }
  }),
  {
    ...chat("reasoning", "beside the text, under both names that clients read", async (server) => {
      const { choice } = await whole(server, prompt.think());
      const { reasoning_content: one, reasoning: other, content } = choice.message;
      same("the reasoning", [one, other], [prompt.THOUGHT, prompt.THOUGHT]);
      spoken(server, content);
      const read = await stream(server, prompt.think());
      same("the streamed reasoning", read.reasoning, prompt.THOUGHT);
      spoken(server, read.text);
    }),
    ours: true,
  },
  chat("tool calls", "whole: an id, a name and JSON; ends with tool_calls", async (server) => {
    const { choice } = await whole(server, prompt.callTool(prompt.CITY), { tools: TOOLS });
    const calls = choice.message.tool_calls ?? [];
    callsFor(
      server,
      calls.map((call) => call.function),
      [prompt.CITY],
    );
    same("the reason to end", choice.finish_reason, "tool_calls");
  }),
  chat("tool calls", "streamed: one after the other, each id and name once", async (server) => {
    const cities = [prompt.CITY, "Rome"];
    const { calls, finish } = await stream(server, prompt.callTool(...cities), { tools: TOOLS });
    callsFor(server, calls, cities);
    same("the number of ids", new Set(calls.map(({ id }) => id)).size, calls.length);
    same("the reason to end", finish, "tool_calls");
  }),
  chat("tool results", "go back to the agent, also with contents of parts", async (server) => {
    const question = user(prompt.callTool(prompt.CITY));
    const { choice } = await whole(server, question.content as string, { tools: TOOLS });
    const [call] = choice.message.tool_calls ?? [];
    if (call === undefined) skip("the model called no tool");
    for (const content of [prompt.WEATHER, [{ type: "text", text: prompt.WEATHER }]]) {
      const result = { role: "tool", tool_call_id: call.id, content };
      const messages = [question, choice.message, result];
      const { choice: next } = await whole(server, "", { messages, tools: TOOLS });
      if (server.rehearses) same("the answer", next.message.content, prompt.WEATHER);
    }
  }),
  chat("answers in JSON", "json_object and json_schema answer with JSON", async (server) => {
    const named = { name: "place", schema: prompt.SCHEMA, strict: true };
    for (const format of [{ type: "json_object" }, { type: "json_schema", json_schema: named }]) {
      const { choice } = await whole(server, prompt.say(prompt.JSON_TEXT), {
        response_format: format,
      });
      must(
        typeof parsed(choice.message.content ?? "") === "object",
        "the answer is no JSON object",
      );
      if (server.rehearses) same("the answer", choice.message.content, prompt.JSON_TEXT);
    }
    await accepted({ response_format: { type: "text" } }, { response_format: null })(server);
  }),
  {
    ...chat("answers in JSON", "what breaks the schema is repaired or an error", async (server) => {
      const named = { name: "place", schema: prompt.SCHEMA, strict: true };
      const format = { response_format: { type: "json_schema", json_schema: named } };
      const broken = `${prompt.unique()}\n${prompt.say('{"town":1}')}`;
      const answer = await ask(server, broken, format);
      if (answer.status !== 200) return void fits(ErrorAnswer, answer.json);
      const { content } = only("choices", fits(ChatCompletion, answer.json).choices).message;
      fits(
        Type.Object({ city: Type.String() }, { additionalProperties: false }),
        parsed(content ?? ""),
      );
    }),
    ours: true,
  },
  {
    ...chat("stop sequences", "end the answer before them, whole and streamed", async (server) => {
      for (const stop of [" three", [" three", "nowhere"]]) {
        const { choice } = await whole(server, prompt.say(prompt.SPOKEN), { stop });
        same("the answer", choice.message.content, "One two");
        same("the reason to end", choice.finish_reason, "stop");
        const read = await stream(server, prompt.say(prompt.SPOKEN), { stop });
        same("the streamed answer", read.text, "One two");
      }
      await accepted({ stop: null }, { stop: [] })(server);
    }),
    ours: true,
  },
  {
    ...chat("failures in a stream", "an error without choices, and no [DONE]", async (server) => {
      const answer = succeeded(await ask(server, prompt.failHalfway(), { stream: true }));
      const last = readEvents(answer.text).at(-1);
      must(answer.text.includes('"half "'), "what was said before is not there");
      const { error } = fits(ErrorAnswer, parsed(last?.data ?? ""));
      must(error.message.includes("It fell over."), "the message does not say what happened");
      must(!answer.text.includes("[DONE]"), "there is a [DONE] in a stream that failed");
    }),
    ours: true,
  },
];
