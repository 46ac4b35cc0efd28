// What the examples of every dialect have in common.

export type Examples = Readonly<Record<string, object>>;

export const MODEL = "cursor-agent";
export const QUESTION = { role: "user", content: "Explain this function." };

/** In the form that OpenAI and Ollama share. */
export const READ_FILE = {
  type: "function",
  function: {
    name: "read_file",
    description: "Reads a file of the workspace.",
    parameters: {
      type: "object",
      properties: { path: { type: "string" } },
      required: ["path"],
    },
  },
};
