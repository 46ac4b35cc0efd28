// Flags over environment over file over defaults, into one checked `Config`. The working folder is never looked at.

import { Value } from "@sinclair/typebox/value";

import { AppError } from "../core/error.ts";
import { shellQuoted } from "../wire/shell.ts";
import type { Found, Origin } from "./found.ts";
import type { Paths } from "./paths.ts";
import { findProblem } from "./problem.ts";
import { readEnvironment } from "./read-environment.ts";
import type { Environment } from "./read-environment.ts";
import { readConfigFile } from "./read-file.ts";
import type { ConfigPlace } from "./read-file.ts";
import { Config } from "./schema.ts";
import { SETTINGS } from "./settings.ts";

/** A command-line flag that sets a setting: `flag` is its name for messages, as in `--port`. */
export interface FlagValue {
  readonly flag: string;
  readonly value: unknown;
}

export interface LoadSettings {
  /** From `--config`. Goes before LOCAL_PROVIDER_CONFIG, which goes before `paths.configFile`. */
  readonly path?: string | undefined;
  readonly env: Environment;
  /** By setting, as in `provider.port`. */
  readonly flags?: Readonly<Record<string, FlagValue>>;
  readonly paths: Pick<Paths, "configFile">;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Where each setting's value comes from, by setting. */
  readonly origins: ReadonlyMap<string, Origin>;
  /** The file that was read; `null` where there was none, and the defaults hold. */
  readonly file: string | null;
  /** What works, but should not stay as it is. One line each. */
  readonly warnings: readonly string[];
}

/** Throws `AppError` `invalid_request`, its message one line that names the file and line, variable or flag at fault. */
export function loadConfig(settings: LoadSettings): LoadedConfig {
  const place = configFileOf(settings);
  const read = readConfigFile(place);
  const { found, isExposed } = read ?? { found: [], isExposed: false };
  const config = merge([
    ...SETTINGS.map(defaultOf),
    ...found,
    ...readEnvironment(settings.env),
    ...readFlags(settings.flags ?? {}),
  ]);
  const warnings =
    isExposed && found.some(holdsSecret)
      ? [
          `${place.file} holds a key and can be read by other users; run: chmod 600 ${shellQuoted(place.file)}`,
        ]
      : [];
  return { ...config, file: read === undefined ? null : place.file, warnings };
}

const FILE_VARIABLE = "LOCAL_PROVIDER_CONFIG";

export function configFileOf({ path, env, paths }: Omit<LoadSettings, "flags">): ConfigPlace {
  const named = path ?? env[FILE_VARIABLE];
  if (named === undefined || named === "") return { file: paths.configFile, isNamed: false };
  return { file: named, isNamed: true, ...(path === undefined && { variable: FILE_VARIABLE }) };
}

function defaultOf(setting: Found["setting"]): Found {
  return {
    setting,
    value: structuredClone(setting.schema["default"]),
    origin: { kind: "default" },
  };
}

function readFlags(flags: Readonly<Record<string, FlagValue>>): readonly Found[] {
  return Object.entries(flags).map(([path, { flag, value }]) => {
    const setting = SETTINGS.find((setting) => setting.path === path);
    if (setting === undefined) throw new Error(`${flag} sets ${path}, which does not exist`);
    const problem = findProblem(setting.schema, value);
    if (problem !== undefined) throw new AppError("invalid_request", `${flag}: ${problem.message}`);
    return { setting, value, origin: { kind: "flag", name: flag } };
  });
}

/** Later ones win. Lists and tables are replaced, not joined. */
function merge(found: readonly Found[]): Omit<LoadedConfig, "file" | "warnings"> {
  const tree: Record<string, unknown> = {};
  const origins = new Map<string, Origin>();
  for (const { setting, value, origin } of found) {
    const [section = "", key] = setting.path.split(".");
    tree[section] = key === undefined ? value : { ...(tree[section] as object), [key]: value };
    origins.set(setting.path, origin);
  }
  if (!Value.Check(Config, tree))
    throw new Error("the merged configuration does not fit its schema");
  return { config: tree, origins };
}

function holdsSecret({ setting, value }: Found): boolean {
  if (setting.path === "security.api_key" || setting.path === "mcp.bridge_token") {
    return value !== null;
  }
  if (setting.path === "mcp.bridges") return JSON.stringify(value).includes('"token"');
  return setting.path === "agents" && JSON.stringify(value).includes('"api_key"');
}
