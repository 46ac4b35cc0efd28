// Open WebUI: connections are kept in its database; its variables count at its first start only.

import { AGENT_MODEL, openaiBase } from "./editor.ts";
import type { StepsEditor } from "./editor.ts";

export const openWebui = {
  kind: "steps",
  name: "open-webui",
  title: "Open WebUI",
  model: AGENT_MODEL,
  steps: (endpoint) => [
    "1. In Open WebUI as an administrator: Admin Panel, Settings, Connections.",
    "2. At OpenAI API, add a connection:",
    "",
    `     URL  ${openaiBase(endpoint)}`,
    `     Key  ${endpoint.key}`,
    "",
    `3. Choose ${endpoint.model} in a new chat.`,
    "",
    "For its very first start the same by variables: OPENAI_API_BASE_URL and OPENAI_API_KEY.",
    "In a container 127.0.0.1 is the container itself: docs/editors/open-webui.md says what to do.",
  ],
  undo: "In Open WebUI, remove the connection in Admin Panel, Settings, Connections.",
} satisfies StepsEditor;
