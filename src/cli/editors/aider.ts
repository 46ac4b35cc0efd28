// aider: keys of .aider.conf.yml in the home folder (aider.chat/docs/config/aider_conf.html). `openai/` in front of the
// model's name is aider's own mark for an OpenAI-compatible server.

import { AGENT_MODEL, openaiBase } from "./editor.ts";
import type { FileEditor, Place } from "./editor.ts";
import { inHome } from "./places.ts";
import { yaml } from "./yaml.ts";

export const aider = {
  kind: "file",
  name: "aider",
  title: "aider",
  model: AGENT_MODEL,
  locate: (place: Place) => [inHome(place, ".aider.conf.yml")],
  format: yaml,
  skeleton: "",
  entries: (endpoint) => [
    { path: ["model"], value: `openai/${endpoint.model}` },
    { path: ["openai-api-base"], value: openaiBase(endpoint) },
    { path: ["openai-api-key"], value: endpoint.key },
  ],
  next: "The next `aider` that you start uses it.",
} satisfies FileEditor;
