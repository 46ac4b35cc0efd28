// An agent in this process that acts out a scenario: the reference for the contract, and the far end of a bridge in tests.

import { AppError } from "../../src/core/error.ts";
import type { TurnEvent, Usage } from "../../src/core/event.ts";
import type { Model } from "../../src/core/model.ts";
import type { Agent } from "../../src/core/ports.ts";
import type { Part, ToolResult, Turn } from "../../src/core/turn.ts";
import { type Scenario, type Step, lastUserText, stepsFor } from "./scenario.ts";

export interface ScenarioAgent {
  readonly agent: Agent;
  /** Resolves when the first turn has reached the agent. */
  readonly reached: Promise<void>;
  /** Resolves when a turn was cancelled: its signal aborted, or its iterator was abandoned. */
  readonly stopped: Promise<void>;
  /** Every turn that arrived, in order. */
  readonly turns: readonly Turn[];
}

const MODEL: Model = {
  id: "scenario",
  contextLength: 1000,
  capabilities: ["completion", "tools", "thinking", "embedding"],
};

export function createScenarioAgent(scenario: Scenario): ScenarioAgent {
  const reached = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  const turns: Turn[] = [];
  const parked = new Map<string, readonly Step[]>();

  function stepsOf(turn: Turn): readonly Step[] {
    if (turn.request.kind !== "resume") return stepsFor(scenario, lastUserText(turn));
    const steps = parked.get(turn.request.resumes);
    parked.delete(turn.request.resumes);
    if (steps !== undefined) return steps;
    throw new AppError("parked_turn_unknown", "The agent does not hold that turn: ask again.");
  }

  async function* run(turn: Turn, signal: AbortSignal): AsyncGenerator<TurnEvent> {
    turns.push(turn);
    reached.resolve();
    const steps = stepsOf(turn);
    let ended = false;
    try {
      throwIfAborted(signal);
      for await (const event of play(steps, turn, signal)) {
        throwIfAborted(signal);
        ended = event.type === "finish";
        if (event.type === "finish" && event.parked === true) {
          parked.set(turn.id, steps.slice(steps.findIndex(({ type }) => type === "park") + 1));
        }
        yield event;
      }
    } catch (error) {
      if (!signal.aborted) ended = true;
      throw error;
    } finally {
      if (!ended) stopped.resolve();
    }
  }

  const info = {
    agentId: "scenario-agent",
    label: "Scenario agent",
    connector: "scenario",
    models: [MODEL],
    requestedScopes: ["inference", "tools"] as const,
  };
  return {
    agent: { info, run } satisfies Agent,
    reached: reached.promise,
    stopped: stopped.promise,
    turns,
  };
}

async function* play(
  steps: readonly Step[],
  turn: Turn,
  signal: AbortSignal,
): AsyncGenerator<TurnEvent> {
  let usage: Usage | undefined;
  let calls = 0;
  for (const step of steps) {
    const ending = usage === undefined ? {} : { usage };
    if (step.type === "usage") usage = step.usage;
    else if (step.type === "hang") await aborted(signal);
    else if (step.type === "fail") throw new AppError(step.code, "The scenario says: fail.");
    else if (step.type === "finish")
      return yield { type: "finish", reason: step.reason, ...ending };
    else if (step.type === "park") {
      return yield { type: "finish", reason: "tool_calls", ...ending, parked: true };
    } else yield* eventsOf(step, turn);
    if (step.type === "call") calls += 1;
  }
  yield {
    type: "finish",
    reason: calls > 0 ? "tool_calls" : "stop",
    ...(usage === undefined ? {} : { usage }),
  };
}

function* eventsOf(step: Step, turn: Turn): Generator<TurnEvent> {
  if (step.type === "say") yield { type: "text-delta", text: step.text };
  if (step.type === "think") yield { type: "reasoning-delta", text: step.text };
  if (step.type === "call") {
    yield { type: "tool-call-start", id: step.id, name: step.name };
    for (const fragment of step.fragments) {
      yield { type: "tool-call-delta", id: step.id, arguments: fragment };
    }
  }
  if (step.type === "say-results") {
    for (const part of resultsOf(turn).flatMap(({ content }) => content)) {
      yield { type: "text-delta", text: inWords(part) };
    }
  }
  if (step.type === "vectors" && turn.request.kind === "embedding") {
    yield {
      type: "embeddings",
      vectors: turn.request.input.map((input) => step.table[input] ?? []),
    };
  }
}

function inWords(part: Part): string {
  if (part.type === "text") return part.text;
  if (part.type === "image-url") return part.url;
  return `[${part.mediaType}, ${Buffer.from(part.data, "base64").length} bytes]`;
}

function resultsOf(turn: Turn): readonly ToolResult[] {
  return turn.request.kind === "resume" ? turn.request.results : [];
}

function throwIfAborted(signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw signal.reason instanceof AppError
    ? signal.reason
    : new AppError("client_cancelled", "The turn was cancelled.");
}

async function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
}
