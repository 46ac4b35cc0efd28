// The contract against its own reference: what the suite asks can be kept, and what it refuses is refused.

import { describe, expect, test } from "bun:test";
import type { TurnEvent } from "../../src/core/event.ts";
import { agentContract } from "./agent-contract.ts";
import { assembleTurn } from "./collect-turn.ts";
import { createScenarioAgent } from "./scenario-agent.ts";

agentContract("the scenario agent", {
  supports: {
    embeddings: "scripted",
    parking: true,
    failures: ["agent_error", "agent_lost", "agent_timeout"],
  },
  start: async (scenario) => ({ ...createScenarioAgent(scenario), close: async () => {} }),
});

describe("the grammar of a turn's events is checked", () => {
  const finish: TurnEvent = { type: "finish", reason: "stop" };
  const start = (id: string): TurnEvent => ({ type: "tool-call-start", id, name: "t" });
  const delta = (id: string): TurnEvent => ({ type: "tool-call-delta", id, arguments: "{}" });

  test.each<[string, TurnEvent[]]>([
    ["no finish at all", [{ type: "text-delta", text: "a" }]],
    ["something after the finish", [finish, { type: "text-delta", text: "a" }]],
    ["two finishes", [finish, finish]],
    ["a delta of a call that never started", [delta("a"), finish]],
    ["interleaved calls", [start("a"), start("b"), delta("a"), finish]],
    ["text inside a call", [start("a"), { type: "text-delta", text: "x" }, delta("a"), finish]],
    ["the same call twice", [start("a"), start("a"), finish]],
    ["arguments that are no object", [start("a"), delta("a"), delta("a"), finish]],
  ])("%s is refused", (_, events) => {
    expect(() => assembleTurn(events)).toThrow();
  });
});
