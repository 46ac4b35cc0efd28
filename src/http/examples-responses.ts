// Bodies of `/v1/responses` as clients really send them, for the OpenAPI document; a test sends each to the server.

import { MODEL } from "./examples-shared.ts";
import type { Examples } from "./examples-shared.ts";

export const OPENAI_RESPONSES: Examples = {
  "A question": { model: MODEL, input: "Explain this function." },
  "A streamed answer, not kept, as Codex asks for it": {
    model: MODEL,
    instructions: "You are a coding agent.",
    input: [
      {
        type: "message",
        role: "user",
        content: [{ type: "input_text", text: "What is in README.md?" }],
      },
    ],
    tools: [
      {
        type: "function",
        name: "shell",
        description: "Runs a command.",
        strict: false,
        parameters: {
          type: "object",
          properties: { command: { type: "array", items: { type: "string" } } },
          required: ["command"],
        },
      },
      { type: "web_search", external_web_access: false },
    ],
    tool_choice: "auto",
    parallel_tool_calls: false,
    reasoning: { effort: "medium", summary: "auto" },
    store: false,
    stream: true,
    include: ["reasoning.encrypted_content"],
    prompt_cache_key: "conversation-1",
  },
  "An answer as JSON": {
    model: MODEL,
    input: [{ role: "user", content: '/rehearse say {"name": "Ada"}' }],
    max_output_tokens: 1024,
    text: { format: { type: "json_object" } },
  },
};
