// Two link machines joined by lossless first-in-first-out queues, and the books that a test keeps of both ends.

import { AppError } from "../../../src/core/error.ts";
import { createDecoder, isViolation, type Party } from "../../../src/bridge/decode.ts";
import type { LinkEffect, LinkInput } from "../../../src/bridge/effect.ts";
import { frameBytes } from "../../../src/bridge/encode.ts";
import type { AskFrame, HelloFrame, WireLimits } from "../../../src/bridge/frame.ts";
import { createLink, type Link } from "../../../src/bridge/link.ts";
import { DEFAULT_TIMES } from "../../../src/bridge/liveness.ts";

export const SMALL_LIMITS: WireLimits = {
  invoke_bytes: 8_192,
  answer_bytes: 4_096,
  credit_bytes: 4_096,
  turns: 8,
};

export const HELLO: HelloFrame = {
  type: "hello",
  protocol: 1,
  role: "agent",
  agent_id: "a",
  label: "A",
  models: [],
  capabilities: {},
  requested_scopes: ["inference"],
};

export interface End {
  readonly link: Link;
  /** Texts on their way to the other end. */
  readonly outbox: string[];
  readonly effects: LinkEffect[];
  /** turn id → how it ended, each time it did: the error's code, or `done`. */
  readonly ends: Map<string, string[]>;
  step(input: LinkInput): readonly LinkEffect[];
  /** Takes the oldest text that the other end sent. */
  take(text: string): readonly LinkEffect[];
}

const decoder = createDecoder();

export function createEnd(self: Party, peer: Party, limits: WireLimits = SMALL_LIMITS): End {
  const link = createLink({
    self,
    peer,
    limits,
    times: DEFAULT_TIMES,
    livesElsewhere: (id) => id.startsWith("foreign"),
  });
  const outbox: string[] = [];
  const effects: LinkEffect[] = [];
  const ends = new Map<string, string[]>();

  function step(input: LinkInput): readonly LinkEffect[] {
    const out = link.step(input);
    for (const effect of out) {
      effects.push(effect);
      if (effect.type === "send") outbox.push(effect.text);
      if (effect.type === "over") {
        const how = effect.error?.code ?? "done";
        ends.set(effect.id, [...(ends.get(effect.id) ?? []), how]);
      }
    }
    return out;
  }

  function take(text: string): readonly LinkEffect[] {
    const frame = decoder.decode(text, peer, self);
    if (isViolation(frame)) return step({ type: "violation", violation: frame });
    return step({ type: "frame", at: 0, frame, bytes: frameBytes(text) });
  }

  return { link, outbox, effects, ends, step, take };
}

/** A hub and an agent that have greeted each other; nothing is on its way. */
export function openPair(
  limits: WireLimits = SMALL_LIMITS,
  hello: HelloFrame = HELLO,
): { hub: End; agent: End } {
  const hub = createEnd("hub", "agent", limits);
  const agent = createEnd("agent", "hub");
  hub.step({ type: "opened", at: 0, hello: undefined });
  agent.step({ type: "opened", at: 0, hello });
  move(agent, hub);
  hub.step({ type: "accept", at: 0, linkId: "link_1", version: "1", session: "s1" });
  move(hub, agent);
  return { hub, agent };
}

/** Everything that is on its way from one end to the other. */
export function move(from: End, to: End): void {
  for (const text of from.outbox.splice(0)) to.take(text);
}

export function askOf(id: string): AskFrame {
  return {
    type: "model_invoke",
    id,
    session_id: "s1",
    model_meta: { provider: "p", label: "", requested_scopes: [] },
    payload: { kind: "completion", model: "m", prompt: "x", parameters: { stream: true } },
    deadline_ms: 1000,
  };
}

export const CANCELLED = new AppError("client_cancelled", "Gone.");

export function textChunk(text: string): string {
  return `"delta":{"content":${JSON.stringify(text)}}`;
}

export const LAST = '"delta":{},"finish_reason":"stop"';

export function framesOf(texts: readonly string[]): readonly { type: string; id?: string }[] {
  return texts.map((text) => JSON.parse(text));
}
