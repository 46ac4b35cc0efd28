// Flags of `mlp doctor`. Its code is loaded when it is called.

import { buildCommand } from "@stricli/core";

import type { CliContext } from "./context.ts";
import { withContext } from "./context.ts";
import type { DoctorFlags } from "./doctor.ts";
import * as Form from "./flag-forms.ts";

export const doctorCommand = buildCommand<DoctorFlags, [], CliContext>({
  loader: async () => withContext((await import("./doctor.ts")).doctor),
  parameters: {
    flags: {
      config: Form.text("Configuration file", "file"),
      agents: {
        kind: "boolean",
        default: false,
        withNegated: false,
        brief: "Start each agent for a moment, too, and say what it offers",
      },
      json: Form.json,
    },
  },
  docs: { brief: "Check this installation, and say what to do where something is wrong" },
});
