// Agents for bridge tests: one that says what it is told, and one that a test plays word by word.

import { AppError } from "../../../src/core/error.ts";
import type { TurnEvent } from "../../../src/core/event.ts";
import type { Agent, AgentInfo } from "../../../src/core/ports.ts";
import type { Turn } from "../../../src/core/turn.ts";
import { createWatch, type Watch } from "./bridge-house.ts";

export function infoOf(fields: Partial<AgentInfo> = {}): AgentInfo {
  return {
    agentId: "agent-1",
    label: "Agent one",
    connector: "rehearsal",
    models: [{ id: "m1", capabilities: ["completion", "tools"] }],
    requestedScopes: ["inference", "tools"],
    ...fields,
  };
}

export function textOf(turn: Turn): string {
  if (turn.request.kind !== "chat") return "";
  const last = turn.request.messages.at(-1);
  return (last?.content ?? []).map((part) => (part.type === "text" ? part.text : "")).join("");
}

/** Repeats the last message, word by word. */
export function echoAgent(fields: Partial<AgentInfo> = {}): Agent {
  return {
    info: infoOf(fields),
    async *run(turn): AsyncGenerator<TurnEvent> {
      for (const word of textOf(turn).split(/(?<= )/)) yield { type: "text-delta", text: word };
      yield {
        type: "finish",
        reason: "stop",
        usage: { promptTokens: 1, completionTokens: 2 },
      };
    },
  };
}

export interface HangingAgent {
  readonly agent: Agent;
  readonly started: Watch<Turn>;
  /** The reason of each abort, by turn id. */
  readonly aborted: Watch<{ readonly id: string; readonly code: string }>;
}

/** Says one word and then nothing, until it is cancelled. */
export function hangingAgent(fields: Partial<AgentInfo> = {}): HangingAgent {
  const started = createWatch<Turn>();
  const aborted = createWatch<{ id: string; code: string }>();
  const agent: Agent = {
    info: infoOf(fields),
    async *run(turn, signal): AsyncGenerator<TurnEvent> {
      started.push(turn);
      yield { type: "text-delta", text: "one " };
      const { promise, reject } = Promise.withResolvers<never>();
      const onAbort = () => {
        const error = signal.reason as unknown;
        aborted.push({ id: turn.id, code: error instanceof AppError ? error.code : "none" });
        reject(error);
      };
      if (signal.aborted) onAbort();
      signal.addEventListener("abort", onAbort);
      await promise;
    },
  };
  return { agent, started, aborted };
}
