// One place in the text of YAML: a key at the top with a plain value, or an element of a list at the top. Set, or taken
// out, without a change to any other character. Pure.

import { isMap, isSeq, parseDocument } from "yaml";
import type { Document, Node, Pair, YAMLSeq } from "yaml";

import { isJsonObject } from "../../core/json.ts";
import type { JsonValue } from "../../core/json.ts";
import { SettingsError } from "./editor.ts";
import type { Step } from "./editor.ts";
import { indexOf, listOf, valueAt } from "./entries.ts";
import { append, closed, endOfLine, eolOf, item, startOfLine } from "./yaml-lines.ts";

export function readTree(text: string): JsonValue {
  return treeOf(parsed(text));
}

function treeOf(document: Document): JsonValue {
  const value = plain(document);
  if (value === null || value === undefined) return {};
  if (isJsonObject(value)) return value;
  throw new SettingsError("not a block of keys at its top");
}

function plain(document: Document): unknown {
  try {
    return document.toJS();
  } catch {
    // Aliases that lead nowhere, or multiply without end.
    throw unsafe();
  }
}

function parsed(text: string): Document {
  const document = parseDocument(text, { prettyErrors: true, stringKeys: true });
  const [first] = document.errors;
  if (first === undefined) return document;
  const line = first.linePos?.[0].line;
  throw new SettingsError(`${line === undefined ? "" : `line ${line}: `}not valid YAML`);
}

export function setPlace(text: string, path: readonly Step[], value: JsonValue): string {
  const [key, element] = placeOf(path);
  const pair = pairOf(parsed(text), key);
  if (element === undefined) {
    if (pair === undefined) return append(text, `${key}: ${JSON.stringify(value)}`);
    const [start, end] = rangeOf(pair.value);
    return text.slice(0, start) + JSON.stringify(value) + text.slice(end);
  }
  if (!isJsonObject(value)) throw unsafe();
  const seq = pair?.value;
  if (pair === undefined) return append(text, `${key}:${eolOf(text)}${item(value, "  ", text)}`);
  if (!isSeq(seq) || seq.items.length === 0) return begin(text, pair, item(value, "  ", text));
  if (seq.flow === true) throw unsafe();
  const index = indexOf(listAt(text, key), element);
  const indent = indentOf(text, seq);
  if (index !== -1) {
    const [start, end] = lineSpan(text, seq.items[index]);
    return text.slice(0, start) + item(value, indent, text) + text.slice(end);
  }
  const [, end] = lineSpan(text, seq.items.at(-1));
  return closed(text.slice(0, end)) + item(value, indent, text) + text.slice(end);
}

/** The element that makes an empty list one, or a key without a value. */
function begin(text: string, pair: Pair, first: string): string {
  const [keyStart] = rangeOf(pair.key);
  const { value } = pair;
  const end = nodeRange(value)?.[1] ?? keyStart;
  const colon = text.indexOf(":", keyStart);
  if (colon === -1) throw unsafe();
  const lineEnd = endOfLine(text, Math.max(end, colon));
  return (
    closed(text.slice(0, colon + 1) + afterColon(text, colon, lineEnd)) +
    first +
    text.slice(lineEnd)
  );
}

/** A comment behind an empty list stays. */
function afterColon(text: string, colon: number, lineEnd: number): string {
  const [, comment = ""] = /^[^#]*?(\s#.*)$/s.exec(text.slice(colon + 1, lineEnd)) ?? [];
  return comment.trimEnd();
}

export function dropPlace(text: string, path: readonly Step[]): string {
  const [key, element] = placeOf(path);
  const pair = pairOf(parsed(text), key);
  if (pair === undefined) return text;
  if (element === undefined) {
    const start = startOfLine(text, rangeOf(pair.key)[0]);
    const end = nodeRange(pair.value)?.[1] ?? rangeOf(pair.key)[1];
    return text.slice(0, start) + text.slice(endOfLine(text, end));
  }
  const seq = pair.value;
  if (!isSeq(seq) || seq.flow === true) throw unsafe();
  const [start, end] = lineSpan(text, seq.items[indexOf(listAt(text, key), element)]);
  const left = text.slice(0, start) + text.slice(end);
  // A list without elements is no list any more.
  return seq.items.length > 1 ? left : emptied(left, key);
}

function emptied(text: string, key: string): string {
  const pair = pairOf(parsed(text), key);
  if (pair === undefined) throw unsafe();
  const keyEnd = rangeOf(pair.key)[1];
  const colon = text.indexOf(":", keyEnd);
  return `${text.slice(0, colon + 1)} []${text.slice(colon + 1)}`;
}

function placeOf(path: readonly Step[]): readonly [key: string, element: string | undefined] {
  const [key, element, ...rest] = path;
  if (typeof key !== "string" || typeof element === "string" || rest.length > 0) throw unsafe();
  return [key, element?.name];
}

function pairOf(document: Document, key: string): Pair | undefined {
  const { contents } = document;
  if (contents === null) return undefined;
  if (!isMap(contents)) throw unsafe();
  if (contents.flow === true) throw unsafe();
  return contents.items.find((pair) => nodeText(pair.key) === key);
}

function nodeText(node: unknown): unknown {
  return typeof node === "object" && node !== null && "value" in node ? node.value : node;
}

function listAt(text: string, key: string): readonly JsonValue[] {
  return listOf(valueAt(readTree(text), [key])) ?? [];
}

function indentOf(text: string, seq: YAMLSeq): string {
  const [start] = lineSpan(text, seq.items[0]);
  const [, indent] = /^([ ]*)-/.exec(text.slice(start)) ?? [];
  if (indent === undefined) throw unsafe();
  return indent;
}

/** The whole lines of an element, from its dash to its end; comments behind it are not its own. */
function lineSpan(text: string, node: unknown): readonly [start: number, end: number] {
  const [start, end] = rangeOf(node);
  const first = startOfLine(text, start);
  if (!/^[ ]*-\s/.test(text.slice(first))) throw unsafe();
  return [first, text[end - 1] === "\n" ? end : endOfLine(text, end)];
}

function rangeOf(node: unknown): readonly [start: number, end: number] {
  const range = nodeRange(node);
  if (range === undefined) throw unsafe();
  return range;
}

function nodeRange(node: unknown): readonly [start: number, end: number] | undefined {
  if (typeof node !== "object" || node === null || !("range" in node)) return undefined;
  const { range } = node as Node;
  return range === null || range === undefined ? undefined : [range[0], range[1]];
}

function unsafe(): SettingsError {
  return new SettingsError("it has a form that cannot be changed safely here");
}
