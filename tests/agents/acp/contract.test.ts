// The contract of an agent, kept by the `acp` connector with a real process at its other end: in this process, and behind
// a hub and a runner.

import type { Agent } from "../../../src/core/ports.ts";
import { openBridge } from "../../bridge/support/bridge-house.ts";
import { agentContract } from "../../contract/agent-contract.ts";
import { acpHarness } from "./harness.ts";

agentContract("an agent that speaks ACP", acpHarness);

agentContract("an agent that speaks ACP behind a hub", {
  supports: acpHarness.supports,
  async start(scenario) {
    const far = await acpHarness.start(scenario);
    const bridge = await openBridge();
    const { sessionId } = await bridge.activeRunner(far.agent);
    const { agent } = await bridge.sessions.acquire(sessionId, {
      scopes: ["inference", "tools"],
      onEnd: () => undefined,
    });
    const here: Agent = {
      info: agent.info,
      run: (turn, signal) => agent.run({ ...turn, sessionId }, signal),
    };
    return {
      ...far,
      agent: here,
      close: async () => {
        await bridge.close();
        await far.close();
      },
    };
  },
});
