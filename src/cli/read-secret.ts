// A secret that a server made, for the commands that talk to it: from the environment, or from its file. Writes nothing.

import { join } from "node:path";

import { readPrivate } from "../security/secret-file.ts";
import type { CliContext } from "./context.ts";
import { CommandError } from "./failure.ts";

export type SecretName = "api-key" | "control-token";

const VARIABLES: Readonly<Record<SecretName, string>> = {
  "api-key": "MLP_API_KEY",
  "control-token": "MLP_CONTROL_TOKEN",
};

/** Throws `CommandError` saying where a secret was looked for, and `AppError` for a file that is not safe to use. */
export function readSecret(
  name: SecretName,
  { env, paths }: Pick<CliContext, "env" | "paths">,
): string {
  const variable = VARIABLES[name];
  const given = env[variable];
  if (given !== undefined && given !== "") return given;
  const file = join(paths.secrets, name);
  const secret = readPrivate(file)?.trim() ?? "";
  if (secret !== "") return secret;
  throw new CommandError(
    `${file} does not exist or is empty; start the server with \`mlp up\`, or set ${variable}`,
  );
}
