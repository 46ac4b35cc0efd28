// Copilot Chat in VS Code: models of one's own are added in its own view, which keeps keys in the system's keychain.

import {
  AGENT_MODEL,
  contextTokens,
  openaiBase,
  OUTPUT_TOKENS,
  PROVIDER_TITLE,
  secretBase,
} from "./editor.ts";
import type { Endpoint, StepsEditor } from "./editor.ts";

export const copilotChat = {
  kind: "steps",
  name: "copilot-chat",
  title: "VS Code Copilot Chat",
  model: AGENT_MODEL,
  steps: (endpoint) => [
    "1. In VS Code, run the command Chat: Manage Language Models, then Add Models, Ollama.",
    "2. Enter as the address:",
    "",
    `     ${secretBase(endpoint)}`,
    "",
    "   The key is part of it: treat it as a secret.",
    `3. Make ${endpoint.model} visible in the list, and choose it in the chat.`,
    "",
    "Or, from VS Code 1.122, Add Models, Custom Endpoint, with the API type Chat Completions and the key",
    "",
    `     ${endpoint.key}`,
    "",
    "and in the chatLanguageModels.json that opens, as its models:",
    "",
    ...JSON.stringify(models(endpoint), null, 2)
      .split("\n")
      .map((line) => `     ${line}`),
  ],
  undo: `In VS Code, run the command Chat: Manage Language Models and remove what you added.`,
} satisfies StepsEditor;

/** As in VS Code's documentation of custom endpoints. */
function models(endpoint: Endpoint): readonly object[] {
  return [
    {
      id: endpoint.model,
      name: PROVIDER_TITLE,
      url: `${openaiBase(endpoint)}/chat/completions`,
      toolCalling: true,
      vision: true,
      maxInputTokens: contextTokens(endpoint),
      maxOutputTokens: OUTPUT_TOKENS,
    },
  ];
}
