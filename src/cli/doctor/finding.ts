// What `mlp doctor` finds: one line each, with what to do where something is wrong. Pure.

import { table } from "../table.ts";

export interface Finding {
  readonly name: string;
  /** `note`: worth knowing, and nothing is broken. */
  readonly status: "ok" | "note" | "wrong";
  readonly text: string;
  /** What to do about it. */
  readonly fix?: string;
}

export const ok = (name: string, text: string): Finding => ({ name, status: "ok", text });

export const note = (name: string, text: string, fix?: string): Finding => ({
  name,
  status: "note",
  text,
  ...(fix !== undefined && { fix }),
});

export const wrong = (name: string, text: string, fix?: string): Finding => ({
  ...note(name, text, fix),
  status: "wrong",
});

export function isBroken(findings: readonly Finding[]): boolean {
  return findings.some(({ status }) => status === "wrong");
}

/** A name that stands once is not repeated below itself. */
export function describeFindings(findings: readonly Finding[]): string {
  const rows = findings.flatMap(({ status, name, text, fix }, at) => [
    [status, findings[at - 1]?.name === name ? "" : name, text],
    ...(fix === undefined ? [] : [["", "", `to do: ${fix}`]]),
  ]);
  return table(["STATE", "WHAT", "FOUND"], rows);
}
