// The text of a YAML file as a list of found values, each with the line that it stands on.
// Every complaint is one line: file, line, key, and what is wrong. Reads no file.

import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import type { Document, ErrorCode, Node, YAMLError, YAMLMap } from "yaml";

import { AppError } from "../core/error.ts";
import type { Found } from "./found.ts";
import { findProblems } from "./problem.ts";
import { keysOf, SECTIONS, SETTINGS } from "./settings.ts";
import type { Setting } from "./settings.ts";
import { suggestion } from "./suggest.ts";

/** In our words: the parser's own may quote the file, and it may hold a key. */
const YAML_FAULTS: Partial<Record<ErrorCode, string>> = {
  BAD_ALIAS: "an alias names no anchor",
  BAD_INDENT: "the indentation does not fit, or a bracket is not closed",
  BLOCK_AS_IMPLICIT_KEY: "two keys stand on one line, or the indentation does not fit",
  DUPLICATE_KEY: "this key stands twice",
  MISSING_CHAR: "a character is missing (a colon, a quote or a bracket)",
  MULTILINE_IMPLICIT_KEY: "a colon is missing after a key",
  MULTIPLE_DOCS: "the file has more than one document (---)",
  NON_STRING_KEY: "a key has to be text",
  RESOURCE_EXHAUSTION: "the file is nested too deeply",
  TAB_AS_INDENT: "a tab is used for indentation; use spaces",
  TAG_RESOLVE_FAILED: "tags (!…) are not supported",
};

export interface ParsedConfig {
  /** What is right. */
  readonly found: readonly Found[];
  /** What is not, in the order of the file as far as it goes. */
  readonly problems: readonly AppError[];
}

/** @throws AppError invalid_request: the first problem. `file` is for messages and origins only. */
export function parseConfig(text: string, file: string): readonly Found[] {
  const { found, problems } = inspectConfig(text, file);
  if (problems[0] !== undefined) throw problems[0];
  return found;
}

/** All that is found and all that is wrong. Of a file that is no YAML only that is said. */
export function inspectConfig(text: string, file: string): ParsedConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    schema: "core",
  });
  const problems: AppError[] = [];
  const complain = createComplain(file, lines, problems);
  for (const fault of worthSaying([...document.errors, ...document.warnings])) {
    const key = fault.code === "DUPLICATE_KEY" ? wordAt(text, fault.pos[0]) : "";
    complain(fault.pos[0], key, YAML_FAULTS[fault.code] ?? "not valid YAML");
  }
  const found = problems.length > 0 ? [] : readSections(document, file, { complain, lines });
  return { found, problems };
}

/** Where the text is no YAML, what the parser says after its first complaint is guesswork. */
function worthSaying(faults: readonly YAMLError[]): readonly YAMLError[] {
  const broken = faults.find(({ code }) => code !== "DUPLICATE_KEY");
  return broken === undefined ? faults : [broken];
}

/** Notes a problem; there is then nothing found. */
type Complain = (offset: number, key: string, what: string) => readonly Found[];

function createComplain(file: string, lines: LineCounter, problems: AppError[]): Complain {
  return (offset, key, what) => {
    const name = key === "" ? "" : `${printable(key)}: `;
    const place = `${file}:${lines.linePos(offset).line}`;
    problems.push(new AppError("invalid_request", `${place}: ${name}${what}`));
    return [];
  };
}

interface Reader {
  readonly complain: Complain;
  readonly lines: LineCounter;
}

function readSections(document: Document, file: string, reader: Reader): readonly Found[] {
  const root = resolve(document.contents, document);
  if (isEmpty(root)) return [];
  const { complain } = reader;
  if (!isMap(root)) return complain(offsetOf(root), "", "expected a block of keys");
  return pairs(root).flatMap(({ key, offset, node }) => {
    if (!SECTIONS.includes(key)) {
      return complain(offset, key, `unknown key${suggestion(key, SECTIONS)}`);
    }
    const section = resolve(node, document);
    // `provider:` with every line below it commented out.
    if (isEmpty(section)) return [];
    const whole = SETTINGS.find((setting) => setting.path === key);
    if (whole !== undefined) return readSetting(whole, { document, file, offset, node }, reader);
    if (!isMap(section)) return complain(offset, key, "expected a block of keys");
    return pairs(section).flatMap((pair) => {
      const path = `${key}.${pair.key}`;
      const setting = SETTINGS.find((setting) => setting.path === path);
      if (setting !== undefined) return readSetting(setting, { document, file, ...pair }, reader);
      return complain(pair.offset, path, `unknown key${suggestion(pair.key, keysOf(key))}`);
    });
  });
}

interface Place {
  readonly document: Document;
  readonly file: string;
  readonly offset: number;
  readonly node: Node | null;
}

function readSetting(
  setting: Setting,
  place: Place,
  { complain, lines }: Reader,
): readonly Found[] {
  const value = toValue(place);
  if (value === undefined) return complain(place.offset, setting.path, "too many aliases");
  const problems = findProblems(setting.schema, value);
  for (const { path, message } of problems) {
    complain(offsetInside(place, path), pathOf(setting.path, path), message);
  }
  if (problems.length > 0) return [];
  const { line } = lines.linePos(place.offset);
  return [{ setting, value, origin: { kind: "file", file: place.file, line } }];
}

/** `undefined`: the aliases in it multiply without end. */
function toValue({ document, node }: Place): unknown {
  try {
    return node === null ? null : node.toJS(document, { maxAliasCount: 100 });
  } catch {
    return undefined;
  }
}

interface PairAt {
  readonly key: string;
  readonly offset: number;
  readonly node: Node | null;
}

function pairs(map: YAMLMap): readonly PairAt[] {
  return map.items.map((pair) => {
    const key = pair.key as Node;
    return {
      key: isScalar(key) ? String(key.value) : "",
      offset: offsetOf(key),
      node: pair.value as Node | null,
    };
  });
}

/** The place of the deepest node on the way to a problem, so that the line is that of the bad entry. */
function offsetInside({ document, node, offset }: Place, path: readonly string[]): number {
  let best = offset;
  let current = resolve(node, document);
  for (const part of path) {
    const next = step(current, part);
    if (next === undefined) break;
    best = next.offset;
    current = resolve(next.node, document);
  }
  return best;
}

function step(node: Node | null, part: string): Omit<PairAt, "key"> | undefined {
  if (isMap(node)) return pairs(node).find((pair) => pair.key === part);
  if (!isSeq(node)) return undefined;
  const item = node.items[Number(part)] as Node | undefined;
  return item && { offset: offsetOf(item), node: item };
}

function resolve(node: Node | null | undefined, document: Document): Node | null {
  return isAlias(node) ? (node.resolve(document) ?? null) : (node ?? null);
}

function isEmpty(node: Node | null): node is null {
  return node === null || (isScalar(node) && node.value === null);
}

function offsetOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}

function pathOf(setting: string, inside: readonly string[]): string {
  return inside.reduce(
    (path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : `${path}.${part}`),
    setting,
  );
}

function wordAt(text: string, offset: number): string {
  return /^[\w.-]*/.exec(text.slice(offset, offset + 80))?.[0] ?? "";
}

/** Keys come from a file: no control characters in a message. */
function printable(key: string): string {
  return key.length > 80 || /[^\x20-\x7e]/.test(key) ? JSON.stringify(key.slice(0, 80)) : key;
}
