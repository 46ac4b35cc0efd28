// Cline: its settings and keys are in the editor's storage; its command line asks for them (docs.cline.bot).

import { AGENT_MODEL, openaiBase } from "./editor.ts";
import type { StepsEditor } from "./editor.ts";

export const cline = {
  kind: "steps",
  name: "cline",
  title: "Cline",
  model: AGENT_MODEL,
  steps: (endpoint) => [
    "In the editor: open Cline's settings (its gear) and set",
    "",
    "     API Provider  OpenAI Compatible",
    `     Base URL      ${openaiBase(endpoint)}`,
    `     API Key       ${endpoint.key}`,
    `     Model ID      ${endpoint.model}`,
    "",
    "For the command line: run `cline auth`, choose to use your own API key, and enter the same four.",
  ],
  undo: "In Cline's settings, choose another API Provider.",
} satisfies StepsEditor;
