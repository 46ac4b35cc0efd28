// What an agent answers: a flow of small events, the same for every agent and every dialect.

export type FinishReason = "stop" | "length" | "tool_calls" | "content_filter";

/** Token counts. `estimated` where the agent did not count and we guessed. */
export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly reasoningTokens?: number;
  readonly cachedTokens?: number;
  readonly estimated?: boolean;
}

/** What both together cost. Estimated if either is. */
export function addUsage(one: Usage, other: Usage): Usage {
  const sum = (name: "reasoningTokens" | "cachedTokens"): Partial<Usage> =>
    one[name] === undefined && other[name] === undefined
      ? {}
      : { [name]: (one[name] ?? 0) + (other[name] ?? 0) };
  return {
    promptTokens: one.promptTokens + other.promptTokens,
    completionTokens: one.completionTokens + other.completionTokens,
    ...sum("reasoningTokens"),
    ...sum("cachedTokens"),
    ...((one.estimated === true || other.estimated === true) && { estimated: true }),
  };
}

/**
 * The grammar: any number of deltas, then exactly one `finish`, then nothing. A failure is thrown as an
 * `AppError` in place of the finish. Tool calls come one after the other, never interleaved: the
 * `tool-call-delta`s of a call follow its `tool-call-start` before anything else, and their `arguments`
 * joined are the JSON text of an object (no delta at all means `{}`). No delta is cut inside a surrogate
 * pair: each is encoded by itself.
 */
export type TurnEvent =
  | { readonly type: "text-delta"; readonly text: string }
  | { readonly type: "reasoning-delta"; readonly text: string }
  | { readonly type: "tool-call-start"; readonly id: string; readonly name: string }
  | { readonly type: "tool-call-delta"; readonly id: string; readonly arguments: string }
  | { readonly type: "embeddings"; readonly vectors: readonly (readonly number[])[] }
  | FinishEvent;

export interface FinishEvent {
  readonly type: "finish";
  readonly reason: FinishReason;
  readonly usage?: Usage;
  /** The one of the request's `stop` sequences that ended the answer, with reason `stop`. */
  readonly stopSequence?: string;
  /** The agent keeps its state and waits for the results of the tool calls it made: a `ResumeRequest`. */
  readonly parked?: boolean;
}

/** A turn's events put together: what a client that does not stream gets. */
export interface TurnResult {
  readonly text: string;
  readonly reasoning: string;
  readonly toolCalls: readonly {
    readonly id: string;
    readonly name: string;
    readonly arguments: string;
  }[];
  readonly vectors: readonly (readonly number[])[];
  readonly finish: FinishEvent;
}

/** Every accepted request ends exactly once, as one of these. */
export type Outcome =
  "done" | "client_cancelled" | "refused" | "agent_lost" | "timeout" | "shutdown" | "error";
