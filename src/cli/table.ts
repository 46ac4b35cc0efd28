// Rows in columns, for people; `--json` is for programs. Everything shown may come from outside.

import { visible } from "../observe/visible.ts";

/** Two spaces between columns, none at the ends. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows].map((row) => row.map(visible));
  const widths = head.map((_, column) =>
    Math.max(...lines.map((line) => Bun.stringWidth(line[column] ?? ""))),
  );
  return lines
    .map((line) => {
      const cells = line.map(
        (cell, column) => cell + " ".repeat((widths[column] ?? 0) - Bun.stringWidth(cell)),
      );
      return `${cells.join("  ").trimEnd()}\n`;
    })
    .join("");
}

/** Names and values, one pair a line. */
export function pairs(entries: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries
    .map(([name, value]) => `${name.padEnd(width)}  ${visible(value)}`.trimEnd())
    .map((line) => `${line}\n`)
    .join("");
}

/** `2026-11-22 18:03Z` of a time as the server says it: in UTC. */
export function minuteOf(time: string): string {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d.*Z$/.test(time)
    ? `${time.slice(0, 16).replace("T", " ")}Z`
    : time;
}

export function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
