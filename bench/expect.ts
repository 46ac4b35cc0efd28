// What a right answer is: learnt once from a first answer that is read in full, then held against every other one, chunk by
// chunk, by searching text. Parsing every chunk would make the generator slower than what it measures.

import type { HttpAnswer } from "./http-answer.ts";

export interface Expectation {
  /** What is wrong with an answer, or undefined. */
  fault(answer: HttpAnswer): string | undefined;
  /** Of the first answer: how many bytes its body has, so that targets can be compared. */
  readonly bytes: number;
}

interface ChatBody {
  readonly choices?: readonly {
    readonly finish_reason?: string | null;
    readonly message?: { readonly content?: string | null };
    readonly delta?: { readonly content?: string | null };
  }[];
}

const CONTENT = '"content":"';
const STOP = '"finish_reason":"stop"';
const DONE = "data: [DONE]\n\n";

// Bodies are latin1 with the bytes of UTF-8, see http-answer.
function decode(body: string): string {
  return Buffer.from(body, "latin1").toString("utf8");
}

function needle(content: string): string {
  return Buffer.from(`"content":${JSON.stringify(content)}`, "utf8").toString("latin1");
}

/** Where the next content that is not empty stands, -1 when there is none. Quotes inside a text are escaped, so this finds no text. */
function nextContent(body: string, from: number): number {
  let at = body.indexOf(CONTENT, from);
  while (at !== -1 && body.startsWith('"', at + CONTENT.length)) {
    at = body.indexOf(CONTENT, at + CONTENT.length);
  }
  return at;
}

function refusal(answer: HttpAnswer): string | undefined {
  return answer.status === 200
    ? undefined
    : `status ${answer.status}: ${decode(answer.body).slice(0, 300)}`;
}

function wholeContent(answer: HttpAnswer): string {
  const choice = (JSON.parse(decode(answer.body)) as ChatBody).choices?.[0];
  const content = choice?.message?.content;
  if (typeof content !== "string" || content === "")
    throw new Error("a whole answer without content");
  if (choice?.finish_reason !== "stop") throw new Error("a whole answer that did not stop");
  return content;
}

/** Throws when `first` is not a whole chat completion with content. */
export function expectWhole(first: HttpAnswer): Expectation {
  const refused = refusal(first);
  if (refused !== undefined) throw new Error(refused);
  const content = wholeContent(first);
  return {
    bytes: first.body.length,
    fault(answer) {
      const refused = refusal(answer);
      if (refused !== undefined) return refused;
      try {
        return wholeContent(answer) === content ? undefined : "a whole answer with another text";
      } catch (error) {
        return error instanceof Error ? error.message : "not a whole answer";
      }
    },
  };
}

function streamContents(body: string): string[] {
  if (!body.endsWith(DONE)) throw new Error("a stream without [DONE] at its end");
  const events = decode(body.slice(0, -DONE.length))
    .split("\n\n")
    .filter((event) => event.startsWith("data: "));
  const choices = events.map((event) => (JSON.parse(event.slice(6)) as ChatBody).choices?.[0]);
  if (!choices.some((choice) => choice?.finish_reason === "stop"))
    throw new Error("a stream that did not stop");
  return choices.map((choice) => choice?.delta?.content ?? "").filter((content) => content !== "");
}

/** `chunks` is how many chunks with content an answer has. Throws when `first` is not such a stream with `[DONE]` at its end. */
export function expectStream(first: HttpAnswer, chunks: number): Expectation {
  const refused = refusal(first);
  if (refused !== undefined) throw new Error(refused);
  const contents = streamContents(first.body);
  if (contents.length !== chunks)
    throw new Error(`a stream of ${contents.length} chunks where ${chunks} were asked for`);
  const needles = contents.map(needle);

  return {
    bytes: first.body.length,
    fault(answer) {
      const refused = refusal(answer);
      if (refused !== undefined) return refused;
      const { body } = answer;
      let at = nextContent(body, 0);
      for (const text of needles) {
        if (at === -1 || !body.startsWith(text, at)) {
          return "a stream with a chunk missing, doubled, changed or out of order";
        }
        // One delta an event: two in one would be fewer chunks than were asked for.
        const end = body.indexOf("\n\n", at);
        const next = nextContent(body, at + text.length);
        if (end === -1 || (next !== -1 && next < end)) return "a stream with an event cut off";
        at = next;
      }
      if (at !== -1) return "a stream with more chunks than were asked for";
      if (!body.includes(STOP)) return "a stream that did not stop";
      return body.endsWith(DONE) ? undefined : "a stream without [DONE] at its end";
    },
  };
}
