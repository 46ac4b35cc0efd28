// OpenAI: what clients send to POST /v1/chat/completions, and what has to be taken.

import { fits, must, same, shorten } from "../check.ts";
import type { Check } from "../check.ts";
import { ChatCompletion, ErrorAnswer } from "./chat-shape.ts";
import * as prompt from "../prompts.ts";
import { TOOLS, user, ask, whole, spoken, chat, accepted } from "./chat-asking.ts";

export const CHAT_REQUESTS: readonly Check[] = [
  chat(
    "tool definitions",
    "none, and ones without a type or parameters",
    accepted(
      { tools: [] },
      { tools: null },
      { tools: [{ type: "function", function: { name: "bare" } }] },
      { tools: [{ function: { name: "bare", description: null, parameters: null } }] },
      {
        tools: [
          {
            type: "function",
            function: { name: "loose", parameters: { properties: { a: { description: "b" } } } },
          },
        ],
      },
    ),
  ),
  chat(
    "tool definitions",
    "every tool_choice and the older functions",
    accepted(
      ...["auto", "none", null].map((choice) => ({ tools: TOOLS, tool_choice: choice })),
      { tools: TOOLS, parallel_tool_calls: false },
      { functions: [prompt.TOOL], function_call: "auto" },
    ),
  ),
  {
    ...chat("images", "as a data address, in both forms that clients send", async (server) => {
      const address = `data:image/png;base64,${prompt.PIXEL}`;
      for (const image of [{ url: address, detail: "auto" }, address]) {
        const content = [
          { type: "text", text: "How many images do you see?" },
          { type: "image_url", image_url: image },
        ];
        const { choice } = await whole(server, "", { messages: [user(content)] });
        const text = choice.message.content ?? "";
        must(
          !server.rehearses || text.includes("1 image"),
          `the agent saw no image: ${shorten(text)}`,
        );
      }
    }),
    ability: true,
  },
  chat(
    "roles and contents",
    "every role, contents of parts, empty and repeated",
    async (server) => {
      const call = {
        id: "call_1",
        type: "function",
        function: { name: prompt.TOOL.name, arguments: '{"city":"Rome"}' },
      };
      const messages = [
        { role: "developer", content: "Be brief." },
        { role: "system", content: [{ type: "text", text: "Be kind." }] },
        { ...user("one"), name: "someone" },
        user("two"),
        { role: "assistant", content: null, tool_calls: [call], refusal: null, reasoning: "Hm." },
        { role: "tool", tool_call_id: "call_1", content: "sun" },
        { role: "assistant", content: "", anthropicReasoning: null, reasoning_details: [] },
        { role: "tool", tool_call_id: "of nobody", content: "" },
        { role: "system", content: "And later." },
        user(prompt.say(prompt.SPOKEN)),
      ];
      const { choice } = await whole(server, "", { messages, tools: TOOLS });
      spoken(server, choice.message.content);
    },
  ),
  chat(
    "roles and contents",
    "the shapes that Void sends for claude and gemini names",
    async (server) => {
      const last = prompt.say(prompt.SPOKEN);
      const claude = [
        user("one"),
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "Hm.", signature: "" },
            { type: "text", text: "Let me see." },
            { type: "tool_use", id: "toolu_1", name: "read_file", input: { uri: "a.txt" } },
          ],
        },
        user([
          { type: "tool_result", tool_use_id: "toolu_1", content: "three lines" },
          { type: "text", text: last },
        ]),
      ];
      const gemini = [
        { role: "user", parts: [{ text: "one" }] },
        { role: "model", parts: [{ text: "two" }] },
        { role: "user", parts: [{ text: last }] },
      ];
      for (const messages of [claude, gemini]) {
        const { choice } = await whole(server, "", { messages });
        spoken(server, choice.message.content);
      }
    },
  ),
  chat(
    "unknown fields and nulls",
    "what clients and routers add is taken",
    accepted(
      {
        temperature: 0.2,
        top_p: 1,
        frequency_penalty: 0,
        presence_penalty: 0,
        seed: 7,
        user: "me",
        max_tokens: 500,
        logit_bias: {},
        logprobs: false,
        n: 1,
        metadata: { a: "b" },
        store: false,
        reasoning_effort: "low",
        reasoning: { effort: "low" },
        verbosity: "low",
        service_tier: "auto",
        prediction: null,
        modalities: ["text"],
        keep_alive: -1,
        options: { num_ctx: 8192 },
        think: false,
        chat_template_kwargs: { enable_thinking: false },
        "something-else": [null, { deep: [] }],
      },
      { max_completion_tokens: 500 },
    ),
  ),
  chat(
    "unknown fields and nulls",
    "every optional field may be null",
    accepted(
      Object.fromEntries(
        [
          "temperature",
          "top_p",
          "frequency_penalty",
          "presence_penalty",
          "seed",
          "user",
          "stop",
          "max_tokens",
          "max_completion_tokens",
          "logit_bias",
          "logprobs",
          "top_logprobs",
          "n",
          "metadata",
          "store",
          "reasoning_effort",
          "reasoning",
          "tools",
          "tool_choice",
          "stream",
          "parallel_tool_calls",
          "response_format",
          "stream_options",
          "functions",
          "function_call",
          "service_tier",
          "audio",
          "modalities",
          "prediction",
          "verbosity",
        ].map((name) => [name, null]),
      ),
    ),
  ),
  chat("several answers", "one is given, more are refused by name", async (server) => {
    await accepted({ n: 1 })(server);
    const answer = await ask(server, prompt.say(prompt.SPOKEN), { n: 2 });
    if (answer.status === 200) {
      return same("the number of choices", fits(ChatCompletion, answer.json).choices.length, 2);
    }
    same("the status", answer.status, 400);
    return same("the field", fits(ErrorAnswer, answer.json).error.param, "n");
  }),
];
