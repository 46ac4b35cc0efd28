// Continue: `models` of config.yaml (docs.continue.dev/reference). It reads one file only: config.yaml, else the older
// config.json.

import { AGENT_MODEL, contextTokens, openaiBase, OUTPUT_TOKENS, PROVIDER_TITLE } from "./editor.ts";
import type { FileEditor, Place } from "./editor.ts";
import { inFolderOf } from "./places.ts";
import { yaml } from "./yaml.ts";

const folder = { variable: "CONTINUE_GLOBAL_DIR", otherwise: [".continue"] };

export const continueEditor = {
  kind: "file",
  name: "continue",
  title: "Continue",
  model: AGENT_MODEL,
  locate: (place: Place) => [inFolderOf(place, folder, "config.yaml")],
  olderFiles: (place: Place) => [inFolderOf(place, folder, "config.json")],
  format: yaml,
  skeleton: "name: Local Config\nversion: 1.0.0\nschema: v1\n",
  entries: (endpoint) => [
    {
      path: ["models", { name: PROVIDER_TITLE }],
      value: {
        name: PROVIDER_TITLE,
        provider: "openai",
        model: endpoint.model,
        apiBase: openaiBase(endpoint),
        apiKey: endpoint.key,
        roles: ["chat", "edit", "apply"],
        capabilities: ["tool_use", "image_input"],
        defaultCompletionOptions: {
          contextLength: contextTokens(endpoint),
          maxTokens: OUTPUT_TOKENS,
        },
      },
    },
  ],
  next: `In Continue, choose the model "${PROVIDER_TITLE}".`,
} satisfies FileEditor;
