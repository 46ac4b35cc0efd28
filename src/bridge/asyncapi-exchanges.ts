// Who says what to whom on a link, for people: the AsyncAPI document's operations. What is enforced is in decode.ts,
// and a test holds the two together.

import type { FrameType } from "./frame.ts";

export type Peer = "agent" | "provider";

export interface Exchange {
  readonly name: string;
  readonly summary: string;
  readonly peer: Peer;
  readonly from: Peer | "hub";
  readonly says: readonly FrameType[];
  /** What the other end says to it. */
  readonly answers?: readonly FrameType[];
}

export const PEERS: readonly Peer[] = ["agent", "provider"];

export const SUMMARIES: Readonly<Record<FrameType, string>> = {
  hello:
    "The first word of whoever dials in: who it is, what it offers, what it wishes for. An agent whose models have changed says it again.",
  welcome: "The hub takes the peer in, and states the limits that hold for both ends.",
  session: "A session as it stands, on every change.",
  model_invoke: "Opens a turn.",
  tool_results:
    "Opens a turn that goes on with a parked one, whose tool calls the editor has answered.",
  model_stream_chunk: "A piece of an answer. The one with `finish_reason` ends the turn.",
  model_result: "A whole answer, or the failure of any turn: it ends the turn.",
  cancel: "Ends a turn from the asking side; nothing more is said about it.",
  flow: "More bytes of chunks that the asking side will take for this turn.",
  error: "With `id` the failure of that turn, which ends it; without, a complaint about the link.",
  ping: "A question for a sign of life.",
  pong: "The answer to a ping. Any other frame is a sign of life too.",
};

/** All that is said on the links of agents, or of providers. */
export function exchangesOf(peer: Peer): readonly Exchange[] {
  const [asker, answerer] = peer === "agent" ? (["hub", peer] as const) : ([peer, "hub"] as const);
  const answers: readonly FrameType[] = ["model_stream_chunk", "model_result", "error"];
  const exchange = (
    from: Exchange["from"],
    verb: string,
    rest: Pick<Exchange, "summary" | "says" | "answers">,
  ) => ({
    name: `${from}${verb}${from === "hub" ? titled(peer) : "Hub"}`,
    peer,
    from,
    ...rest,
  });
  return [
    exchange(peer, "Greets", {
      summary: `The ${peer} says who it is; the hub takes it in, or says why not and closes.`,
      says: ["hello"],
      answers: ["welcome", "error"],
    }),
    exchange("hub", "Informs", {
      summary:
        peer === "agent"
          ? "The agent's own session, on every change; its token, once, when it becomes active or is resumed."
          : "Every session after `welcome`, then every change. Never a token.",
      says: ["session"],
    }),
    exchange(asker, "Asks", {
      summary: "Opens a turn. It ends by a last chunk, a result or an error, exactly once.",
      says: ["model_invoke", "tool_results"],
      answers,
    }),
    exchange(asker, "Steers", {
      summary: "Ends a turn that runs, or that waits parked; or lets more of an answer come.",
      says: ["cancel", "flow"],
    }),
    exchange(answerer, "Answers", {
      summary: "Chunks from index 0 without gaps, within the credit; or one whole answer.",
      says: ["model_stream_chunk", "model_result"],
    }),
    ...(["hub", peer] as const).flatMap((from) => [
      exchange(from, "Complains", { summary: "Something went wrong.", says: ["error"] }),
      exchange(from, "Pings", {
        summary: "Asks for a sign of life.",
        says: ["ping"],
        answers: ["pong"],
      }),
    ]),
  ];
}

export function titled(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
