// The installation as `mlp doctor` sees it: configuration, places and secrets. Reads and makes nothing; a secret is looked
// at by its file's owner and mode, and never shown.

import { accessSync, constants, existsSync, lstatSync } from "node:fs";
import type { Stats } from "node:fs";
import { dirname, join } from "node:path";

import { checkSettings } from "../../app/check-settings.ts";
import { checkConfig } from "../../config/check.ts";
import { loadConfig } from "../../config/load.ts";
import type { Paths } from "../../config/paths.ts";
import type { Environment } from "../../config/read-environment.ts";
import type { Config } from "../../config/schema.ts";
import { AppError } from "../../core/error.ts";
import { readPrivate } from "../../security/secret-file.ts";
import { SECRETS, loadSecrets } from "../../security/secrets.ts";
import type { SecretName } from "../../security/secrets.ts";
import { shellQuoted } from "../../wire/shell.ts";
import type { Finding } from "./finding.ts";
import { note, ok, wrong } from "./finding.ts";

export interface Installation {
  readonly path: string | undefined;
  readonly env: Environment;
  readonly paths: Paths;
}

export interface InspectedConfig {
  /** `undefined` when it is wrong. */
  readonly config: Config | undefined;
  readonly findings: readonly Finding[];
}

export function inspectConfig(settings: Installation): InspectedConfig {
  const name = "configuration";
  const { file, exists, problems } = checkConfig(settings);
  const all = problems.length > 0 ? problems : checkSettings(loadConfig(settings).config);
  if (all.length > 0) {
    const findings = all.map((problem) => wrong(name, problem));
    return { config: undefined, findings };
  }
  const { config, warnings } = loadConfig(settings);
  const verdict = exists ? "valid" : "not there; the defaults hold";
  return {
    config,
    findings: [ok(name, `${file}: ${verdict}`), ...warnings.map((warning) => note(name, warning))],
  };
}

const OTHERS = 0o077;

/** What is not there yet is made at the first start. */
export function inspectPlaces({
  env,
  paths,
}: Pick<Installation, "env" | "paths">): readonly Finding[] {
  const home = env["MLP_HOME"] ?? "";
  return [
    ...(home === "" ? [] : [note("places", `MLP_HOME is ${home}`)]),
    inspectFolder(paths.state, false),
    inspectFolder(paths.secrets, true),
    inspectFolder(paths.run, true),
  ];
}

function inspectFolder(folder: string, isPrivate: boolean): Finding {
  const name = "places";
  let stats: Stats | undefined;
  try {
    stats = lstatSync(folder, { throwIfNoEntry: false });
  } catch (error) {
    return wrong(name, `${folder} cannot be looked at (${codeOf(error)})`, WRITABLE);
  }
  if (stats === undefined) return inspectMissing(name, folder);
  if (stats.isSymbolicLink() && !isPrivate) return ok(name, folder);
  if (!stats.isDirectory()) return wrong(name, `${folder} is no folder`, "move it away");
  const own = process.getuid?.();
  if (own !== undefined && stats.uid !== own) {
    return wrong(name, `${folder} belongs to another user`, "move it away, or set MLP_HOME");
  }
  if (isPrivate && own !== undefined && (stats.mode & OTHERS) !== 0) {
    return wrong(name, `${folder} is open to other users`, `chmod 700 ${shellQuoted(folder)}`);
  }
  try {
    accessSync(folder, constants.W_OK);
    return ok(name, folder);
  } catch {
    return wrong(name, `${folder} cannot be written`, WRITABLE);
  }
}

const WRITABLE = "make it writable for you, or set MLP_HOME";

/** Whether it could be made in the nearest folder that is there. */
function inspectMissing(name: string, folder: string): Finding {
  let parent = dirname(folder);
  while (parent !== dirname(parent) && !existsSync(parent)) parent = dirname(parent);
  try {
    accessSync(parent, constants.W_OK | constants.X_OK);
    return note(name, `${folder}: made at the first start`);
  } catch {
    return wrong(name, `${folder} cannot be made in ${parent}`, WRITABLE);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}

export function inspectSecrets({
  env,
  paths,
}: Pick<Installation, "env" | "paths">): readonly Finding[] {
  const names = Object.keys(SECRETS).filter((name): name is SecretName => name in SECRETS);
  return names.map((name) => {
    try {
      return inspectSecret(name, env, paths.secrets);
    } catch (error) {
      if (error instanceof AppError) return wrong("secrets", error.message);
      throw error;
    }
  });
}

/** @throws AppError saying what to do */
function inspectSecret(name: SecretName, env: Environment, dir: string): Finding {
  const { variable, file } = SECRETS[name];
  if ((env[variable] ?? "") !== "") {
    // From the environment alone: no file is touched.
    loadSecrets({ dir, env, only: [name] });
    return ok("secrets", `${file}: from ${variable}`);
  }
  const place = join(dir, file);
  if (readPrivate(place) === undefined) return note("secrets", `${file}: made at the first start`);
  return ok("secrets", `${file}: ${place}, for its owner alone`);
}
