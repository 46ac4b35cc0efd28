// Flags of the commands that read the audit. Their code is loaded when they are called.

import { buildCommand, buildRouteMap } from "@stricli/core";

import type { TailFlags } from "./audit.ts";
import type { CliContext } from "./context.ts";
import { withContext } from "./context.ts";
import * as Form from "./flag-forms.ts";
import { parseWhole } from "./flags.ts";

const file = {
  kind: "tuple",
  parameters: [
    {
      ...Form.argument("File of the audit, if it is not the one of this home", "file"),
      optional: true,
    },
  ],
} as const;

const verify = buildCommand<object, [string?], CliContext>({
  loader: async () => withContext((await import("./audit.ts")).verify),
  parameters: { flags: {}, positional: file },
  docs: { brief: "Check that no record was changed, removed or moved" },
});

const tail = buildCommand<TailFlags, [string?], CliContext>({
  loader: async () => withContext((await import("./audit.ts")).tail),
  parameters: {
    flags: {
      lines: {
        kind: "parsed",
        parse: parseWhole,
        default: "20",
        brief: "How many records",
        placeholder: "n",
      },
      follow: {
        kind: "boolean",
        default: false,
        withNegated: false,
        brief: "Go on as records come, until Ctrl-C",
      },
      json: Form.json,
    },
    aliases: { n: "lines", f: "follow" },
    positional: file,
  },
  docs: { brief: "Show the last records" },
});

export const auditRoutes = buildRouteMap({
  routes: { verify, tail },
  docs: { brief: "Read the audit: who asked for what, and how it ended" },
});
