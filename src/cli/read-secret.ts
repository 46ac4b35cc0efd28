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

export interface Secret {
  readonly value: string;
  /** Where it was found, for people. */
  readonly place: string;
  /** The variable that gives another. */
  readonly variable: string;
}

/** Throws `CommandError` saying where a secret was looked for, and `AppError` for a file that is not safe to use. */
export function readSecret(
  name: SecretName,
  { env, paths }: Pick<CliContext, "env" | "paths">,
): Secret {
  const variable = VARIABLES[name];
  const given = env[variable];
  if (given !== undefined && given !== "") return { value: given, place: variable, variable };
  const file = join(paths.secrets, name);
  const secret = readPrivate(file)?.trim() ?? "";
  if (secret !== "") return { value: secret, place: file, variable };
  throw new CommandError(
    `${file} does not exist or is empty; start the server with \`mlp up\`, or set ${variable}`,
  );
}
