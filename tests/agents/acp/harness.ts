// Makes a real ACP process act out a scenario.

import type { AgentHarness } from "../../contract/agent-contract.ts";
import type { Scenario, Step } from "../../contract/scenario.ts";
import type { FakeScript, FakeStep } from "../../support/fake-acp-agent.ts";
import { startFake } from "./support.ts";

export const acpHarness: AgentHarness = {
  supports: {
    embeddings: "none",
    parking: false,
    toolCalls: false,
    failures: ["agent_error", "agent_lost"],
  },
  start: async (scenario) => {
    const fake = startFake(toScript(scenario));
    await fake.acp.start();
    return {
      agent: fake.acp,
      reached: fake.until("prompt").then(() => undefined),
      stopped: fake.until("cancel").then(() => undefined),
      close: () => fake.close(),
    };
  },
};

export function toScript(scenario: Scenario): FakeScript {
  return {
    plays: scenario.map(({ when, steps }) => ({
      ...(when !== undefined && { when, exact: true }),
      steps: steps.map(toFakeStep),
    })),
  };
}

function toFakeStep(step: Step): FakeStep {
  switch (step.type) {
    case "say":
      return { say: step.text };
    case "think":
      return { think: step.text };
    case "usage": {
      const { promptTokens: inputTokens, completionTokens: outputTokens } = step.usage;
      return { usage: { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens } };
    }
    case "finish":
      return { stop: step.reason === "length" ? "max_tokens" : "end_turn" };
    case "fail":
      return step.code === "agent_lost" ? { crash: 3 } : { fail: "The scenario says: fail." };
    case "hang":
      return { hang: true };
    case "call":
    case "say-results":
    case "park":
    case "vectors":
      return { say: `not a step of this agent: ${step.type}` };
  }
}
