// Void: its settings are in the editor's own encrypted storage, so a person enters them. Two of its providers fit; what
// it makes of a model follows from the model's name alone.

import { openaiBase, secretBase, VOID_MODEL } from "./editor.ts";
import type { StepsEditor } from "./editor.ts";

export const voidEditor = {
  kind: "steps",
  name: "void",
  title: "Void",
  model: VOID_MODEL,
  steps: (endpoint) => [
    "1. Open Void's settings (the gear).",
    "2. At the local providers, Ollama, set Endpoint to:",
    "",
    `     ${secretBase(endpoint)}`,
    "",
    "   The key is part of this address: treat it as a secret. The models appear by themselves.",
    `3. At Chat, choose the model ${endpoint.model}.`,
    "",
    "Or with the provider OpenAI-Compatible, which also shows an agent's reasoning; all three fields are needed:",
    "",
    `     baseURL         ${openaiBase(endpoint)}`,
    `     API Key         ${endpoint.key}`,
    "     Custom Headers  {}",
    "",
    `   Then add the model ${endpoint.model} by hand, with the same provider.`,
    "",
    "Void takes what a model can do from its name: with a name that it does not know it sends 5,000 characters.",
  ],
  undo: "In Void's settings, put Ollama's Endpoint back to http://127.0.0.1:11434, or empty OpenAI-Compatible.",
} satisfies StepsEditor;
