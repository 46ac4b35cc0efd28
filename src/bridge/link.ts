// One end of a link as a machine: inputs in, effects out, the same for hub, agent and provider. It has no socket, clock
// or promise: connection.ts owns those. States, frames and invariants are in design.md.

import type { Party } from "./decode.ts";
import {
  CLOSE,
  type EndInput,
  type LinkCounters,
  type LinkEffect,
  type LinkInput,
  NO_EFFECTS,
  type TimedInput,
} from "./effect.ts";
import { encodeFrame } from "./encode.ts";
import { fromWireError, linkLost, toWireError } from "./failure.ts";
import type { ErrorFrame, Frame, HelloFrame, WelcomeFrame, WireLimits } from "./frame.ts";
import { PROTOCOL_VERSION } from "./frame.ts";
import { createLiveness, type LinkTimes, type Verdict } from "./liveness.ts";
import { SESSION_TOKEN_KEPT, TOOL_RESULT_PARTS } from "./payload.ts";
import { present } from "./present.ts";
import { createTurns, type Fatal, type TurnStep } from "./turns.ts";

export interface LinkConfig {
  readonly self: Party;
  readonly peer: Party;
  /** The hub's own; whoever dials in takes over what `welcome` says. */
  readonly limits: WireLimits;
  readonly times: LinkTimes;
  /** See `createTurns`. */
  readonly livesElsewhere: (id: string) => boolean;
}

export type LinkPhase = "new" | "greeting" | "admitting" | "open" | "closed";

export interface Link {
  step(input: LinkInput): readonly LinkEffect[];
  readonly phase: LinkPhase;
  readonly limits: WireLimits;
  readonly lastHeardAt: number | undefined;
  /** Turns that have not ended, asked and served. */
  readonly turns: number;
  readonly counters: Readonly<LinkCounters>;
}

export function createLink(config: LinkConfig): Link {
  let phase: LinkPhase = "new";
  let limits = config.limits;
  /** What of the protocol both ends understand, of what is newer than the protocol. */
  let shared: Shared = {};
  const counters: LinkCounters = { late: 0, unknown: 0 };
  const half = {
    limits: () => limits,
    readsParts: () => shared[TOOL_RESULT_PARTS] === true,
    counters,
  };
  const turns = createTurns(half, config.livesElsewhere);
  const liveness = createLiveness(config.times);

  function step(input: LinkInput): readonly LinkEffect[] {
    if (input.type === "ask" && phase !== "open") return askedTooEarlyOrLate(input.frame.id);
    if (phase === "closed") return NO_EFFECTS;
    switch (input.type) {
      case "frame":
        liveness.heard(input.at);
        return receive(input.frame, input.bytes, input.at);
      case "violation":
        return phase === "open"
          ? survive(turns.violated(input.violation))
          : close(CLOSE.protocol, input.violation.violation);
      case "session":
      case "announce":
        return [sending(input.frame)];
      case "opened":
      case "accept":
      case "tick":
      case "control-ping":
        return timed(input);
      case "shutdown":
      case "close":
      case "closed":
        return end(input);
      default:
        return turns.step(input);
    }
  }

  function timed(input: TimedInput): readonly LinkEffect[] {
    switch (input.type) {
      case "opened":
        return opened(input.at, input.hello);
      case "accept":
        return phase === "admitting" ? accept(input) : NO_EFFECTS;
      case "tick":
        return judge(liveness.tick(input.at), input.at);
      case "control-ping":
        return liveness.mayPing(input.at) ? NO_EFFECTS : close(CLOSE.policy, "too many pings");
    }
  }

  function opened(at: number, hello: HelloFrame | undefined): readonly LinkEffect[] {
    phase = "greeting";
    const { helloMs, welcomeMs } = config.times;
    if (hello === undefined) return judge(liveness.expect(at, helloMs), at);
    return [sending(hello), ...judge(liveness.expect(at, welcomeMs), at)];
  }

  function accept(input: AcceptInput): readonly LinkEffect[] {
    phase = "open";
    const welcome = welcomeFrame(input, limits, shared);
    return [sending(welcome), ...judge(liveness.watch(input.at), input.at)];
  }

  function judge(verdict: Verdict, at: number): readonly LinkEffect[] {
    switch (verdict.verdict) {
      case "wait":
        return [{ type: "timer", ms: verdict.ms }];
      case "ping":
        return [sending({ type: "ping", timestamp: at }), { type: "timer", ms: verdict.ms }];
      case "dead":
        // While the hub itself is still deciding, the peer has nothing to say.
        if (phase === "admitting") return judge(liveness.expect(at, config.times.welcomeMs), at);
        return close(CLOSE.timeout, phase === "open" ? "no answer to ping" : "no greeting in time");
    }
  }

  function receive(frame: Frame, bytes: number, at: number): readonly LinkEffect[] {
    if (frame.type === "ping") return pong(frame.timestamp, at);
    if (frame.type === "pong") return NO_EFFECTS;
    return phase === "open" ? receiveOpen(frame, bytes) : greet(frame, at);
  }

  function greet(frame: Spoken, at: number): readonly LinkEffect[] {
    switch (frame.type) {
      case "hello":
        return phase === "greeting" ? greeted(frame) : close(CLOSE.protocol, "a second hello");
      case "welcome":
        phase = "open";
        ({ limits } = frame);
        shared = understood(frame.capabilities);
        return [{ type: "welcome", frame }, ...judge(liveness.watch(at), at)];
      case "error":
        return [complaint(frame)];
      default:
        return close(CLOSE.protocol, `${frame.type} before the greeting`);
    }
  }

  function greeted(frame: HelloFrame): readonly LinkEffect[] {
    const refused = refusalOf(frame, config.peer);
    if (refused !== undefined) return close(refused.fatal, refused.reason);
    phase = "admitting";
    shared = understood(frame.capabilities);
    return [{ type: "hello", frame }];
  }

  function receiveOpen(frame: Spoken, bytes: number): readonly LinkEffect[] {
    switch (frame.type) {
      case "session":
        return [{ type: "session", frame }];
      case "error":
        if (frame.id === undefined) return [complaint(frame)];
        return survive(turns.failed({ ...frame, id: frame.id }));
      case "hello":
      case "welcome":
        return offered(frame, config) ?? close(CLOSE.protocol, `a second ${frame.type}`);
      default:
        return survive(turns.receive(frame, bytes));
    }
  }

  function survive(outcome: TurnStep): readonly LinkEffect[] {
    return "fatal" in outcome ? close(outcome.fatal, outcome.reason) : outcome;
  }

  function pong(timestamp: number, at: number): readonly LinkEffect[] {
    if (!liveness.mayPing(at)) return close(CLOSE.policy, "too many pings");
    return [sending({ type: "pong", timestamp })];
  }

  function close(code: number, reason: string): readonly LinkEffect[] {
    return end({ type: "close", code, reason });
  }

  function end(input: EndInput): readonly LinkEffect[] {
    phase = "closed";
    return [
      ...turns.endAll(input.type === "shutdown" ? input.error : undefined),
      ...lastWords(input),
    ];
  }

  return {
    step,
    get phase() {
      return phase;
    },
    get limits() {
      return limits;
    },
    get lastHeardAt() {
      return liveness.lastHeardAt;
    },
    get turns() {
      return turns.size;
    },
    counters,
  };
}

