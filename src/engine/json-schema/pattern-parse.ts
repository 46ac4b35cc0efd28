// A JSON Schema `pattern` (ECMA-262, by default with its `u` flag) as a tree. Only the structure is read here: what a
// single character class means is left to the runtime's own engine, one character at a time.

/** Matches one character: a code point, or a code unit in a pattern that is no `u` pattern. */
export type CharTest = (character: string) => boolean;

export type PatternNode =
  | { readonly type: "empty" }
  | { readonly type: "char"; readonly test: CharTest }
  | { readonly type: "sequence"; readonly nodes: readonly PatternNode[] }
  | { readonly type: "choice"; readonly nodes: readonly PatternNode[] }
  | {
      readonly type: "repeat";
      readonly node: PatternNode;
      readonly min: number;
      readonly max: number;
    }
  | { readonly type: "assert"; readonly kind: "start" | "end" | "word" | "no-word" }
  | {
      readonly type: "look";
      readonly node: PatternNode;
      readonly ahead: boolean;
      readonly negative: boolean;
    };

export interface ParsedPattern {
  readonly node: PatternNode;
  readonly unicode: boolean;
}

const MAX_LENGTH = 10_000;
const MAX_GROUPS = 500;
const EMPTY: PatternNode = { type: "empty" };
const GROUPS = /\((\?(?:[:=!]|<[=!]|<[^>]*>))?/y;
const REPEATS = /(?:[*+?]|\{(\d+)(?:(,)(\d*))?\})\??/y;
const ESCAPES =
  /\\(?:[pP]\{[^}]*\}|u\{[^}]*\}|u[dD][89abAB]..\\u[dD][c-fC-F]..|u[\da-fA-F]{4}|x[\da-fA-F]{2}|c[A-Za-z]|[^])/y;

/** `undefined`: no pattern, or one with what cannot be matched in bounded time: back references and mode groups. */
export function parsePattern(source: string): ParsedPattern | undefined {
  if (source.length > MAX_LENGTH) return undefined;
  const unicode = compiles(source, "u");
  if (!unicode && !compiles(source, "")) return undefined;
  const node = createParser(source, unicode ? "u" : "").parse();
  return node && { node, unicode };
}

function compiles(source: string, flags: string): boolean {
  try {
    return new RegExp(source, flags).flags === flags;
  } catch {
    return false;
  }
}

function createParser(source: string, flags: "u" | ""): { parse(): PatternNode | undefined } {
  let at = 0;
  let groups = 0;
  let isKnown = true;

  /** What `sticky` finds here, which is then behind us. */
  function take(sticky: RegExp): RegExpExecArray | undefined {
    sticky.lastIndex = at;
    const found = sticky.exec(source) ?? undefined;
    if (found !== undefined) at += found[0].length;
    return found;
  }

  function choice(): PatternNode {
    const nodes = [sequence()];
    while (source[at] === "|") {
      at += 1;
      nodes.push(sequence());
    }
    return nodes.length === 1 ? (nodes[0] ?? EMPTY) : { type: "choice", nodes };
  }

  function isAtEnd(): boolean {
    return !isKnown || at >= source.length || source[at] === "|" || source[at] === ")";
  }

  function sequence(): PatternNode {
    const nodes: PatternNode[] = [];
    while (!isAtEnd()) nodes.push(repeated(atom()));
    return { type: "sequence", nodes };
  }

  function repeated(node: PatternNode): PatternNode {
    const found = take(REPEATS);
    if (found === undefined) return node;
    const [text, least, comma, most] = found;
    if (least === undefined) {
      const min = text.startsWith("+") ? 1 : 0;
      return { type: "repeat", node, min, max: text.startsWith("?") ? 1 : Infinity };
    }
    const min = Number(least);
    const max = comma === undefined ? min : most === "" ? Infinity : Number(most);
    return { type: "repeat", node, min, max };
  }

  function atom(): PatternNode {
    switch (source[at]) {
      case "(":
        return group();
      case "[":
        return classOf(takeClass());
      case "\\":
        return escape();
      case "^":
        at += 1;
        return { type: "assert", kind: "start" };
      case "$":
        at += 1;
        return { type: "assert", kind: "end" };
      case ".":
        at += 1;
        return classOf(".");
      default:
        return literal();
    }
  }

  function group(): PatternNode {
    const [, kind = ""] = take(GROUPS) ?? [];
    groups += 1;
    if (groups > MAX_GROUPS || (kind === "" && source[at] === "?")) isKnown = false;
    const node = isKnown ? choice() : EMPTY;
    at += 1;
    const look = /^\?(<?)([=!])$/.exec(kind);
    if (look === null) return node;
    return { type: "look", node, ahead: look[1] === "", negative: look[2] === "!" };
  }

  function takeClass(): string {
    const from = at;
    do at += source[at] === "\\" ? 2 : 1;
    while (at < source.length && source[at] !== "]");
    at += 1;
    return source.slice(from, at);
  }

  function escape(): PatternNode {
    const [text = ""] = take(ESCAPES) ?? [];
    if (text === "\\b") return { type: "assert", kind: "word" };
    if (text === "\\B") return { type: "assert", kind: "no-word" };
    if (/^\\[1-9k]/.test(text)) isKnown = false;
    return isKnown ? classOf(text) : EMPTY;
  }

  function literal(): PatternNode {
    const code = flags === "u" ? source.codePointAt(at) : source.charCodeAt(at);
    const character = String.fromCodePoint(code ?? 0);
    at += character.length;
    return { type: "char", test: (given) => given === character };
  }

  function classOf(text: string): PatternNode {
    const single = new RegExp(`^(?:${text})$`, flags);
    return { type: "char", test: (given) => single.test(given) };
  }

  return {
    parse: () => {
      const node = choice();
      return isKnown ? node : undefined;
    },
  };
}
