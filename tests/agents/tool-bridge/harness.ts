// Makes a scripted agent that uses the editor's tools over MCP act out a scenario, with the tool bridge over it.

import { withEditorTools } from "../../../src/agents/tool-bridge/tool-bridge.ts";
import { AppError } from "../../../src/core/error.ts";
import type { TurnEvent, Usage } from "../../../src/core/event.ts";
import type { Agent, Random } from "../../../src/core/ports.ts";
import type { AgentHarness } from "../../contract/agent-contract.ts";
import { type Scenario, type Step, lastUserText, stepsFor } from "../../contract/scenario.ts";
import { createFakeClock } from "../support.ts";
import { GATHER_MS, type Script, type Speaks, hang, scriptedRunner } from "./support.ts";

export const editorToolsSupports = {
  embeddings: "scripted",
  parking: true,
  callArguments: "same",
  failures: ["agent_error", "agent_lost", "agent_timeout"],
} as const;

/** What a running agent of the contract is, for whoever puts it behind something more. */
export function startEditorToolsAgent(scenario: Scenario, speaks?: Speaks) {
  const clock = createFakeClock();
  const ids = createScenarioIds();
  const reached = Promise.withResolvers<void>();

  async function* play(script: Script): AsyncGenerator<TurnEvent> {
    reached.resolve();
    const { signal, turn } = script;
    const { request } = turn;
    const message = request.kind === "chat" ? lastUserText(turn) : "";
    let usage: Usage | undefined;
    let open: Promise<string>[] = [];
    let results: readonly string[] = [];
    for (const step of stepsFor(scenario, message)) {
      if (step.type === "usage") usage = step.usage;
      else if (step.type === "hang") await hang(signal);
      else if (step.type === "fail") throw new AppError(step.code, "The scenario says: fail.");
      else if (step.type === "call") open.push(...(await make(script, step)));
      else if (step.type === "park") {
        clock.advance(GATHER_MS);
        results = await Promise.all(open);
        open = [];
      } else if (step.type === "say-results") {
        for (const text of results) yield { type: "text-delta", text };
      } else if (step.type === "finish") {
        return yield { type: "finish", reason: step.reason, ...(usage && { usage }) };
      } else yield* wordsOf(step, request);
    }
    if (open.length > 0) {
      clock.advance(GATHER_MS);
      await Promise.all(open);
    }
    yield { type: "finish", reason: "stop", ...(usage && { usage }) };
  }

  /** The call, in a list of its own so that it is not waited for. Calls are on their way in the scenario's order. */
  async function make(
    { call }: Script,
    step: Step & { type: "call" },
  ): Promise<readonly Promise<string>[]> {
    const taken = ids.expect(step.id);
    const values = step.fragments.length === 0 ? {} : JSON.parse(step.fragments.join(""));
    const result = call(step.name, values);
    // It may be cut off before anybody waits for it.
    result.catch(() => undefined);
    await taken;
    return [result];
  }

  const inner = scriptedRunner(play, true, speaks);
  const tools = withEditorTools(inner, { clock, random: ids.random });
  const info = {
    agentId: "tools-agent",
    label: "Scripted, with the editor's tools",
    connector: "test",
    models: [{ id: "scenario", capabilities: ["completion", "tools", "embedding"] }],
    requestedScopes: ["inference", "tools"],
  } as const;
  return {
    agent: { info, run: tools.run } satisfies Agent,
    reached: reached.promise,
    stopped: inner.whenStopped(),
    close: tools.close,
  };
}

export function editorToolsHarness(speaks: Speaks): AgentHarness {
  return {
    supports: editorToolsSupports,
    start: async (scenario) => startEditorToolsAgent(scenario, speaks),
  };
}

function* wordsOf(step: Step, request: Script["turn"]["request"]): Generator<TurnEvent> {
  if (step.type === "say") yield { type: "text-delta", text: step.text };
  if (step.type === "think") yield { type: "reasoning-delta", text: step.text };
  if (step.type === "vectors" && request.kind === "embedding") {
    yield { type: "embeddings", vectors: request.input.map((input) => step.table[input] ?? []) };
  }
}

/** The bridge makes up the ids of calls; a scenario wants to know them. */
function createScenarioIds() {
  const expected: { readonly id: string; taken(): void }[] = [];
  let count = 0;
  const random: Random = {
    id: (prefix) => {
      const next = prefix === "call_" ? expected.shift() : undefined;
      next?.taken();
      return next?.id ?? `${prefix}${(count += 1)}`;
    },
    secret: () => `mlp_secret_${(count += 1)}`,
    fraction: () => 0.5,
  };
  const expect = async (id: string): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    expected.push({ id, taken: resolve });
    await promise;
  };
  return { random, expect };
}
