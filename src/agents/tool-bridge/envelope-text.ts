// Tells an answer that is words from one that may be an envelope of tool calls, by its first characters: words go on at
// once, what may be an envelope is kept until its end. Pure, and the same however the text is cut.

export interface EnvelopeText {
  /** What of the text is to be passed on now; `""` while it is kept. */
  push(text: string): string;
  /** What was kept, when there is no more to come. */
  rest(): string;
}

type Verdict = "words" | "envelope" | "open";

/** `most`: an answer that is kept and grows beyond this, in UTF-16 code units, is no envelope. */
export function createEnvelopeText(most: number): EnvelopeText {
  let kept = "";
  let isWords = false;
  let verdict: Verdict = "open";

  return {
    push: (text) => {
      if (isWords) return text;
      kept += text;
      if (verdict === "open") verdict = verdictOn(kept);
      isWords = verdict === "words" || kept.length > most;
      if (!isWords) return "";
      const passed = kept;
      kept = "";
      return passed;
    },
    rest: () => {
      const rest = kept;
      kept = "";
      return rest;
    },
  };
}

const FENCE = /^```[ \t]*(?:json)?\s*/i;
/** Everything that a fence before an object can be while it is still being written. */
const BEGUN = /^(?:`{0,2}|```[ \t]*|```[ \t]*j|```[ \t]*js|```[ \t]*jso|```[ \t]*json\s*|```\s*)$/i;

function verdictOn(text: string): Verdict {
  const begun = text.trimStart();
  if (begun.startsWith("{")) return "envelope";
  if (BEGUN.test(begun)) return "open";
  const fence = FENCE.exec(begun);
  return fence !== null && begun.startsWith("{", fence[0].length) ? "envelope" : "words";
}

/** The text within a fence that is all of it, or the text itself. */
export function withoutFence(text: string): string {
  const trimmed = text.trim();
  const fence = FENCE.exec(trimmed);
  if (fence === null || !trimmed.endsWith("```") || trimmed.length < fence[0].length + 3) {
    return trimmed;
  }
  return trimmed.slice(fence[0].length, -3).trim();
}
