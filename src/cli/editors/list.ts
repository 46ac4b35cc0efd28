// The editors that `mlp connect` knows.

import { suggestion } from "../../config/suggest.ts";
import { UsageError } from "../failure.ts";
import { aider } from "./aider.ts";
import { claudeCode } from "./claude-code.ts";
import { cline } from "./cline.ts";
import { codex } from "./codex.ts";
import { continueEditor } from "./continue.ts";
import { copilotChat } from "./copilot-chat.ts";
import type { Editor } from "./editor.ts";
import { openWebui } from "./open-webui.ts";
import { opencode } from "./opencode.ts";
import { anthropicSdk, ollamaSdk, openaiSdk } from "./sdks.ts";
import { voidEditor } from "./void.ts";
import { zed } from "./zed.ts";

export const EDITORS: readonly Editor[] = [
  voidEditor,
  continueEditor,
  zed,
  cline,
  copilotChat,
  openWebui,
  aider,
  opencode,
  codex,
  claudeCode,
  openaiSdk,
  anthropicSdk,
  ollamaSdk,
];

/** What people call the program that an editor's chat is a part of. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ["vscode", copilotChat.name],
  ["code", copilotChat.name],
  ["copilot", copilotChat.name],
]);

/** Throws `UsageError` with what was probably meant. */
export function findEditor(name: string): Editor {
  const editor = EDITORS.find((editor) => editor.name === name);
  if (editor !== undefined) return editor;
  const names = EDITORS.map(({ name }) => name);
  const longer =
    OTHER_NAMES.get(name) ?? names.find((each) => name.length > 1 && each.startsWith(name));
  const meant = longer === undefined ? suggestion(name, names) : `, did you mean ${longer}?`;
  const all = `${meant === "" ? "; there" : " There"} are: ${names.join(", ")}`;
  throw new UsageError(`no editor \`${name}\`${meant}${all}`);
}
