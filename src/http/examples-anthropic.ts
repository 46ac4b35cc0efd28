// Request bodies as Anthropic's clients really send them, for the OpenAPI document; a test sends each to the server.

import { MODEL, QUESTION } from "./examples-shared.ts";
import type { Examples } from "./examples-shared.ts";

export const ANTHROPIC_MESSAGES: Examples = {
  "A question": { model: MODEL, max_tokens: 1024, messages: [QUESTION] },
  "A streamed answer, with what was thought": {
    model: MODEL,
    max_tokens: 16_000,
    system: [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }],
    messages: [{ role: "user", content: [{ type: "text", text: "Explain this function." }] }],
    thinking: { type: "adaptive" },
    stream: true,
  },
  "An offer of tools": {
    model: MODEL,
    max_tokens: 1024,
    messages: [{ role: "user", content: "What is in README.md?" }],
    tools: [
      {
        name: "read_file",
        description: "Reads a file of the workspace.",
        input_schema: {
          type: "object",
          properties: { path: { type: "string" } },
          required: ["path"],
        },
      },
    ],
    tool_choice: { type: "auto", disable_parallel_tool_use: true },
  },
};

export const ANTHROPIC_COUNT_TOKENS: Examples = {
  "A question": { model: MODEL, messages: [QUESTION] },
};
