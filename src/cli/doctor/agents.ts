// The agents of this machine, and those that the configuration names, as findings. Pure.

import { findCursor } from "../../app/cursor.ts";
import type { InspectedAgent, Negotiated } from "../../app/inspect-agents.ts";
import { agentSpecOf } from "../../config/agent-spec.ts";
import type { Environment } from "../../config/read-environment.ts";
import type { Config } from "../../config/schema.ts";
import type { Finding } from "./finding.ts";
import { note, ok, wrong } from "./finding.ts";

export function describeAgents(agents: readonly InspectedAgent[]): readonly Finding[] {
  if (agents.length === 0) {
    return [note("agents", "none is on PATH: mlp up answers by the rehearsal agent")];
  }
  return agents.map(describeAgent);
}

/** Programs that the configuration names and that are not there. `which` answers with a command's path, or null. */
export function findMissing(
  { agents }: Pick<Config, "agents">,
  env: Environment,
  which: (command: string) => string | null,
): readonly Finding[] {
  return agents.map(agentSpecOf).flatMap((spec) => {
    if (spec.connector === "cursor") {
      const found = spec.command === undefined ? findCursor(env, which) : which(spec.command);
      return found === null ? [missing(spec.command ?? "cursor-agent")] : [];
    }
    const [program = ""] = spec.connector === "acp" ? spec.command : [];
    return program === "" || which(program) !== null ? [] : [missing(program)];
  });
}

function missing(program: string): Finding {
  return wrong("agents", `${program} is named in the configuration and not there`, "install it");
}

function describeAgent(agent: InspectedAgent): Finding {
  const { name, path, isSupported, negotiated, failure } = agent;
  const about = `${name} ${agent.version ?? "(says no version)"} at ${path}`;
  if (!isSupported) return note("agents", `${about}: needs an adapter that speaks ACP`);
  if (failure !== undefined) return wrong("agents", `${about}: ${failure}`);
  if (negotiated === undefined) {
    return agent.version === undefined
      ? note("agents", about, `see whether it starts: mlp doctor --agents`)
      : ok("agents", about);
  }
  return ok("agents", `${about}: ${describeNegotiated(negotiated)}`);
}

function describeNegotiated({ way, models, acp }: Negotiated): string {
  const count = `${models} model${models === 1 ? "" : "s"}`;
  if (acp === undefined) return `driven by its ${way} mode, logged in, ${count}`;
  const { modes, takesImages, takesServers, resumes } = acp;
  const abilities = [
    ...(takesImages ? ["images"] : []),
    ...(takesServers ? ["MCP servers"] : []),
    ...(resumes ? ["resuming"] : []),
  ];
  return [
    `ACP ${acp.protocolVersion ?? "?"}`,
    "logged in",
    count,
    ...(modes.length > 0 ? [`modes ${modes.join(", ")}`] : []),
    ...(abilities.length > 0 ? [`takes ${abilities.join(", ")}`] : []),
  ].join(", ");
}
