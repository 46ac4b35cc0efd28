// `mlp up` composed in this process on free ports, with agents of the test's own: for what needs the whole way from
// a request to an agent and back, without a child process.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBridge } from "../../src/app/bridge.ts";
import type { Bridge } from "../../src/app/bridge.ts";
import { openPlace } from "../../src/app/place.ts";
import { openProvider } from "../../src/app/provider.ts";
import type { Provider } from "../../src/app/provider.ts";
import { createShutdown } from "../../src/app/shutdown.ts";
import { createSystem } from "../../src/app/system.ts";
import { loadConfig } from "../../src/config/load.ts";
import { findPaths } from "../../src/config/paths.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import type { Agent, Log } from "../../src/core/ports.ts";
import type { Turn } from "../../src/core/turn.ts";

/** Recorded log lines: fields and message together. */
export type LoggedLine = { readonly msg: string } & Readonly<Record<string, unknown>>;

export interface Composed extends AsyncDisposable {
  readonly home: string;
  readonly provider: Provider;
  readonly bridge: Bridge;
  readonly api: string;
  readonly secrets: typeof SECRETS;
  readonly lines: readonly LoggedLine[];
  /** Takes over further settings, by their variables. */
  reload(changes: Readonly<Record<string, string>>): void;
  /** A request with the client key, JSON both ways. */
  post(path: string, body: unknown, init?: RequestInit): Promise<Response>;
}

export const SECRETS = {
  MLP_API_KEY: "client-key-of-a-composed-test",
  MLP_CONTROL_TOKEN: "control-token-of-a-composed-test",
  MLP_BRIDGE_TOKEN: "bridge-token-of-a-composed-test",
  MLP_AGENT_TOKEN: "agent-token-of-a-composed-test",
};

/** `env`: settings by their variables. */
export async function compose(
  agents: readonly Agent[],
  env: Readonly<Record<string, string>> = {},
): Promise<Composed> {
  const home = mkdtempSync(join(tmpdir(), "mlp-composed-"));
  const all = {
    MLP_HOME: home,
    ...SECRETS,
    MLP_PROVIDER_PORT: "0",
    MLP_BRIDGE_PORT: "0",
    ...env,
  };
  const paths = findPaths({ env: all, platform: process.platform, home });
  const { config } = loadConfig({ env: all, paths });
  const lines: LoggedLine[] = [];
  const log = recordingLog(lines);
  const shutdown = createShutdown(log);
  const listeners: (() => void)[] = [];
  let current = config;
  const settings = {
    config,
    paths,
    env: all,
    log,
    system: createSystem(),
    shutdown,
    current: () => current,
    onReload: (listener: () => void) => void listeners.push(listener),
  };
  const place = await openPlace(settings, "provider");
  const bridge = await openBridge({ ...settings, ...place });
  for (const agent of agents) bridge.sessions.embed(agent);
  const provider = await openProvider({
    ...settings,
    ...place,
    sessions: bridge.sessions,
    administration: bridge.sessions,
    link: bridge.link,
  });
  const api = `http://127.0.0.1:${provider.listening.port}`;
  return {
    home,
    provider,
    bridge,
    api,
    secrets: SECRETS,
    lines,
    reload: (changes) => {
      current = loadConfig({ env: { ...all, ...changes }, paths }).config;
      for (const listener of listeners) listener();
    },
    post: (path, body, init = {}) =>
      fetch(api + path, {
        method: "POST",
        body: JSON.stringify(body),
        ...init,
        headers: {
          "content-type": "application/json",
          authorization: `Bearer ${SECRETS.MLP_API_KEY}`,
          ...(init.headers as Record<string, string> | undefined),
        },
      }),
    [Symbol.asyncDispose]: async () => {
      await shutdown.abort();
      rmSync(home, { recursive: true });
    },
  };
}

function recordingLog(lines: LoggedLine[]): Log {
  const add = (fields: object, msg: string): void => void lines.push({ ...fields, msg });
  return { debug: add, info: add, warn: add, error: add };
}

/** An agent of one model, `counter`, that answers as it is told and keeps the turns it got. */
export function anAgent(
  answer: (turn: Turn, signal: AbortSignal) => AsyncIterable<TurnEvent>,
  fields: Partial<Agent["info"]> = {},
): Agent & { readonly turns: readonly Turn[] } {
  const turns: Turn[] = [];
  return {
    turns,
    info: {
      agentId: "counter",
      label: "Of a test",
      connector: "test",
      models: [{ id: "counter", capabilities: ["completion", "tools", "embedding"] }],
      requestedScopes: ["inference"],
      ...fields,
    },
    run: (turn, signal) => {
      turns.push(turn);
      return answer(turn, signal);
    },
  };
}

export async function* says(...texts: readonly string[]): AsyncGenerator<TurnEvent> {
  for (const text of texts) yield { type: "text-delta", text };
  yield { type: "finish", reason: "stop", usage: { promptTokens: 3, completionTokens: 5 } };
}
