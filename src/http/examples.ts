// Request bodies as clients really send them, for the OpenAPI document; a test sends each to the server.

import { MODEL, QUESTION, READ_FILE } from "./examples-shared.ts";
import type { Examples } from "./examples-shared.ts";

export const OPENAI_CHAT: Examples = {
  "A question": { model: MODEL, messages: [QUESTION] },
  "A streamed answer, with usage at its end": {
    model: MODEL,
    messages: [{ role: "system", content: "Be brief." }, QUESTION],
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: 1024,
    temperature: 0.2,
  },
  "An offer of tools": {
    model: MODEL,
    messages: [{ role: "user", content: "What is in README.md?" }],
    tools: [READ_FILE],
    tool_choice: "auto",
  },
};

export const OPENAI_COMPLETION: Examples = {
  "A text to go on from": { model: MODEL, prompt: "Once upon a time", max_tokens: 64 },
  "The middle of a line, as an autocomplete asks for it": {
    model: MODEL,
    prompt: "def add(a, b):\n    return ",
    suffix: "\n\nprint(add(1, 2))",
    max_tokens: 64,
    stop: ["\n\n"],
  },
  "Several texts, answered one after the other": {
    model: MODEL,
    prompt: ["Once upon a time", "Long, long ago"],
    max_tokens: 64,
  },
  "A streamed answer that begins with the prompt": {
    model: MODEL,
    prompt: ["Once upon a time"],
    echo: true,
    stream: true,
    stream_options: { include_usage: true },
  },
};

export const OPENAI_FIM: Examples = {
  "The middle of a line": {
    model: MODEL,
    prompt: "def add(a, b):\n    return ",
    suffix: "\n\nprint(add(1, 2))",
    max_tokens: 64,
    stream: true,
  },
};

export const OPENAI_EMBEDDINGS: Examples = {
  "Two texts": { model: "nomic-embed-text", input: ["The quick brown fox", "The lazy dog"] },
};

export const APPROVE: Examples = {
  "What the configuration grants": {},
  "An hour, and no more than was shown": {
    approval_hash: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    ttl_seconds: 3600,
    max_requests: 500,
    max_tokens: null,
    scopes: ["inference", "tools"],
  },
};

export const EXTEND: Examples = { "Half an hour": { ttl_seconds: 1800 } };
export const NOTHING: Examples = { "Nothing to say": {} };

export const REGISTER: Examples = {
  "A session of a bridge": {
    session_id: "session-of-the-bridge",
    session_token: "a-token-of-that-session",
    agent_id: "agent-1",
    allowed_scopes: ["inference"],
    ttl_seconds: 300,
    label: "Agent of the bridge",
  },
};

export const REVOKE: Examples = { "A session": { session_id: "session-of-the-bridge" } };

export const CREATE_KEY: Examples = {
  "A key for everything": { label: "void" },
  "A key for one model, for a day": {
    label: "a notebook",
    ttl_seconds: 86_400,
    models: [MODEL],
  },
};
