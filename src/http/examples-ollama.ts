// Request bodies as Ollama's clients really send them, for the OpenAPI document; a test sends each to the server.

import { MODEL, QUESTION, READ_FILE } from "./examples-shared.ts";
import type { Examples } from "./examples-shared.ts";

const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

export const OLLAMA_CHAT: Examples = {
  "A question, answered line by line": { model: MODEL, messages: [QUESTION] },
  "A whole answer": {
    model: MODEL,
    messages: [QUESTION],
    stream: false,
    options: { temperature: 0.2, num_predict: 1024 },
  },
  "An offer of tools, with thinking": {
    model: MODEL,
    messages: [{ role: "user", content: "What is in README.md?" }],
    tools: [READ_FILE],
    think: true,
  },
  "The result of a tool": {
    model: MODEL,
    messages: [
      { role: "user", content: "What is in README.md?" },
      {
        role: "assistant",
        content: "",
        tool_calls: [{ function: { name: "read_file", arguments: { path: "README.md" } } }],
      },
      { role: "tool", tool_name: "read_file", content: "# A project" },
    ],
    tools: [READ_FILE],
  },
  "A picture": {
    model: MODEL,
    messages: [{ role: "user", content: "What is this?", images: [PIXEL] }],
  },
  "An answer in JSON": { model: MODEL, messages: [QUESTION], format: "json", stream: false },
  "Whether the model is there": { model: MODEL },
};

export const OLLAMA_GENERATE: Examples = {
  "A prompt": { model: MODEL, prompt: "Say hello.", stream: false },
  "A prompt, answered line by line": { model: MODEL, prompt: "Say hello." },
  "A gap to fill in": {
    model: MODEL,
    prompt: "const greeting = ",
    suffix: ";",
    options: { num_predict: 64, stop: ["\n"] },
  },
  "A model to let go": { model: MODEL, keep_alive: 0 },
};

export const OLLAMA_SHOW: Examples = {
  "A model": { model: MODEL },
  "A model, by the older spelling": { name: MODEL },
};

export const OLLAMA_PULL: Examples = {
  "A listed model, line by line": { model: MODEL },
  "A listed model": { model: MODEL, stream: false },
};

export const OLLAMA_EMBED: Examples = {
  "Two texts": { model: "nomic-embed-text", input: ["The quick brown fox", "The lazy dog"] },
};

export const OLLAMA_EMBEDDINGS: Examples = {
  "A text": { model: "nomic-embed-text", prompt: "The quick brown fox" },
};
