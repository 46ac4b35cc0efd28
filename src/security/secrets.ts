// The four secrets of an installation: from the environment, else from files that only their owner may read,
// made at the first start. Knows no server; a secret leaves here only as a value, never in a message.

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { AppError } from "../core/error.ts";
import { createOnce, makePrivateFolder, readPrivate } from "./secret-file.ts";

export type SecretName = "apiKey" | "controlToken" | "bridgeToken" | "agentToken";

export interface Secret {
  readonly value: string;
  /** Where it is kept; `undefined` when the environment gave it. */
  readonly file: string | undefined;
}

/** Client key, control of sessions and keys, linking of providers, joining of agents: none does another's work. */
export type Secrets = Readonly<Record<SecretName, Secret>>;

export interface SecretsPlace<Name extends SecretName> {
  /** A folder of their own; it becomes 0700 when it is made here, and must be so when it is not. */
  readonly dir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The ones that are needed; all, unless said otherwise. */
  readonly only?: readonly Name[];
}

/** Each secret's variable, and its file in the folder of secrets. */
export const SECRETS: Readonly<
  Record<SecretName, { readonly variable: string; readonly file: string }>
> = {
  apiKey: { variable: "MLP_API_KEY", file: "api-key" },
  controlToken: { variable: "MLP_CONTROL_TOKEN", file: "control-token" },
  bridgeToken: { variable: "MLP_BRIDGE_TOKEN", file: "bridge-token" },
  agentToken: { variable: "MLP_AGENT_TOKEN", file: "agent-token" },
};
const NAMES: readonly SecretName[] = ["apiKey", "controlToken", "bridgeToken", "agentToken"];

/** What a header can carry and nobody guesses. */
const USABLE = /^[\x21-\x7e]{16,512}$/;

/**
 * Any number of processes may start at once: they agree on one value each.
 * @throws AppError invalid_request for an environment value that is too short or used twice, forbidden for a
 * file or folder that others can read or change, with the command that helps; internal when it cannot be written
 */
export function loadSecrets<Name extends SecretName = SecretName>(
  place: SecretsPlace<Name>,
): Pick<Secrets, Name> {
  const names: readonly SecretName[] = place.only ?? NAMES;
  const loaded = new Map<SecretName, Secret>();
  for (const name of names) {
    const secret = fromEnvironment(place.env, name) ?? fromFile(place.dir, name);
    const twin = [...loaded].find(([, other]) => other.value === secret.value)?.[0];
    if (twin !== undefined) throw sameTwice(twin, name);
    loaded.set(name, secret);
  }
  return Object.fromEntries(loaded) as Pick<Secrets, Name>;
}

/** 256 bits, with the prefix by which secret scanners and our own redaction know them. */
function generate(): string {
  return `mlp_${randomBytes(32).toString("base64url")}`;
}

function fromEnvironment(
  env: SecretsPlace<SecretName>["env"],
  name: SecretName,
): Secret | undefined {
  const { variable } = SECRETS[name];
  const value = env[variable];
  if (value === undefined || value === "") return undefined;
  if (USABLE.test(value)) return { value, file: undefined };
  throw new AppError(
    "invalid_request",
    `${variable} must have 16 to 512 characters without spaces. Unset it, and one is made for you.`,
  );
}

function fromFile(dir: string, name: SecretName): Secret {
  const file = join(dir, SECRETS[name].file);
  makePrivateFolder(dir);
  const value = (readPrivate(file) ?? createOnce(file, `${generate()}\n`)).trim();
  if (USABLE.test(value)) return { value, file };
  throw new AppError(
    "forbidden",
    `${file} holds no usable secret. To have a new one, run: rm ${file}`,
  );
}

function sameTwice(first: SecretName, second: SecretName): AppError {
  return new AppError(
    "invalid_request",
    `${SECRETS[first].variable} and ${SECRETS[second].variable} are the same. Give each its own value.`,
  );
}
