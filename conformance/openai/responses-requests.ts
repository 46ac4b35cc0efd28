// OpenAI: what clients send to POST /v1/responses, and what has to be taken.

import { must, shorten } from "../check.ts";
import type { Check } from "../check.ts";
import * as prompt from "../prompts.ts";
import { TOOLS, responses, whole, textOf, spoken, accepted, user } from "./responses-asking.ts";

export const RESPONSE_REQUESTS: readonly Check[] = [
  responses(
    "tool definitions",
    "none, loose ones, and OpenAI's own, which are skipped",
    accepted(
      { tools: [] },
      { tools: null },
      {
        tools: [
          { type: "function", name: "bare" },
          { type: "function", name: "loose", parameters: null, strict: null },
        ],
      },
      {
        tools: [
          { type: "web_search" },
          { type: "local_shell" },
          { type: "image_generation" },
          { type: "of_the_future" },
          ...TOOLS,
        ],
      },
      { tools: TOOLS, tool_choice: "auto", parallel_tool_calls: false },
    ),
  ),
  {
    ...responses("images", "as a data address", async (server) => {
      const image = `data:image/png;base64,${prompt.PIXEL}`;
      const content = [
        { type: "input_text", text: "How many images do you see?" },
        { type: "input_image", image_url: image, detail: "auto" },
      ];
      const text = textOf(await whole(server, [user(content)]));
      must(
        !server.rehearses || text.includes("1 image"),
        `the agent saw no image: ${shorten(text)}`,
      );
    }),
    ability: true,
  },
  responses(
    "roles and contents",
    "items of every kind, with and without a type",
    async (server) => {
      const input = [
        { role: "developer", content: "Be brief." },
        { role: "system", content: [{ type: "input_text", text: "Be kind." }] },
        { role: "user", content: "one" },
        { type: "reasoning", id: "rs_1", summary: [], encrypted_content: null },
        {
          type: "message",
          role: "assistant",
          content: [{ type: "output_text", text: "two", annotations: [] }],
        },
        {
          type: "function_call",
          call_id: "call_1",
          name: prompt.TOOL.name,
          arguments: "{}",
          id: null,
        },
        { type: "function_call_output", call_id: "call_1", output: "sun" },
        { type: "of_the_future", value: 1 },
        user([{ type: "input_text", text: prompt.say(prompt.SPOKEN) }]),
      ];
      spoken(
        server,
        textOf(await whole(server, input, { instructions: "Be quick.", tools: TOOLS })),
      );
    },
  ),
  responses(
    "unknown fields and nulls",
    "what clients add is taken, and null anywhere",
    accepted(
      {
        temperature: 1,
        top_p: 1,
        max_output_tokens: 500,
        metadata: { a: "b" },
        user: "me",
        include: ["reasoning.encrypted_content"],
        service_tier: "auto",
        store: false,
        prompt_cache_key: "a",
        safety_identifier: "b",
        truncation: "auto",
        client_metadata: { a: "b" },
        "something-else": [null],
      },
      Object.fromEntries(
        [
          "temperature",
          "top_p",
          "max_output_tokens",
          "metadata",
          "user",
          "include",
          "instructions",
          "reasoning",
          "previous_response_id",
          "service_tier",
          "store",
          "stream",
          "text",
          "tool_choice",
          "tools",
          "parallel_tool_calls",
          "truncation",
          "prompt",
          "stream_options",
        ].map((name) => [name, null]),
      ),
    ),
  ),
];
