// Ollama: what clients send to chat and generate, and what has to be taken.

import { must, shorten } from "../check.ts";
import type { Check } from "../check.ts";
import * as prompt from "../prompts.ts";
import { user, chat, generate, spoken, ollama, accepted } from "./asking.ts";

export const OLLAMA_REQUESTS: readonly Check[] = [
  ollama(
    "tool definitions",
    "none, and ones without a type or parameters",
    accepted(
      { tools: [] },
      { tools: null },
      { tools: [{ function: { name: "bare" } }] },
      {
        tools: [
          { type: "function", function: { name: "loose", parameters: { properties: { a: {} } } } },
        ],
      },
    ),
  ),
  {
    ...ollama("images", "in chat and generate", async (server) => {
      const content = "How many images do you see?";
      const images = [prompt.PIXEL];
      const { message } = await chat(server, "", { messages: [{ ...user(content), images }] });
      const { response } = await generate(server, content, { images });
      for (const text of [message.content, response]) {
        must(
          !server.rehearses || text.includes("1 image"),
          `the agent saw no image: ${shorten(text)}`,
        );
      }
      await accepted({ images: null })(server);
    }),
    ability: true,
  },
  ollama("roles and contents", "every role, nulls and empty texts", async (server) => {
    const messages = [
      { role: "system", content: "Be brief." },
      { ...user("one"), images: null, tool_calls: null, thinking: null },
      { role: "assistant", content: "", thinking: "Hm.", tool_calls: [] },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ function: { name: "a", arguments: {} } }],
      },
      { role: "tool", content: "sun" },
      { role: "system", content: "And later." },
      user(prompt.say(prompt.SPOKEN)),
    ];
    spoken(server, (await chat(server, "", { messages })).message.content);
  }),
  ollama(
    "unknown fields and nulls",
    "options of any kind, `think` and `keep_alive` in every form",
    accepted(
      {
        options: {
          num_ctx: 32768,
          num_predict: 500,
          temperature: 0.1,
          top_k: 20,
          min_p: null,
          seed: null,
          mirostat: 1,
          stop: null,
          "of-mine": [1],
        },
      },
      { options: null, keep_alive: null, think: null, tools: null, format: null },
      { think: false, keep_alive: -1, truncate: true, shift: false, logprobs: false },
      { keep_alive: "5m", "something-else": { a: 1 } },
      {
        keep_alive: 1800,
        raw: false,
        system: "Be brief.",
        template: "",
        context: null,
        suffix: null,
      },
    ),
  ),
];
