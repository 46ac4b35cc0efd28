// Codex CLI: a model provider in config.toml (developers.openai.com/codex, config reference), and the choice of it. It
// speaks the Responses API only.

import { AGENT_MODEL, contextTokens, openaiBase, PROVIDER_ID, PROVIDER_TITLE } from "./editor.ts";
import type { FileEditor, Place } from "./editor.ts";
import { inFolderOf } from "./places.ts";
import { toml } from "./toml.ts";

export const codex = {
  kind: "file",
  name: "codex",
  title: "Codex CLI",
  model: AGENT_MODEL,
  locate: (place: Place) => [
    inFolderOf(place, { variable: "CODEX_HOME", otherwise: [".codex"] }, "config.toml"),
  ],
  format: toml,
  skeleton: "",
  entries: (endpoint) => [
    { path: ["model"], value: endpoint.model },
    { path: ["model_provider"], value: PROVIDER_ID },
    { path: ["model_context_window"], value: contextTokens(endpoint) },
    {
      path: ["model_providers", PROVIDER_ID],
      value: {
        name: PROVIDER_TITLE,
        base_url: openaiBase(endpoint),
        wire_api: "responses",
        // Codex would send a prompt again whose stream broke off after items had come: another run of the agent.
        request_max_retries: 0,
        stream_max_retries: 0,
        experimental_bearer_token: endpoint.key,
      },
    },
  ],
  next: "The next `codex` that you start uses it.",
} satisfies FileEditor;
