// Zed: its Ollama provider (zed.dev/docs/ai/use-a-local-model). Keys are not in settings.json but in the keychain, so
// the address carries ours; models and their windows are found by themselves.

import { AGENT_MODEL, secretBase } from "./editor.ts";
import type { FileEditor, Place } from "./editor.ts";
import { jsonc } from "./jsonc.ts";
import { inFolderOf } from "./places.ts";

export const zed = {
  kind: "file",
  name: "zed",
  title: "Zed",
  model: AGENT_MODEL,
  locate: (place: Place) => [settings(place)],
  format: jsonc,
  skeleton: "{\n}\n",
  entries: (endpoint) => [
    { path: ["language_models", "ollama", "api_url"], value: secretBase(endpoint) },
  ],
  next: `In Zed's agent panel, choose ${AGENT_MODEL} or another model below Ollama.`,
} satisfies FileEditor;

function settings(place: Place): string {
  if (place.platform === "win32") {
    const appData = { variable: "APPDATA", otherwise: ["AppData", "Roaming"] };
    return inFolderOf(place, appData, "Zed\\settings.json");
  }
  // On macOS it is the same folder, and XDG's variable has no say.
  const env = place.platform === "darwin" ? {} : place.env;
  const config = { variable: "XDG_CONFIG_HOME", otherwise: [".config"] };
  return inFolderOf({ ...place, env }, config, "zed/settings.json");
}
