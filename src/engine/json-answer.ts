// Finds the one JSON document in an agent's answer: bare, in a code fence, or between sentences. Never mends it, never
// chooses between several.

import type { JsonValue } from "../core/json.ts";
import { parseJson } from "../core/json.ts";

export type FoundJson =
  { readonly value: JsonValue; readonly text: string } | { readonly problem: "none" | "several" };

/** `text` is the document as the agent wrote it. Time is proportional to the length of the answer. */
export function findJson(answer: string): FoundJson {
  const bare = asJson(answer);
  if (bare !== undefined) return bare;
  const documents = fencedTexts(answer).flatMap((text) => asJson(text) ?? []);
  return onlyOne(documents.length > 0 ? documents : documentsIn(answer));
}

/** What stands in code fences as Markdown has them, on lines of their own, whatever language they name. */
function fencedTexts(answer: string): readonly string[] {
  const texts: string[] = [];
  let open: string[] | undefined;
  for (const line of answer.split("\n")) {
    const fence = /^ {0,3}```([^`]*)$/.exec(line);
    if (open === undefined) open = fence === null ? undefined : [];
    else if (fence?.[1]?.trim() === "") {
      texts.push(open.join("\n"));
      open = undefined;
    } else open.push(line);
  }
  return texts;
}

interface JsonText {
  readonly value: JsonValue;
  readonly text: string;
}

function asJson(given: string): JsonText | undefined {
  const text = given.trim();
  const value = parseJson(text);
  return value === undefined ? undefined : { value, text };
}

function onlyOne(documents: readonly JsonText[]): FoundJson {
  const [first, second] = documents;
  if (first === undefined) return { problem: "none" };
  return second === undefined ? first : { problem: "several" };
}

/** The objects and arrays that stand in a text. One that is never closed hides whatever follows it. */
function documentsIn(answer: string): readonly JsonText[] {
  const documents: JsonText[] = [];
  const openers = /[{[]/g;
  for (let found = openers.exec(answer); found !== null; found = openers.exec(answer)) {
    const end = endOfDocument(answer, found.index);
    if (end === undefined) return documents;
    const document = asJson(answer.slice(found.index, end));
    if (document !== undefined) documents.push(document);
    openers.lastIndex = end;
  }
  return documents;
}

/** Behind the bracket that closes the one at `from`, whatever is in its strings. */
function endOfDocument(answer: string, from: number): number | undefined {
  let depth = 0;
  let inString = false;
  for (let at = from; at < answer.length; at += 1) {
    const character = answer[at];
    if (inString) {
      if (character === "\\") at += 1;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === "{" || character === "[") depth += 1;
    else if (character === "}" || character === "]") {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return undefined;
}
