// The contract of an agent, kept over a link: what one agent answers in this process must arrive the same through a hub
// and a runner, and through a provider's link besides.

import type { Agent } from "../../src/core/ports.ts";
import { agentContract } from "../contract/agent-contract.ts";
import { createScenarioAgent } from "../contract/scenario-agent.ts";
import { type BridgeHouse, openBridge } from "./support/bridge-house.ts";

/** The agent of a lease, for the turns of a suite that knows no sessions. */
function inSession(agent: Agent, sessionId: string): Agent {
  return { info: agent.info, run: (turn, signal) => agent.run({ ...turn, sessionId }, signal) };
}

const supports = {
  embeddings: "scripted",
  parking: true,
  failures: ["agent_error", "agent_lost", "agent_timeout", "too_busy", "invalid_request"],
} as const;

async function leasedAgent(from: Pick<BridgeHouse["sessions"], "acquire">, sessionId: string) {
  const lease = await from.acquire(sessionId, {
    scopes: ["inference", "tools"],
    onEnd: () => undefined,
  });
  return inSession(lease.agent, sessionId);
}

agentContract("an agent behind a hub", {
  supports,
  async start(scenario) {
    const { agent, reached, stopped } = createScenarioAgent(scenario);
    const bridge = await openBridge();
    const { sessionId } = await bridge.activeRunner(agent);
    const remote = await leasedAgent(bridge.sessions, sessionId);
    return { agent: remote, reached, stopped, close: () => bridge.close() };
  },
});

agentContract("an agent behind a hub and a provider's link", {
  supports,
  async start(scenario) {
    const { agent, reached, stopped } = createScenarioAgent(scenario);
    const bridge = await openBridge();
    const { sessionId } = await bridge.activeRunner(agent);
    const provider = bridge.provider();
    await provider.changes.when(({ status, connected }) => status === "active" && connected);
    const remote = await leasedAgent(provider.remote, sessionId);
    return { agent: remote, reached, stopped, close: () => bridge.close() };
  },
});
