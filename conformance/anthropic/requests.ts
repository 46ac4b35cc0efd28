// Anthropic: what clients send to POST /v1/messages, and what has to be taken.

import { must, shorten } from "../check.ts";
import type { Check } from "../check.ts";
import * as prompt from "../prompts.ts";
import { TOOLS, user, anthropic, whole, textOf, spoken, accepted } from "./asking.ts";

export const ANTHROPIC_REQUESTS: readonly Check[] = [
  anthropic(
    "tool definitions",
    "none, loose ones, choices, and Anthropic's own, which are skipped",
    accepted(
      { tools: [] },
      {
        tools: [{ name: "loose", input_schema: { type: "object" } }],
        tool_choice: { type: "auto" },
      },
      { tools: TOOLS, tool_choice: { type: "none" } },
      { tools: TOOLS, tool_choice: { type: "auto", disable_parallel_tool_use: true } },
      {
        tools: [
          { type: "web_search_20250305", name: "web_search", max_uses: 3 },
          { ...TOOLS[0], type: "custom", cache_control: { type: "ephemeral" } },
        ],
      },
    ),
  ),
  {
    ...anthropic("images", "as base64", async (server) => {
      const content = [
        { type: "image", source: { type: "base64", media_type: "image/png", data: prompt.PIXEL } },
        { type: "text", text: "How many images do you see?" },
      ];
      const text = textOf(await whole(server, content));
      must(
        !server.rehearses || text.includes("1 image"),
        `the agent saw no image: ${shorten(text)}`,
      );
    }),
    ability: true,
  },
  anthropic(
    "roles and contents",
    "system as text or blocks, blocks of every kind, cache marks",
    async (server) => {
      const cached = { cache_control: { type: "ephemeral" } };
      const messages = [
        user("one"),
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "Hm.", signature: "of another server" },
            { type: "redacted_thinking", data: "abc" },
            { type: "text", text: "two" },
            { type: "tool_use", id: "toolu_1", name: prompt.TOOL.name, input: { city: "Rome" } },
          ],
        },
        user([
          { type: "tool_result", tool_use_id: "toolu_1", content: "sun", ...cached },
          { type: "document", source: { type: "text", media_type: "text/plain", data: "Notes." } },
          { type: "text", text: prompt.say(prompt.SPOKEN), ...cached },
        ]),
      ];
      for (const system of ["Be brief.", [{ type: "text", text: "Be brief.", ...cached }]]) {
        spoken(server, textOf(await whole(server, "", { messages, system, tools: TOOLS })));
      }
    },
  ),
  anthropic(
    "unknown fields and nulls",
    "what clients add is taken, and null for what is optional",
    accepted(
      {
        temperature: 1,
        top_p: 0.9,
        top_k: 5,
        metadata: { user_id: "me" },
        service_tier: "auto",
        betas: ["a"],
      },
      {
        output_config: { effort: "low" },
        context_management: { edits: [] },
        "something-else": [null],
      },
      Object.fromEntries(
        [
          "temperature",
          "top_p",
          "top_k",
          "metadata",
          "service_tier",
          "system",
          "stop_sequences",
          "stream",
          "thinking",
          "tool_choice",
          "tools",
        ].map((name) => [name, null]),
      ),
    ),
  ),
];
