// Directives: lines of the last user message, such as `/rehearse delay 200`, that tell the rehearsal agent what to do.
// Pure text to steps. A line that is not understood is a mistake to be shown, never ignored.

import { isErrorCode } from "../../core/error.ts";
import { isJsonObject, parseJson } from "../../core/json.ts";
import { type RehearsalStep, STEP_LIMITS, faultOf } from "./step.ts";
import { nearest } from "./words.ts";

/** `steps` is empty when the message has no directive. */
export type Directives =
  | { readonly type: "steps"; readonly steps: readonly RehearsalStep[] }
  | { readonly type: "help" }
  | { readonly type: "mistake"; readonly message: string };

/** Follows a `/`, or a `!` for editors that keep lines with a slash to themselves. */
const NAME = "rehearse";

/** How each directive is written, for the help text. */
export const DIRECTIVE_FORMS = {
  say: 'say "text"',
  reasoning: 'reasoning "text"',
  tool: 'tool name {"argument": "value"}',
  park: "park",
  results: "results",
  delay: "delay milliseconds",
  chunk: "chunk characters",
  repeat: "repeat times",
  usage: "usage prompt-tokens completion-tokens",
  finish: "finish stop|length|tool_calls|content_filter",
  error: 'error code "text"',
  crash: "crash",
  hang: "hang",
  help: "help",
} as const;

type Verb = keyof typeof DIRECTIVE_FORMS;

/** Thrown within this file only. */
class Mistake extends Error {}

export function parseDirectives(message: string): Directives {
  const steps: RehearsalStep[] = [];
  try {
    for (const directive of directivesIn(message)) {
      const [verb, rest] = firstWord(directive);
      if (verb === "" || verb === "help") return { type: "help" };
      steps.push(parseStep(verb, rest));
    }
    const fault = faultOf(steps);
    if (fault !== undefined) throw new Mistake(fault);
  } catch (error) {
    if (error instanceof Mistake) return { type: "mistake", message: error.message };
    throw error;
  }
  return { type: "steps", steps };
}

/** What stands after the name, line by line. Only lines that have the name are looked at: most of a message may be pasted code. */
function directivesIn(message: string): readonly string[] {
  const found: string[] = [];
  for (let at = message.indexOf(NAME); at !== -1; at = message.indexOf(NAME, at + 1)) {
    if (!beginsLine(message, at)) continue;
    const after = message.slice(at + NAME.length);
    const end = after.search(/[\r\n]/);
    const rest = end === -1 ? after : after.slice(0, end);
    const directive = rest.trim();
    if (directive === "" || rest.trimStart() !== rest) found.push(directive);
  }
  return found;
}

/** Whether the name at `at` has its mark before it, and nothing but blanks before that. */
function beginsLine(message: string, at: number): boolean {
  let before = at - 1;
  if (message[before] !== "/" && message[before] !== "!") return false;
  do before -= 1;
  while (message[before] === " " || message[before] === "\t");
  return before < 0 || message[before] === "\n" || message[before] === "\r";
}

function parseStep(verb: string, rest: string): RehearsalStep {
  if (!isVerb(verb)) {
    const verbs = Object.keys(DIRECTIVE_FORMS);
    const guess = nearest(verb, verbs);
    const hint = guess === undefined ? "" : ` Did you mean "${guess}"?`;
    throw new Mistake(`there is no directive "${verb}".${hint} There are: ${verbs.join(", ")}.`);
  }
  switch (verb) {
    case "say":
    case "reasoning":
      return { type: verb, text: parseText(verb, rest) };
    case "tool":
      return parseTool(rest);
    case "delay":
      return { type: "delay", ms: parseNumber("delay", rest) };
    case "chunk":
      return { type: "chunk", characters: parseNumber("chunk", rest) };
    case "repeat":
      return { type: "repeat", times: parseNumber("repeat", rest) };
    case "usage":
      return parseUsage(rest);
    case "finish":
      return parseFinish(rest);
    case "error":
      return parseError(rest);
    default:
      if (rest !== "" || verb === "help") throw malformed(verb);
      return { type: verb };
  }
}

/** A JSON string, the same in typographic quotes, or the bare rest of the line. */
function parseText(verb: Verb, rest: string): string {
  const straight = /^[“”].*[“”]$/su.test(rest) ? `"${rest.slice(1, -1)}"` : rest;
  if (!straight.startsWith('"')) {
    if (straight === "") throw malformed(verb);
    return straight;
  }
  const text = parseJson(straight);
  if (typeof text !== "string") throw malformed(verb, "Its quotes or escapes do not match.");
  return text;
}

function parseTool(rest: string): RehearsalStep {
  const [name, json] = firstWord(rest);
  if (name === "") throw malformed("tool");
  if (json !== "" && !isJsonObject(parseJson(json))) {
    throw malformed("tool", "The arguments must be a JSON object on the same line.");
  }
  return { type: "tool", name, arguments: json === "" ? "{}" : json };
}

function parseUsage(rest: string): RehearsalStep {
  const [prompt, completion] = firstWord(rest);
  return {
    type: "usage",
    usage: {
      promptTokens: parseNumber("usage", prompt),
      completionTokens: parseNumber("usage", completion),
    },
  };
}

function parseFinish(rest: string): RehearsalStep {
  switch (rest) {
    case "stop":
    case "length":
    case "tool_calls":
    case "content_filter":
      return { type: "finish", reason: rest };
    default:
      throw malformed("finish");
  }
}

function parseError(rest: string): RehearsalStep {
  const [code, text] = firstWord(rest);
  if (!isErrorCode(code)) {
    throw malformed("error", "The code must be one of ours, such as agent_error or too_busy.");
  }
  const message = text === "" ? "The rehearsal was told to fail." : parseText("error", text);
  return { type: "error", code, message };
}

function parseNumber(verb: keyof typeof STEP_LIMITS, text: string): number {
  const { least, most } = STEP_LIMITS[verb];
  const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw malformed(verb, `The number must be whole, from ${least} to ${most}.`);
}

function malformed(verb: Verb, why = ""): Mistake {
  return new Mistake(`"${verb}" is written: /rehearse ${DIRECTIVE_FORMS[verb]}. ${why}`.trim());
}

function isVerb(word: string): word is Verb {
  return Object.hasOwn(DIRECTIVE_FORMS, word);
}

function firstWord(text: string): [word: string, rest: string] {
  const end = text.search(/\s/);
  return end === -1 ? [text, ""] : [text.slice(0, end), text.slice(end).trim()];
}
