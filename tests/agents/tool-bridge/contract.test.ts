// The contract of an agent, kept by the editor's tools over a scripted agent: in this process, and behind a hub.

import { agentContract } from "../../contract/agent-contract.ts";
import { openBridge } from "../../bridge/support/bridge-house.ts";
import { editorToolsHarness, editorToolsSupports, startEditorToolsAgent } from "./harness.ts";

for (const speaks of ["2025-11-25", "2026-07-28"] as const) {
  agentContract(`an agent with the editor's tools over MCP ${speaks}`, editorToolsHarness(speaks));
}

agentContract("an agent with the editor's tools, behind a hub", {
  supports: editorToolsSupports,
  start: async (scenario) => {
    const { agent, reached, stopped, close } = startEditorToolsAgent(scenario);
    const bridge = await openBridge();
    const { sessionId } = await bridge.activeRunner(agent);
    const lease = await bridge.sessions.acquire(sessionId, {
      scopes: ["inference", "tools"],
      onEnd: () => undefined,
    });
    return {
      agent: {
        info: lease.agent.info,
        run: (turn, signal) => lease.agent.run({ ...turn, sessionId }, signal),
      },
      reached,
      stopped,
      close: async () => {
        await bridge.close();
        await close();
      },
    };
  },
});
