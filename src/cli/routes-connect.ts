// Flags of the commands that set editors up. Their code is loaded when they are called.

import { buildCommand } from "@stricli/core";

import type { ConnectFlags } from "./connect.ts";
import type { CliContext } from "./context.ts";
import { withContext } from "./context.ts";
import type { DisconnectFlags } from "./disconnect.ts";
import * as Form from "./flag-forms.ts";

/** The names are those of editors/list.ts, which is not loaded for this. */
const NAMES =
  "void, continue, zed, cline, copilot-chat, open-webui, aider, opencode, codex, claude-code, openai, anthropic or ollama";

const yes = {
  kind: "boolean",
  default: false,
  withNegated: false,
  brief: "Do not ask; needed without a terminal",
} as const;

const editor = {
  kind: "tuple",
  parameters: [Form.argument(`Which editor or SDK: ${NAMES}`, "editor")],
} as const;

export const connectCommand = buildCommand<ConnectFlags, [string], CliContext>({
  loader: async () => withContext((await import("./connect.ts")).connectEditor),
  parameters: {
    flags: {
      url: Form.url,
      model: Form.text("Name of the model that the editor is to ask for", "model"),
      print: {
        kind: "boolean",
        default: false,
        withNegated: false,
        brief: "Print what would be written, or the steps, and touch nothing",
      },
      yes,
    },
    positional: editor,
  },
  docs: { brief: "Point an editor at the server: shows the change, asks, keeps a backup" },
});

export const disconnectCommand = buildCommand<DisconnectFlags, [string], CliContext>({
  loader: async () => withContext((await import("./disconnect.ts")).disconnectEditor),
  parameters: { flags: { url: Form.url, yes }, positional: editor },
  docs: { brief: "Undo `mlp connect`, and end the editor's key" },
});
