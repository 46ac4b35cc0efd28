// What goes into the link machine and what comes out of it. Data only: no socket, no clock, no promise.

import type { AppError } from "../core/error.ts";
import type { Violation } from "./decode.ts";
import type {
  AskFrame,
  ChunkFrame,
  Frame,
  HelloFrame,
  ResultFrame,
  SessionFrame,
  WelcomeFrame,
  WireLimits,
} from "./frame.ts";

/** Why a link was closed: the code of the WebSocket close frame. 4400 and above are the protocol's own. */
export const CLOSE = {
  normal: 1000,
  goingAway: 1001,
  binary: 1003,
  policy: 1008,
  tooLarge: 1009,
  tryLater: 1013,
  protocol: 4400,
  forbidden: 4403,
  timeout: 4408,
  replaced: 4409,
} as const;

/** What this end does with its turns. */
export type TurnInput =
  /** Asking side. */
  | { readonly type: "ask"; readonly frame: AskFrame }
  | { readonly type: "cancel"; readonly id: string; readonly error: AppError }
  | { readonly type: "consumed"; readonly id: string; readonly bytes: number }
  /** Answering side. `body` as `encodeChunk` takes it; after a `held` nothing may follow before `resumed`. */
  | ChunkInput
  | { readonly type: "result"; readonly frame: ResultFrame }
  | { readonly type: "fail"; readonly id: string; readonly error: AppError };

export interface ChunkInput {
  readonly type: "chunk";
  readonly id: string;
  readonly body: string;
  readonly last: boolean;
  /** With `last`: the agent waits for results. */
  readonly parked?: boolean;
}

/** `at` is monotonic milliseconds; `bytes` the size of the frame's text on the wire. */
export type LinkInput =
  | TurnInput
  | { readonly type: "frame"; readonly at: number; readonly frame: Frame; readonly bytes: number }
  | { readonly type: "violation"; readonly violation: Violation }
  | { readonly type: "session"; readonly frame: SessionFrame }
  /** An agent's, on a link that is open: its models have changed. */
  | { readonly type: "announce"; readonly frame: HelloFrame }
  | TimedInput
  | EndInput;

export type TimedInput =
  | { readonly type: "opened"; readonly at: number; readonly hello: HelloFrame | undefined }
  /** The hub takes the peer in. */
  | {
      readonly type: "accept";
      readonly at: number;
      readonly linkId: string;
      readonly version: string;
      readonly session?: string;
      readonly sessionCount?: number;
    }
  | { readonly type: "tick"; readonly at: number }
  | { readonly type: "control-ping"; readonly at: number };

/** The end of the link: by us, with a word about it where `error` is given, or by the socket. */
export type EndInput =
  | { readonly type: "shutdown"; readonly error: AppError }
  | {
      readonly type: "close";
      readonly code: number;
      readonly reason: string;
      readonly error?: AppError;
    }
  | { readonly type: "closed" };

/** What becomes of turns. */
export type TurnEffect =
  | { readonly type: "send"; readonly text: string }
  /** Asking side: a part of the answer, in order. */
  | { readonly type: "received"; readonly frame: ChunkFrame | ResultFrame; readonly bytes: number }
  /** Answering side: a turn to serve. */
  | { readonly type: "start"; readonly frame: AskFrame }
  /** Answering side: the last chunk waits for credit; and it has gone now. */
  | { readonly type: "held"; readonly id: string }
  | { readonly type: "resumed"; readonly id: string }
  | OverEffect
  /** Either side, once per turn that was over `parked`: the results are on their way, or (`error`) nobody will bring them. */
  | { readonly type: "unparked"; readonly id: string; readonly error?: AppError };

/** Either side, once per turn that was asked or started. Without an error the answer is complete. */
export interface OverEffect {
  readonly type: "over";
  readonly id: string;
  readonly error?: AppError;
  /** The agent waits for results: one `unparked` follows. */
  readonly parked?: true;
}

/** What becomes of the link. */
export type ControlEffect =
  | { readonly type: "close"; readonly code: number; readonly reason: string }
  /** Call back with a `tick` in `ms`; replaces the timer before it. */
  | { readonly type: "timer"; readonly ms: number }
  | { readonly type: "hello"; readonly frame: HelloFrame }
  | { readonly type: "welcome"; readonly frame: WelcomeFrame }
  | { readonly type: "session"; readonly frame: SessionFrame }
  /** The peer's complaint about the link as a whole. */
  | { readonly type: "complaint"; readonly error: AppError };

export type LinkEffect = TurnEffect | ControlEffect;

/** One array for all, since most steps end with nothing to do: `never[]` cannot be written to. */
export const NO_EFFECTS: readonly never[] = [];

/** What one half of a link needs to know of the whole. */
export interface HalfLink {
  readonly limits: () => WireLimits;
  /** Whether the peer reads results in parts: see `TOOL_RESULT_PARTS`. */
  readonly readsParts: () => boolean;
  readonly counters: LinkCounters;
}

/** Things that should not happen, counted for those who watch. */
export interface LinkCounters {
  /** Frames for a turn that has ended here: harmless. */
  late: number;
  /** Frames for a turn that this link has never seen. */
  unknown: number;
}
