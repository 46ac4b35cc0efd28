// Flags of the commands that ask a running provider. Their code is loaded when they are called.

import { buildCommand } from "@stricli/core";

import type { CliContext } from "./context.ts";
import { withContext } from "./context.ts";
import * as Form from "./flag-forms.ts";
import type { ClientFlags, TableFlags } from "./flags.ts";
import type { VersionFlags } from "./version.ts";

const tableFlags = { url: Form.url, json: Form.json } as const;
const model = Form.argument("Name of the model", "model");

export const listCommand = buildCommand<TableFlags, [], CliContext>({
  loader: async () => withContext((await import("./models.ts")).listModels),
  parameters: { flags: tableFlags },
  docs: { brief: "List the models on offer" },
});

export const psCommand = buildCommand<TableFlags, [], CliContext>({
  loader: async () => withContext((await import("./models.ts")).listRunning),
  parameters: { flags: tableFlags },
  docs: { brief: "List the models whose agent is there now" },
});

export const showCommand = buildCommand<TableFlags, [string], CliContext>({
  loader: async () => withContext((await import("./models.ts")).showModel),
  parameters: { flags: tableFlags, positional: { kind: "tuple", parameters: [model] } },
  docs: { brief: "Show what a model can do" },
});

export const runCommand = buildCommand<ClientFlags, [string, ...string[]], CliContext>({
  loader: async () => withContext((await import("./run.ts")).runModel),
  parameters: {
    flags: { url: Form.url },
    positional: {
      kind: "array",
      minimum: 1,
      parameter: Form.argument("Name of the model, then the prompt", "model|prompt"),
    },
  },
  docs: {
    brief: "Ask a model; without a prompt, talk to it",
    customUsage: ["<model> [prompt]", "<model> < file"],
  },
});

export const healthCommand = buildCommand<TableFlags, [], CliContext>({
  loader: async () => withContext((await import("./health.ts")).health),
  parameters: { flags: tableFlags },
  docs: { brief: "Ask the server whether it is well" },
});

export const versionCommand = buildCommand<VersionFlags, [], CliContext>({
  loader: async () => withContext((await import("./version.ts")).version),
  parameters: { flags: { json: Form.json } },
  docs: { brief: "Print the version" },
});
