import { openBridge } from "../../bridge/support/bridge-house.ts";
import { agentContract } from "../../contract/agent-contract.ts";
import { mcpHarness } from "./harness.ts";

agentContract("the mcp connector, by its tools,", mcpHarness);

agentContract("the mcp connector, behind a hub,", {
  ...mcpHarness,
  start: async (scenario) => {
    const near = await mcpHarness.start(scenario);
    const bridge = await openBridge();
    const { sessionId } = await bridge.activeRunner(near.agent);
    const { agent } = await bridge.sessions.acquire(sessionId, {
      scopes: ["inference", "tools"],
      onEnd: () => undefined,
    });
    return {
      ...near,
      agent: {
        info: agent.info,
        run: (turn, signal) => agent.run({ ...turn, sessionId }, signal),
      },
      close: async () => {
        await bridge.close();
        await near.close();
      },
    };
  },
});
