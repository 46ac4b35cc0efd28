// `mlp openapi`, `mlp asyncapi`: the documents that a server with this configuration serves, without starting one.

import { describePort } from "../app/describe.ts";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import type { CliContext } from "./context.ts";
import { asUsage } from "./failure.ts";
import { json } from "./table.ts";

export interface DocumentFlags {
  readonly config?: string;
  readonly bridge: boolean;
}

export async function openapi(context: CliContext, flags: DocumentFlags): Promise<void> {
  const port = flags.bridge ? "bridge" : "provider";
  const documents = describePort(port, await configOf(context, flags));
  context.io.output.write(json(documents.openapi()));
}

export async function asyncapi(
  context: CliContext,
  flags: Pick<DocumentFlags, "config">,
): Promise<void> {
  const documents = describePort("bridge", await configOf(context, flags));
  context.io.output.write(json(documents.asyncapi()));
}

async function configOf(
  { env, paths }: CliContext,
  flags: Pick<DocumentFlags, "config">,
): Promise<Config> {
  const { config } = await asUsage(() => loadConfig({ path: flags.config, env, paths }));
  return config;
}
