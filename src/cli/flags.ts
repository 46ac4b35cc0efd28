// Flags that several commands share, and how flags become settings.

import type { FlagValue } from "../config/load.ts";

/** Every flag that can set a setting, and which one. `--port` of `mlp bridge` is the bridge's: see routes. */
export interface SettingFlags {
  readonly host?: string;
  readonly port?: number;
  readonly "bridge-port"?: number;
  readonly "log-level"?: string;
  readonly bridge?: string;
}

/** What every server command takes. */
export interface CommonFlags {
  readonly config?: string;
  readonly "log-level"?: string;
  /** One line of JSON when ready, for scripts. */
  readonly json: boolean;
}

export interface ClientFlags {
  readonly url?: string;
}

export interface TableFlags extends ClientFlags {
  readonly json: boolean;
}

/** The settings of the flags that were given. `place` says what `--host` and `--port` are about. */
export function settingsOf(
  flags: SettingFlags,
  place: "provider" | "bridge",
): Readonly<Record<string, FlagValue>> {
  const entries: readonly (readonly [setting: string, flag: keyof SettingFlags])[] = [
    [`${place}.host`, "host"],
    ["bridge.port", "bridge-port"],
    [`${place}.port`, "port"],
    ["logging.level", "log-level"],
    ["mcp.bridge_url", "bridge"],
  ];
  const settings: Record<string, FlagValue> = {};
  for (const [setting, flag] of entries) {
    const value = flags[flag];
    if (value !== undefined) settings[setting] = { flag: `--${flag}`, value };
  }
  return settings;
}

/** A whole number, written out. What range it may have is the schema's business. */
export function parseWhole(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new SyntaxError("expected a whole number");
}

const LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

export function parseLevel(text: string): (typeof LEVELS)[number] {
  const level = LEVELS.find((each) => each === text);
  if (level !== undefined) return level;
  throw new SyntaxError(`expected one of ${LEVELS.join(", ")}`);
}

export type Limit = number | "none";

/** A whole number above zero, or `none`. */
export function parseLimit(text: string): Limit {
  if (text === "none") return text;
  const limit = parseWhole(text);
  if (limit > 0) return limit;
  throw new SyntaxError("expected a whole number above zero, or none");
}

/** `a,b,c`, none of them empty. */
export function parseNames(text: string): readonly string[] {
  const names = text.split(",").map((name) => name.trim());
  if (names.every((name) => name !== "")) return names;
  throw new SyntaxError("expected names separated by commas");
}
