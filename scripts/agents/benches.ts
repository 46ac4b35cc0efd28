// The two ways in which an agent is behind our API: in the server's process, and over the bridge.

import { join } from "node:path";
import OpenAI from "openai";
import type { Bench } from "./bench.ts";
import type { ScriptedModel } from "./model.ts";
import { CONTROL, PORTS, startMlp } from "./servers.ts";
import type { Server } from "./servers.ts";

export interface Base {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly model: ScriptedModel;
  readonly deadline: AbortSignal;
}

export type OpenBench = Bench & { readonly log: () => string; readonly stop: () => Promise<void> };

const KEY = `mlp_${crypto.randomUUID()}`;

/** `mlp up` with the agent in it, and the scopes that it gets unless somebody says otherwise. */
export async function usual({ folder, env, command, model, deadline }: Base): Promise<OpenBench> {
  const workspace = join(folder, "usual");
  const server = await startMlp({
    home: join(folder, "mlp-usual"),
    env,
    key: KEY,
    config: { agents: [{ connector: "acp", command, workspace }] },
    words: ["up", ...PORTS],
  });
  const client = clientOf(server);
  const stop = async () => void (await server.stop());
  return { client, model, workspace, signal: deadline, log: server.log, stop };
}

/** `mlp up` as bridge and provider, `mlp agent acp` beside it, and a policy that grants everything. */
export async function free({ folder, env, command, model, deadline }: Base): Promise<OpenBench> {
  const [home, workspace] = [join(folder, "mlp-free"), join(folder, "free")];
  const scopes = ["inference", "tools", "agent:read", "agent:write", "agent:exec"];
  const policies = [{ match: { connector: "acp" }, grant: { scopes, max_requests: null } }];
  const config = { sessions: { policies } };
  const server = await startMlp({
    home,
    env,
    key: KEY,
    config,
    words: ["up", "--agent", "none", ...PORTS],
  });
  const { bridge } = server;
  const words = ["agent", "acp", "--bridge", bridge, "--workspace", workspace];
  const rest = ["--", ...command];
  const runner = await orStop(startMlp({ home, env, key: KEY, config: {}, words, rest }), server);
  const client = clientOf(server);
  const stop = async () => {
    await runner.stop();
    await server.stop();
  };
  await orStop(joined(server, deadline), { stop });
  const log = () => `${server.log()}${runner.log()}`;
  return { client, model, workspace, signal: deadline, log, stop };
}

/** Waits for the session of the agent that joins, which nobody has to approve. */
async function joined({ api }: Server, signal: AbortSignal): Promise<void> {
  for (;;) {
    const headers = { authorization: `Bearer ${CONTROL}` };
    const answer = await fetch(`${api}/control/sessions`, { headers, signal });
    const { sessions } = (await answer.json()) as { sessions: readonly { status: string }[] };
    if (sessions.some(({ status }) => status === "active")) return;
    await Bun.sleep(100);
  }
}

async function orStop<T>(
  promise: Promise<T>,
  { stop }: { stop: () => Promise<unknown> },
): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    await stop();
    throw error;
  }
}

function clientOf({ api }: Server): OpenAI {
  return new OpenAI({ baseURL: `${api}/v1`, apiKey: KEY, maxRetries: 0 });
}
