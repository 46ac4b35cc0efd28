// Anthropic: what POST /v1/messages and /v1/messages/count_tokens answer.

import { Counted, ErrorAnswer, readFailure } from "./shape.ts";
import { fits, must, same, shorten, skip } from "../check.ts";
import type { Check } from "../check.ts";
import * as prompt from "../prompts.ts";
import { parsed } from "../server.ts";
import {
  PATH,
  TOOLS,
  user,
  anthropic,
  ask,
  whole,
  stream,
  textOf,
  thinkingOf,
  toolsOf,
  spoken,
} from "./asking.ts";

export const ANTHROPIC: readonly Check[] = [
  anthropic(
    "whole answers",
    "has the specified form, and the text that was said",
    async (server) => {
      const message = await whole(server, prompt.say(prompt.SPOKEN));
      spoken(server, textOf(message));
      same("the reason to end", [message.stop_reason, message.stop_sequence], ["end_turn", null]);
      same("the model", message.model, server.model);
    },
  ),
  anthropic(
    "streamed answers",
    "every event as specified, in the published order",
    async (server) => {
      const { text, stopReason } = await stream(server, prompt.say(prompt.SPOKEN));
      spoken(server, text);
      same("the reason to end", stopReason, "end_turn");
    },
  ),
  anthropic("usage", "whole, and in message_delta", async (server) => {
    const { usage } = await whole(server, prompt.count(11, 7));
    const { outputTokens } = await stream(server, prompt.count(11, 7));
    if (!server.rehearses) return;
    same("the counts", [usage.input_tokens, usage.output_tokens, outputTokens], [11, 7, 7]);
  }),
  {
    ...anthropic(
      "reasoning",
      "a block of thinking before the text, if asked for",
      async (server) => {
        const more = { max_tokens: 2048, thinking: { type: "enabled", budget_tokens: 1024 } };
        const message = await whole(server, prompt.think(), more);
        same(
          "the kinds of blocks",
          message.content.map(({ type }) => type),
          ["thinking", "text"],
        );
        same("the thinking", thinkingOf(message), prompt.THOUGHT);
        const { thinking, text } = await stream(server, prompt.think(), more);
        same("the streamed thinking", thinking, prompt.THOUGHT);
        spoken(server, text);
        const without = await whole(server, prompt.think(), { thinking: { type: "disabled" } });
        same("the thinking that nobody asked for", thinkingOf(without), "");
      },
    ),
    ours: true,
  },
  anthropic(
    "tool calls",
    "blocks with an id, a name and an object, whole and streamed",
    async (server) => {
      const cities = [prompt.CITY, "Rome"];
      const message = await whole(server, prompt.callTool(...cities), { tools: TOOLS });
      const streamed = await stream(server, prompt.callTool(...cities), { tools: TOOLS });
      for (const [tools, reason] of [
        [toolsOf(message), message.stop_reason],
        [streamed.tools, streamed.stopReason],
      ] as const) {
        if (tools.length === 0 && !server.rehearses) skip("the model called no tool");
        same("the reason to end", reason, "tool_use");
        same("the number of ids", new Set(tools.map(({ id }) => id)).size, tools.length);
        const given = tools.map(({ input }) => input);
        if (server.rehearses)
          same(
            "the input",
            given,
            cities.map((city) => ({ city })),
          );
      }
    },
  ),
  anthropic("tool results", "go back to the agent, as text or as blocks", async (server) => {
    const question = user(prompt.callTool(prompt.CITY));
    const { content } = await whole(server, question.content, { tools: TOOLS });
    const tool = content.find((block) => block.type === "tool_use");
    if (tool === undefined) skip("the model called no tool");
    for (const result of [prompt.WEATHER, [{ type: "text", text: prompt.WEATHER }]]) {
      const block = { type: "tool_result", tool_use_id: tool.id, content: result, is_error: false };
      const messages = [question, { role: "assistant", content }, user([block])];
      const next = await whole(server, "", { messages, tools: TOOLS });
      if (server.rehearses) same("the answer", textOf(next), prompt.WEATHER);
    }
  }),
  anthropic("answers in JSON", "by `output_config.format`, whole and streamed", async (server) => {
    const more = { output_config: { format: { type: "json_schema", schema: prompt.SCHEMA } } };
    const message = await whole(server, prompt.say(prompt.JSON_TEXT), more);
    const streamed = await stream(server, prompt.say(prompt.JSON_TEXT), more);
    for (const text of [textOf(message), streamed.text]) {
      must(typeof parsed(text) === "object", `the answer is no JSON: ${shorten(text)}`);
      if (server.rehearses) same("the answer", text, prompt.JSON_TEXT);
    }
  }),
  {
    ...anthropic("stop sequences", "end the answer, and are named", async (server) => {
      const more = { stop_sequences: [" three", "nowhere"] };
      const message = await whole(server, prompt.say(prompt.SPOKEN), more);
      same("the answer", textOf(message), "One two");
      same(
        "the reason to end",
        [message.stop_reason, message.stop_sequence],
        ["stop_sequence", " three"],
      );
      const streamed = await stream(server, prompt.say(prompt.SPOKEN), more);
      same("the streamed answer", streamed.text, "One two");
      same(
        "the reason to end",
        [streamed.stopReason, streamed.stopSequence],
        ["stop_sequence", " three"],
      );
    }),
    ours: true,
  },
  anthropic("counting tokens", "a number that grows with the conversation", async (server) => {
    const count = async (content: string) => {
      const body = {
        model: server.model,
        messages: [user(content)],
        system: "Be brief.",
        tools: TOOLS,
      };
      const answer = await server.send(`${PATH}/count_tokens?beta=true`, { body });
      if (answer.status === 404 && !server.rehearses) skip("it counts none");
      return fits(Counted, answer.json).input_tokens;
    };
    must((await count("word ".repeat(500))) > (await count("word")), "it does not grow");
    const bad = await server.send(`${PATH}/count_tokens`, { body: { model: server.model } });
    same("the status without messages", bad.status, 400);
    fits(ErrorAnswer, bad.json);
  }),
  {
    ...anthropic(
      "failures in a stream",
      "an event of its own, and no message_stop",
      async (server) => {
        const answer = await ask(server, prompt.failHalfway(), { stream: true });
        const { text, error } = readFailure(answer.text);
        same("what was said before", text, "half ");
        must(error.message.includes("It fell over."), "the message does not say what happened");
        must(error.type !== "overloaded_error", "Claude Code would send it again");
      },
    ),
    ours: true,
  },
];
