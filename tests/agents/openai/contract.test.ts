// Two upstreams behind one agent keep the contract of an agent, in this process and over the bridge.

import { agentContract } from "../../contract/agent-contract.ts";
import type { AgentHarness } from "../../contract/agent-contract.ts";
import { openBridge } from "../../bridge/support/bridge-house.ts";
import { openAiPairHarness } from "./harness.ts";

agentContract("the openai connector with two upstreams", openAiPairHarness);

const behindHub: AgentHarness = {
  supports: openAiPairHarness.supports,
  start: async (scenario) => {
    const near = await openAiPairHarness.start(scenario);
    const bridge = await openBridge();
    const { sessionId } = await bridge.activeRunner(near.agent);
    const { agent } = await bridge.sessions.acquire(sessionId, {
      scopes: ["inference", "tools"],
      onEnd: () => undefined,
    });
    return {
      ...near,
      agent: { info: agent.info, run: (turn, signal) => agent.run({ ...turn, sessionId }, signal) },
      close: async () => {
        await bridge.close();
        await near.close();
      },
    };
  },
};

agentContract("the openai connector with two upstreams, behind a hub", behindHub);
