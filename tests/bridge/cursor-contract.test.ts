// The contract of an agent, kept by the `cursor` connector behind a hub: each mode of the stand-in, a runner, a link.

import { agentContract } from "../contract/agent-contract.ts";
import type { AgentHarness } from "../contract/agent-contract.ts";
import type { CursorWay } from "../../src/agents/cursor/cursor.ts";
import { cursorHarness } from "../agents/cursor/harness.ts";
import { openBridge } from "./support/bridge-house.ts";

function remote(way: CursorWay): AgentHarness {
  const near = cursorHarness(way);
  return {
    supports: near.supports,
    start: async (scenario) => {
      const { agent, reached, stopped, close } = await near.start(scenario);
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
  };
}

agentContract("Cursor in ACP mode, behind a hub", remote("acp"));
agentContract("Cursor in print mode, behind a hub", remote("print"));
