// `mlp doctor`: whether this installation works, on one screen, and what to do where it does not. Changes nothing; what it
// prints holds no secret.

import { findOnPath } from "../app/find-agents.ts";
import { inspectAgents } from "../app/inspect-agents.ts";
import type { CliContext } from "./context.ts";
import { describeAgents, findMissing } from "./doctor/agents.ts";
import type { Finding } from "./doctor/finding.ts";
import { describeFindings, isBroken } from "./doctor/finding.ts";
import { inspectConfig, inspectPlaces, inspectSecrets } from "./doctor/installation.ts";
import { inspectPorts, inspectServers } from "./doctor/ports.ts";
import { json } from "./table.ts";

export interface DoctorFlags {
  readonly config?: string;
  /** Also starts each agent, for a moment. */
  readonly agents: boolean;
  readonly json: boolean;
}

/** Exit code 1 when something is wrong. */
export async function doctor(context: CliContext, flags: DoctorFlags): Promise<void> {
  const { env, paths, io, version } = context;
  const installation = { path: flags.config, env, paths };
  const { config, findings } = inspectConfig(installation);
  const agents = await inspectAgents({ env, isStarting: flags.agents });
  const all: readonly Finding[] = [
    ...findings,
    ...inspectPlaces(installation),
    ...inspectSecrets(installation),
    ...(await inspectServers(paths.run)),
    ...(config === undefined ? [] : await inspectPorts(config, paths.run)),
    ...describeAgents(agents),
    ...(config === undefined ? [] : findMissing(config, env, (name) => findOnPath(name, env))),
  ];
  const isWell = !isBroken(all);
  if (!isWell) context.setExitCode(1);
  const platform = `${process.platform}-${process.arch}`;
  if (flags.json) {
    const facts = { version, bun: Bun.version, platform, ok: isWell, findings: all, agents };
    io.output.write(json(facts));
    return;
  }
  io.output.write(`mlp ${version} (Bun ${Bun.version}, ${platform})\n\n${describeFindings(all)}`);
  io.output.write(isWell ? "\nNothing is wrong.\n" : "\nSomething is wrong: see above.\n");
}
