// opencode: a provider of its own in the user's opencode.json or opencode.jsonc (opencode.ai/v1/docs/providers, which
// its second version reads too).

import {
  AGENT_MODEL,
  contextTokens,
  openaiBase,
  OUTPUT_TOKENS,
  PROVIDER_ID,
  PROVIDER_TITLE,
} from "./editor.ts";
import type { FileEditor, Place } from "./editor.ts";
import { jsonc } from "./jsonc.ts";
import { inFolderOf, pathOf } from "./places.ts";

/** On every system. */
const folder = { variable: "XDG_CONFIG_HOME", otherwise: [".config"] };

export const opencode = {
  kind: "file",
  name: "opencode",
  title: "opencode",
  model: AGENT_MODEL,
  locate: (place: Place) =>
    ["opencode.json", "opencode.jsonc"].map((file) =>
      inFolderOf(place, folder, pathOf(place).join("opencode", file)),
    ),
  format: jsonc,
  skeleton: '{\n  "$schema": "https://opencode.ai/config.json"\n}\n',
  entries: (endpoint) => [
    {
      path: ["provider", PROVIDER_ID],
      value: {
        npm: "@ai-sdk/openai-compatible",
        name: PROVIDER_TITLE,
        options: { baseURL: openaiBase(endpoint), apiKey: endpoint.key },
        models: {
          [endpoint.model]: {
            name: endpoint.model,
            limit: { context: contextTokens(endpoint), output: OUTPUT_TOKENS },
          },
        },
      },
    },
  ],
  next: `In opencode, choose the model below ${PROVIDER_TITLE} with /models.`,
} satisfies FileEditor;
