// Claude Code: variables in `env` of the user's settings.json (code.claude.com/docs, environment variables). It adds
// `/v1/messages` to the address itself. Its lesser models are named too, since it asks them behind the scenes.

import { AGENT_MODEL, contextTokens } from "./editor.ts";
import type { FileEditor, Place } from "./editor.ts";
import { jsonc } from "./jsonc.ts";
import { inFolderOf } from "./places.ts";

const MODELS = [
  "ANTHROPIC_MODEL",
  "ANTHROPIC_DEFAULT_OPUS_MODEL",
  "ANTHROPIC_DEFAULT_SONNET_MODEL",
  "ANTHROPIC_DEFAULT_HAIKU_MODEL",
];

export const claudeCode = {
  kind: "file",
  name: "claude-code",
  title: "Claude Code",
  model: AGENT_MODEL,
  locate: (place: Place) => [
    inFolderOf(place, { variable: "CLAUDE_CONFIG_DIR", otherwise: [".claude"] }, "settings.json"),
  ],
  format: jsonc,
  skeleton: "{\n}\n",
  entries: (endpoint) => [
    { path: ["env", "ANTHROPIC_BASE_URL"], value: endpoint.base },
    { path: ["env", "ANTHROPIC_AUTH_TOKEN"], value: endpoint.key },
    ...MODELS.map((name) => ({ path: ["env", name], value: endpoint.model })),
    // It takes a model that it does not know for one with a million.
    { path: ["env", "CLAUDE_CODE_MAX_CONTEXT_TOKENS"], value: String(contextTokens(endpoint)) },
  ],
  next: "The next `claude` that you start uses it; /status shows the address.",
} satisfies FileEditor;
