// `mlp config …`: every setting with its origin, what is wrong with a file, and the file's JSON Schema.

import { checkSettings } from "../app/check-settings.ts";
import { checkConfig } from "../config/check.ts";
import type { Origin } from "../config/found.ts";
import { configJsonSchema } from "../config/json-schema.ts";
import { loadConfig } from "../config/load.ts";
import { masked } from "../config/mask.ts";
import type { Config } from "../config/schema.ts";
import { SETTINGS } from "../config/settings.ts";
import type { Setting } from "../config/settings.ts";
import { parseJson } from "../core/json.ts";
import { visible } from "../observe/visible.ts";
import type { CliContext } from "./context.ts";
import { asUsage } from "./failure.ts";
import { settingsOf } from "./flags.ts";
import type { CommonFlags, SettingFlags } from "./flags.ts";
import { settingAt } from "./reload.ts";
import { json, table } from "./table.ts";

export interface ShowFlags extends CommonFlags, Omit<SettingFlags, "log-level"> {
  readonly origin: boolean;
}

export async function showConfig(context: CliContext, flags: ShowFlags): Promise<void> {
  const { env, io, paths } = context;
  const { config, origins, warnings } = await asUsage(() =>
    loadConfig({ path: flags.config, env, paths, flags: settingsOf(flags, "provider") }),
  );
  for (const warning of warnings) io.errors.write(`mlp: ${visible(warning)}\n`);
  const shown = SETTINGS.map((setting) => ({
    setting,
    value: shownValue(config, setting),
    origin: origins.get(setting.path) ?? { kind: "default" as const },
  }));
  if (flags.json) {
    const entries = shown.map(({ setting, value, origin }) => {
      const content = flags.origin ? { value, variable: setting.variable, origin } : value;
      return [setting.path, content] as const;
    });
    io.output.write(json(Object.fromEntries(entries)));
    return;
  }
  const rows = flags.origin
    ? shown.map((each) => [each.setting.path, textOf(each.value), originText(each.origin)])
    : shown.map((each) => [each.setting.path, textOf(each.value)]);
  io.output.write(table(["SETTING", "VALUE", ...(flags.origin ? ["FROM"] : [])], rows));
}

function shownValue(config: Config, { path }: Setting): unknown {
  return masked(path.split(".").at(-1) ?? "", settingAt(config, path));
}

/** Text as it is, unless it would look like another kind of value. */
function textOf(value: unknown): string {
  const isPlain = typeof value === "string" && value !== "" && parseJson(value) === undefined;
  return isPlain ? value : JSON.stringify(value);
}

function originText(origin: Origin): string {
  switch (origin.kind) {
    case "flag":
    case "environment":
      return origin.name;
    case "file":
      return `${origin.file}:${origin.line}`;
    case "default":
      return "default";
  }
}

export type NoFlags = Readonly<Record<string, never>>;

/** Complaints are the command's data; the exit code is 2 if there is one. */
export async function validateConfig(
  context: CliContext,
  _flags: NoFlags,
  path?: string,
): Promise<void> {
  const { io, paths } = context;
  // A file by itself is judged by itself.
  const env = path === undefined ? context.env : {};
  const settings = { path, env, paths };
  const { file, exists, problems } = checkConfig(settings);
  const all = problems.length > 0 ? problems : checkSettings(loadConfig(settings).config);
  for (const problem of all) io.output.write(`${visible(problem)}\n`);
  if (all.length > 0) return context.setExitCode(2);
  for (const warning of loadConfig(settings).warnings)
    io.errors.write(`mlp: ${visible(warning)}\n`);
  const verdict = exists ? "valid" : "not there; the defaults hold";
  io.output.write(`${visible(file)}: ${verdict}\n`);
}

export function printSchema(context: CliContext): void {
  context.io.output.write(json(configJsonSchema()));
}