function sending(frame: Frame): LinkEffect {
  return { type: "send", text: encodeFrame(frame) };
}

function complaint({ error }: ErrorFrame): LinkEffect {
  return { type: "complaint", error: fromWireError(error) };
}

type Shared = NonNullable<WelcomeFrame["capabilities"]>;

function understood(named: Shared = {}): Shared {
  const known = [TOOL_RESULT_PARTS, SESSION_TOKEN_KEPT].filter((name) => named[name] === true);
  return Object.fromEntries(known.map((name) => [name, true]));
}

function refusalOf({ protocol, role }: HelloFrame, peer: Party): Fatal | undefined {
  if (protocol !== PROTOCOL_VERSION) {
    const reason = `protocol ${protocol} is not spoken here, only 1`;
    return { fatal: CLOSE.protocol, reason };
  }
  if (role === peer) return undefined;
  return { fatal: CLOSE.forbidden, reason: `this secret is for a link as ${peer}` };
}

/** By another hello an agent says which models it has now, and which token it keeps; nothing else in it counts. */
function offered(
  frame: HelloFrame | WelcomeFrame,
  { self, peer }: LinkConfig,
): readonly LinkEffect[] | undefined {
  const isOffer = self === "hub" && peer === "agent";
  if (!isOffer || frame.type !== "hello" || frame.role !== "agent") return undefined;
  return [{ type: "hello", frame }];
}

function askedTooEarlyOrLate(id: string): readonly LinkEffect[] {
  return [{ type: "over", id, error: linkLost() }];
}

/** Every frame but the signs of life. */
type Spoken = Exclude<Frame, { type: "ping" | "pong" }>;

type AcceptInput = Extract<TimedInput, { type: "accept" }>;

function welcomeFrame(input: AcceptInput, limits: WireLimits, shared: Shared): WelcomeFrame {
  return present({
    type: "welcome" as const,
    link_id: input.linkId,
    version: input.version,
    limits,
    capabilities: Object.keys(shared).length > 0 ? shared : undefined,
    session: input.session,
    session_count: input.sessionCount,
  });
}

function lastWords(input: EndInput): readonly LinkEffect[] {
  if (input.type === "closed") return NO_EFFECTS;
  if (input.type === "shutdown") {
    return [{ type: "close", code: CLOSE.goingAway, reason: "shutting down" }];
  }
  const { code, reason, error } = input;
  const bye: LinkEffect = { type: "close", code, reason };
  if (error === undefined) return [bye];
  return [sending({ type: "error", error: toWireError(error) }), bye];
}
