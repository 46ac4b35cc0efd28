// A change of a settings file as a person may see it: a diff in which no key stands, theirs and ours alike.

import { isJsonObject } from "../core/json.ts";
import type { JsonValue } from "../core/json.ts";
import { redact } from "../security/redact.ts";
import { visibleText } from "../observe/visible.ts";
import type { CliContext } from "./context.ts";
import { UsageError } from "./failure.ts";
import { unifiedDiff } from "./unified-diff.ts";

/** Stands for our key in what is shown. */
export const MASK = "***";

/** What follows the name of a secret in a line of any of the formats. */
const NAMED_SECRET =
  /((?:key|token|secret|password|authorization)["']?\s*[:=]\s*)(?!["']?\*\*\*)\S.*$/i;

export interface Change {
  readonly path: string;
  readonly before: string;
  readonly after: string;
  /** Values that must not be seen, wherever they stand. */
  readonly secrets: readonly string[];
}

export function describeChange({ path, before, after, secrets }: Change): string {
  const lines = unifiedDiff(before, after, path).split("\n");
  const shown = lines.map((line) => {
    const plain = secrets.reduce((text, secret) => text.replaceAll(secret, MASK), line);
    return redact(plain).replace(NAMED_SECRET, `$1${MASK}`);
  });
  return visibleText(shown.join("\n"));
}

/** The texts in `value` that stand where `shape` has our key. */
export function textsBehind(shape: JsonValue, value: JsonValue | undefined): readonly string[] {
  if (typeof shape === "string") {
    const [start = "", end] = shape.split(MASK);
    if (end === undefined || typeof value !== "string") return [];
    const isAlike = value.startsWith(start) && value.endsWith(end);
    const secret = isAlike ? value.slice(start.length, value.length - end.length) : "";
    return secret.length >= 4 ? [secret] : [];
  }
  if (!isJsonObject(shape) || !isJsonObject(value)) return [];
  return Object.entries(shape).flatMap(([key, inner]) => textsBehind(inner ?? null, value[key]));
}

/** Throws `UsageError` when there is nobody to ask. */
export async function isAgreed(
  { io }: CliContext,
  flags: { readonly yes: boolean },
  command: string,
): Promise<boolean> {
  if (flags.yes) return true;
  if (!io.input.isTerminal || !io.output.isTerminal) {
    throw new UsageError(
      `nothing was changed: this is no terminal; to agree, run ${command} --yes`,
    );
  }
  const answer = await io.input.ask("Write it? [y/N] ");
  return /^y(es)?$/i.test((answer ?? "").trim());
}
