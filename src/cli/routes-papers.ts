// Flags of the commands that print what there is to know: the settings and the documents. They need no server; their
// code is loaded when they are called.

import { buildCommand, buildRouteMap } from "@stricli/core";

import type { NoFlags, ShowFlags } from "./config.ts";
import type { CliContext } from "./context.ts";
import { withContext } from "./context.ts";
import type { DocumentFlags } from "./documents.ts";
import * as Form from "./flag-forms.ts";

const config = Form.text("Configuration file", "file");

export const openapiCommand = buildCommand<DocumentFlags, [], CliContext>({
  loader: async () => withContext((await import("./documents.ts")).openapi),
  parameters: {
    flags: {
      config,
      bridge: {
        kind: "boolean",
        default: false,
        withNegated: false,
        brief: "Of the bridge's port instead of the provider's",
      },
    },
  },
  docs: { brief: "Print the OpenAPI document of the HTTP routes" },
});

export const asyncapiCommand = buildCommand<Pick<DocumentFlags, "config">, [], CliContext>({
  loader: async () => withContext((await import("./documents.ts")).asyncapi),
  parameters: { flags: { config } },
  docs: { brief: "Print the AsyncAPI document of the bridge link" },
});

const show = buildCommand<ShowFlags, [], CliContext>({
  loader: async () => withContext((await import("./config.ts")).showConfig),
  parameters: {
    flags: {
      config,
      origin: {
        kind: "boolean",
        default: false,
        withNegated: false,
        brief: "Say where each value comes from",
      },
      json: Form.json,
      host: Form.text("As given to mlp up", "address"),
      port: Form.port("As given to mlp up"),
      "bridge-port": Form.port("As given to mlp up"),
      bridge: Form.text("As given to mlp serve", "url"),
      "log-level": Form.logLevel,
    },
  },
  docs: { brief: "Print every setting and its value; secrets are left out" },
});

const validate = buildCommand<NoFlags, [string?], CliContext>({
  loader: async () => withContext((await import("./config.ts")).validateConfig),
  parameters: {
    flags: {},
    positional: {
      kind: "tuple",
      parameters: [
        {
          parse: String,
          optional: true,
          brief: "Configuration file; without it, the one that would be read, and the variables",
          placeholder: "file",
        },
      ],
    },
  },
  docs: { brief: "Check the configuration; one line for each problem" },
});

const schema = buildCommand<NoFlags, [], CliContext>({
  loader: async () => withContext((await import("./config.ts")).printSchema),
  parameters: { flags: {} },
  docs: { brief: "Print the JSON Schema of the configuration file" },
});

export const configRoutes = buildRouteMap({
  routes: { show, validate, schema },
  docs: { brief: "Look at the configuration" },
});
