// What one benchmark answer looks like on the wire, for the floor to send: the same bytes a provider would send
// as OpenAI chat completions. Knows nothing of sockets.

/** A streamed answer, framed: `start` is the relay's own role frame, `deltas` one text each, `end` the finish and `[DONE]`. */
export interface StreamShape {
  readonly start: string;
  readonly deltas: readonly string[];
  readonly end: string;
}

const ID = "chatcmpl-0123456789abcdefghijkl";
const CREATED = 1_700_000_000;
const MODEL = "cursor-agent";

function chunk(delta: object, finishReason: string | null): string {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: finishReason }];
  const body = { id: ID, object: "chat.completion.chunk", created: CREATED, model: MODEL, choices };
  return `data: ${JSON.stringify(body)}\n\n`;
}

/** What every target answers when it does not stream. */
export const WHOLE_TEXT = "Five words for an answer.";

/** The texts of a stream's chunks: each its own, so that a lost or a doubled one shows. */
export function streamTexts(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `word${index}${index + 1 < count ? " " : ""}`);
}

/** Like OpenAI's chat completion chunks (openai spec): role first, `count` deltas of one word, finish, `[DONE]`. */
export function streamShape(count: number): StreamShape {
  return {
    start: chunk({ role: "assistant", content: "" }, null),
    deltas: streamTexts(count).map((text) => chunk({ content: text }, null)),
    end: `${chunk({}, "stop")}data: [DONE]\n\n`,
  };
}

/** Like OpenAI's whole chat completion, as JSON text. */
export function wholeShape(): string {
  const message = { role: "assistant", content: WHOLE_TEXT, refusal: null };
  return JSON.stringify({
    id: ID,
    object: "chat.completion",
    created: CREATED,
    model: MODEL,
    choices: [{ index: 0, message, logprobs: null, finish_reason: "stop" }],
    usage: { prompt_tokens: 8, completion_tokens: 6, total_tokens: 14 },
  });
}
