// Programs of one's own: the variables that the SDKs read, and for Ollama's the address that takes the place of a key. A
// shell can run what is printed, as in `eval "$(mlp connect openai)"`: everything else in it is a comment.

import { AGENT_MODEL, openaiBase, secretBase } from "./editor.ts";
import type { Place, StepsEditor } from "./editor.ts";

const undo = "Take the variables out of your shell again.";

export const openaiSdk = {
  kind: "steps",
  name: "openai",
  title: "The OpenAI SDKs",
  model: AGENT_MODEL,
  steps: (endpoint, place) => [
    ...variables(place, { OPENAI_BASE_URL: openaiBase(endpoint), OPENAI_API_KEY: endpoint.key }),
    `# The model is ${endpoint.model}. Both openai for Python and openai for JavaScript read these variables.`,
  ],
  undo,
} satisfies StepsEditor;

export const anthropicSdk = {
  kind: "steps",
  name: "anthropic",
  title: "The Anthropic SDKs",
  model: AGENT_MODEL,
  steps: ({ base, key, model }, place) => [
    ...variables(place, { ANTHROPIC_BASE_URL: base, ANTHROPIC_API_KEY: key }),
    `# The model is ${model}. The address has no /v1: the SDKs add it.`,
  ],
  undo,
} satisfies StepsEditor;

export const ollamaSdk = {
  kind: "steps",
  name: "ollama",
  title: "The Ollama SDKs",
  model: AGENT_MODEL,
  steps: (endpoint, place) => [
    "# For ollama in Python:",
    ...variables(place, { OLLAMA_HOST: secretBase(endpoint) }),
    "# For ollama in JavaScript, which reads no variable:",
    `#   new Ollama({ host: ${JSON.stringify(secretBase(endpoint))} })`,
    `# The model is ${endpoint.model}. The key is part of the address: treat it as a secret.`,
  ],
  undo,
} satisfies StepsEditor;

function variables(
  { platform }: Place,
  values: Readonly<Record<string, string>>,
): readonly string[] {
  return Object.entries(values).map(([name, value]) =>
    platform === "win32" ? `$env:${name} = '${value}'` : `export ${name}='${value}'`,
  );
}
