// One member of an object in the text of JSON with comments: set, or taken out, without a change to any other
// character. The parser's own edits lay neighbours out anew and take comments with them. Pure.

import { createScanner, findNodeAtLocation, parseTree } from "jsonc-parser";
import type { Node } from "jsonc-parser";

import type { JsonValue } from "../../core/json.ts";

/** The text with the value at `path`; tables on the way are made. The caller has seen that the text is an object. */
export function setMember(text: string, path: readonly string[], value: JsonValue): string {
  const root = treeOf(text);
  const known = findNodeAtLocation(root, [...path]);
  if (known !== undefined) {
    const json = indented(value, indentAt(text, known.offset), layoutOf(text));
    return text.slice(0, known.offset) + json + text.slice(endOf(known));
  }
  const depth = path.findIndex((_, index) => !findNodeAtLocation(root, path.slice(0, index + 1)));
  const parent = findNodeAtLocation(root, path.slice(0, depth)) ?? root;
  const [key = "", ...rest] = path.slice(depth);
  const inner = rest.toReversed().reduce<JsonValue>((made, name) => ({ [name]: made }), value);
  return insert(text, parent, { key, value: inner });
}

/** The text without the member at `path`, and without the line that it leaves empty. */
export function dropMember(text: string, path: readonly string[]): string {
  const node = findNodeAtLocation(treeOf(text), [...path])?.parent;
  const members = node?.parent?.children;
  if (node === undefined || members === undefined) return text;
  const previous = members[members.indexOf(node) - 1];
  const ownComma = commaAfter(text, endOf(node));
  const [start, end] = spanOf(
    text,
    node.offset,
    ownComma === undefined ? endOf(node) : ownComma + 1,
  );
  const left = text.slice(0, start) + text.slice(end);
  const comma =
    previous === undefined || ownComma !== undefined
      ? undefined
      : commaAfter(text, endOf(previous));
  // It was the last one: the comma in front of it goes too.
  return comma === undefined ? left : left.slice(0, comma) + left.slice(comma + 1);
}

interface Member {
  readonly key: string;
  readonly value: JsonValue;
}

function insert(text: string, parent: Node, { key, value }: Member): string {
  const close = endOf(parent) - 1;
  const layout = layoutOf(text);
  const { unit, eol } = layout;
  const last = parent.children?.at(-1);
  const outer = indentAt(text, parent.offset);
  const inside = text.slice(parent.offset + 1, close);
  const indent = last === undefined ? outer + unit : (indentOf(text, last) ?? outer + unit);
  const member = `${JSON.stringify(key)}: ${indented(value, indent, layout)}`;
  if (last === undefined) {
    const kept = inside.trimEnd();
    return `${text.slice(0, parent.offset + 1)}${kept}${eol}${indent}${member}${eol}${outer}${text.slice(close)}`;
  }
  const comma = commaAfter(text, endOf(last));
  const from = comma === undefined ? endOf(last) : comma + 1;
  const tail = comma === undefined ? "" : ",";
  const head = text.slice(0, from) + (comma === undefined ? "," : "");
  if (!inside.includes("\n")) {
    return `${head} ${JSON.stringify(key)}: ${JSON.stringify(value)}${tail}${text.slice(from)}`;
  }
  // Behind a comment that belongs to the line.
  const [rest = ""] = /^[^\r\n]*/.exec(text.slice(from)) ?? [];
  const at = from + rest.length > close ? from : from + rest.length;
  return `${head}${text.slice(from, at)}${eol}${indent}${member}${tail}${text.slice(at)}`;
}

/** Whole lines where nothing else stands on them, else the spaces in front as well. */
function spanOf(text: string, start: number, end: number): readonly [start: number, end: number] {
  const lineStart = text.lastIndexOf("\n", start - 1) + 1;
  const isFirst = lineStart > 0 && text.slice(lineStart, start).trim() === "";
  const [, rest] = /^[ \t]*(\r?\n)/.exec(text.slice(end)) ?? [];
  if (isFirst && rest !== undefined) return [lineStart, text.indexOf("\n", end) + 1];
  let from = start;
  while (from > lineStart && /[ \t]/.test(text[from - 1] ?? "")) from -= 1;
  return [from, end];
}

function treeOf(text: string): Node {
  const root = parseTree(text, [], { allowTrailingComma: true });
  return root ?? { type: "object", offset: 0, length: text.length };
}

function endOf({ offset, length }: Node): number {
  return offset + length;
}

/** Where the comma is that follows, behind spaces and comments. */
function commaAfter(text: string, from: number): number | undefined {
  const scanner = createScanner(text, true);
  scanner.setPosition(from);
  scanner.scan();
  const at = scanner.getTokenOffset();
  return text[at] === "," ? at : undefined;
}

interface Layout {
  readonly unit: string;
  readonly eol: string;
}

function layoutOf(text: string): Layout {
  const [, unit = "  "] = /^([ \t]+)\S/m.exec(text) ?? [];
  return { unit: unit.startsWith("\t") ? "\t" : unit, eol: text.includes("\r\n") ? "\r\n" : "\n" };
}

function indented(value: JsonValue, indent: string, { unit, eol }: Layout): string {
  return JSON.stringify(value, null, unit).replaceAll("\n", eol + indent);
}

/** The spaces that the line begins with. */
function indentAt(text: string, at: number): string {
  const [indent = ""] = /^[ \t]*/.exec(text.slice(text.lastIndexOf("\n", at - 1) + 1)) ?? [];
  return indent;
}

/** Of a member that begins its line. */
function indentOf(text: string, { offset }: Node): string | undefined {
  const before = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset);
  return before.trim() === "" ? before : undefined;
}
