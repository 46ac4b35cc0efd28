// `mlp audit …`: reads the audit's files where the configuration has them. Needs no server, and writes nothing.

import { statSync } from "node:fs";

import { loadConfig } from "../config/load.ts";
import { isJsonObject, parseJson } from "../core/json.ts";
import type { JsonValue } from "../core/json.ts";
import { auditFileOf } from "../observe/audit-files.ts";
import { tailAudit } from "../observe/audit-tail.ts";
import type { AuditTail } from "../observe/audit-tail.ts";
import { verifyAudit } from "../observe/audit-verify.ts";
import type { Verification } from "../observe/audit-verify.ts";
import { visible } from "../observe/visible.ts";
import type { CliContext } from "./context.ts";
import { asUsage, CommandError } from "./failure.ts";

/** How often `--follow` looks, in milliseconds. */
const LOOK_MS = 200;

/** Checks the named audit, or those of the provider and the bridge of this home. */
export async function verify(context: CliContext, _: object, file?: string): Promise<void> {
  const files = file === undefined ? await auditsOf(context) : [file];
  for (const path of files) {
    const result = await verifyAudit(path);
    if (result.files.length === 0) throw noAudit(path, file);
    const { firstBad } = result;
    if (firstBad === undefined) context.io.output.write(`${visible(path)}: ${described(result)}\n`);
    else {
      const { file, line, why } = firstBad;
      context.io.errors.write(`mlp: ${visible(file)}:${line}: this record ${why}\n`);
      context.setExitCode(1);
    }
  }
}

function described({ records, files, firstSeq = 0, lastSeq = 0, head }: Verification): string {
  if (head === undefined) return "ok, no records yet";
  const gone = firstSeq > 1 ? `; those before ${firstSeq} are no longer kept` : "";
  const what = `${counted(records, "record")} (${firstSeq} to ${lastSeq})`;
  return `ok, ${what} in ${counted(files.length, "file")}${gone}; head ${head}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

export interface TailFlags {
  readonly lines: number;
  readonly follow: boolean;
  readonly json: boolean;
}

export async function tail(context: CliContext, flags: TailFlags, file?: string): Promise<void> {
  const path = file ?? (await auditsOf(context))[0] ?? "";
  if (!flags.follow && !exists(path)) throw noAudit(path, file);
  const audit = await tailAudit(path, flags.lines);
  try {
    show(context, flags, audit.lines);
    if (flags.follow) await follow(context, flags, audit);
  } finally {
    audit.close();
  }
}

/** Until a signal, or until nobody reads it any more. */
async function follow(context: CliContext, flags: TailFlags, audit: AuditTail): Promise<void> {
  const stop = Promise.withResolvers<"stop">();
  const stopListening = context.io.onSignal(() => stop.resolve("stop"));
  const stopWatching = context.io.onUnread(() => stop.resolve("stop"));
  try {
    for (;;) {
      let timer: Timer | undefined;
      const pause = new Promise<"look">((resolve) => {
        timer = setTimeout(() => resolve("look"), LOOK_MS);
      });
      const next = await Promise.race([pause, stop.promise]);
      clearTimeout(timer);
      if (next === "stop") return;
      show(context, flags, await audit.more());
    }
  } finally {
    stopListening();
    stopWatching();
  }
}

function show({ io }: CliContext, { json }: TailFlags, lines: readonly string[]): void {
  if (lines.length === 0) return;
  // A record is safe to print as it is written; a line that somebody else put there need not be.
  io.output.write(lines.map((line) => `${json ? visible(line) : forPeople(line)}\n`).join(""));
}

/** What only a program needs. */
const UNSHOWN: ReadonlySet<string> = new Set(["monotonic_ms", "prev", "prompt_hash"]);

/** Time, number, what happened, and the other fields by name. */
function forPeople(line: string): string {
  const record = parseJson(line);
  if (!isJsonObject(record)) return visible(line);
  const { timestamp, seq, event_type, event, ...fields } = record;
  const details = Object.entries(fields)
    .filter(([name]) => !UNSHOWN.has(name))
    .map(([name, value]) => `${name}=${valueOf(value)}`);
  const start = [timestamp, seq, event_type, event].map((value) => valueOf(value ?? "-"));
  return visible([...start, ...details].join(" "));
}

function valueOf(value: JsonValue | undefined): string {
  if (typeof value === "string" && /^[\w.:/@+-]+$/.test(value)) return value;
  return JSON.stringify(value) ?? "";
}

/** Those that exist; if none does, the provider's. */
async function auditsOf({ env, paths }: CliContext): Promise<readonly string[]> {
  const { config } = await asUsage(() => loadConfig({ env, paths }));
  const provider = auditFileOf(config.audit.file, paths.state, "provider");
  const bridge = auditFileOf(config.audit.file, paths.state, "bridge");
  const existing = [provider, bridge].filter((path) => exists(path));
  return existing.length === 0 ? [provider] : existing;
}

/** @throws the system's error where that cannot be found out: a folder that may not be entered is not an absent file */
function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function noAudit(path: string, named: string | undefined): CommandError {
  const why =
    named === undefined ? "does not exist; a server makes it when it starts" : "does not exist";
  return new CommandError(`${path} ${why}`);
}
