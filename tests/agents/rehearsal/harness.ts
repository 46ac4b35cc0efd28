// Makes the rehearsal agent act out a scenario, by way of its own script format.

import { createRehearsal } from "../../../src/agents/rehearsal/rehearsal.ts";
import { parseRehearsalScript } from "../../../src/agents/rehearsal/script.ts";
import type { AgentHarness } from "../../contract/agent-contract.ts";
import type { Step } from "../../contract/scenario.ts";
import { createFakeClock, createMemoryLog } from "../support.ts";

export const rehearsalHarness: AgentHarness = {
  supports: {
    embeddings: "own",
    parking: true,
    failures: ["agent_error", "agent_lost", "agent_timeout", "too_busy", "internal"],
  },
  start: async (scenario) => {
    const reached = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<void>();
    // The first match that is contained in the message wins, so "turn 12" has to come before "turn 1".
    const plays = scenario.toSorted((a, b) => (b.when?.length ?? 0) - (a.when?.length ?? 0));
    const answers = plays.map(({ when, steps }) => {
      const played = steps.map(toScriptStep);
      return when === undefined ? { steps: played } : { match: when, steps: played };
    });
    const agent = createRehearsal({
      clock: createFakeClock(),
      script: parseRehearsalScript({ answers }),
      log: createMemoryLog(({ message }) => {
        if (message === "rehearsal turn started") reached.resolve();
        if (message === "rehearsal turn cancelled") stopped.resolve();
      }),
    });
    return {
      agent,
      reached: reached.promise,
      stopped: stopped.promise,
      close: async () => {},
    };
  },
};

function toScriptStep(step: Step): object {
  switch (step.type) {
    case "say":
      return { say: step.text };
    case "think":
      return { reasoning: step.text };
    case "call":
      return { tool: step.name, id: step.id, arguments: step.fragments.join("") || "{}" };
    case "say-results":
      return { results: true };
    case "usage":
      return {
        usage: { prompt: step.usage.promptTokens, completion: step.usage.completionTokens },
      };
    case "finish":
      return { finish: step.reason };
    case "park":
      return { park: true };
    case "fail":
      return { error: step.code };
    case "hang":
      return { hang: true };
    case "vectors":
      return { say: "not asked for an embedding" };
  }
}
