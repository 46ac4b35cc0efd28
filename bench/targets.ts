// The servers that are compared: the floor, the binary with its agent inside, and the binary with its agent across the bridge.
// Knows the command line of each, and nothing of how they are measured.

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Stage, Started } from "./processes.ts";

export type TargetName = "floor" | "embedded" | "bridge";

export interface Target {
  readonly name: TargetName;
  /** Where editors would send requests to. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What serves it. The first one is what editors talk to: the floor's relay, or the provider. */
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
}

/** The first line of `mlp up --json`, and of the floor. */
interface Ready {
  readonly event: string;
  readonly api: string;
  readonly bridge: string;
}

/** What runs `mlp`: the binary itself, or Bun for its source. */
export type Command = readonly string[];

const FLOOR = join(import.meta.dir, "floor.ts");
/** How long a server may take to say that it is ready, or an agent to join. */
const PATIENCE_MILLISECONDS = 15_000;

/** A binary, or `src/main.ts` to measure the source. */
export function commandOf(binary: string): Command {
  return binary.endsWith(".ts") ? [process.execPath, binary] : [binary];
}

function deadline<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`${what} took longer than ${PATIENCE_MILLISECONDS} ms`)),
    PATIENCE_MILLISECONDS,
  );
  return Promise.race([promise, late.promise]).finally(() => clearTimeout(timer));
}

async function ready(what: string, started: Started): Promise<Ready> {
  return JSON.parse(await deadline(what, started.line())) as Ready;
}

/**
 * Session limits that are counted and checked for every turn, and that no run meets; the agent across the bridge is
 * approved by a policy, since nobody is there to approve it. All else is at its default.
 */
const CONFIG = `rate_limiting:
  requests_per_minute: 1000000
  tokens_per_minute: 1000000000
  session_requests_per_minute: 1000000
  session_tokens_per_minute: 1000000000
sessions:
  max_requests: 1000000000
  max_tokens: 1000000000
  policies:
    - match:
        agent_id: "*"
      grant:
        max_requests: 1000000000
        max_tokens: 1000000000
`;

/** Writes the configuration of the binary, and returns its path. */
export async function writeConfig(stage: Stage): Promise<string> {
  const path = join(stage.folder, "bench.yaml");
  await Bun.write(path, CONFIG);
  return path;
}

export interface UpOptions {
  readonly agent: "rehearsal" | "none";
  readonly config: string;
  /** 0: any free one. */
  readonly port: number;
}

export function upCommand(command: Command, { agent, config, port }: UpOptions): string[] {
  return [
    ...command,
    "up",
    "--json",
    "--port",
    String(port),
    "--bridge-port",
    "0",
    "--agent",
    agent,
    "--config",
    config,
  ];
}

export interface Secrets {
  readonly MLP_HOME: string;
  readonly MLP_API_KEY: string;
  readonly MLP_CONTROL_TOKEN: string;
  readonly MLP_BRIDGE_TOKEN: string;
  readonly MLP_AGENT_TOKEN: string;
}

/** `home` is a folder that the binary may fill. */
export function createSecrets(home: string): Secrets & Readonly<Record<string, string>> {
  const secret = (): string => `mlp_${randomBytes(32).toString("base64url")}`;
  return {
    MLP_HOME: home,
    MLP_API_KEY: secret(),
    MLP_CONTROL_TOKEN: secret(),
    MLP_BRIDGE_TOKEN: secret(),
    MLP_AGENT_TOKEN: secret(),
  };
}

export function floorCommand(port: number): string[] {
  return [process.execPath, FLOOR, "relay", "--port", String(port)];
}

export async function startFloor(stage: Stage, chunks: number): Promise<Target> {
  const relay = stage.start("floor-relay", floorCommand(0));
  const { api, bridge } = await ready("the floor's relay", relay);
  const agent = stage.start("floor-agent", [
    process.execPath,
    FLOOR,
    "agent",
    "--bridge",
    bridge,
    "--chunks",
    String(chunks),
  ]);
  await deadline("the floor's agent", agent.line());
  return {
    name: "floor",
    url: api,
    headers: {},
    processes: [
      { name: "relay", pid: relay.pid },
      { name: "agent", pid: agent.pid },
    ],
  };
}

function authorization(secret: string): { readonly authorization: string } {
  return { authorization: `Bearer ${secret}` };
}

export async function startEmbedded(stage: Stage, command: Command): Promise<Target> {
  const secrets = createSecrets(join(stage.folder, "embedded"));
  const config = await writeConfig(stage);
  const up = stage.start(
    "embedded",
    upCommand(command, { agent: "rehearsal", config, port: 0 }),
    secrets,
  );
  const { api } = await ready("mlp up", up);
  return {
    name: "embedded",
    url: api,
    headers: authorization(secrets.MLP_API_KEY),
    processes: [{ name: "provider and agent", pid: up.pid }],
  };
}

interface SessionList {
  readonly sessions: readonly { readonly status: string }[];
}

async function activeSession(api: string, token: string): Promise<void> {
  const until = performance.now() + PATIENCE_MILLISECONDS;
  while (performance.now() < until) {
    const answer = await fetch(`${api}/control/sessions`, { headers: authorization(token) });
    if (!answer.ok) throw new Error(`GET /control/sessions answered ${answer.status}`);
    const { sessions } = (await answer.json()) as SessionList;
    if (sessions.some((session) => session.status === "active")) return;
    await Bun.sleep(20);
  }
  throw new Error("mlp agent did not get an active session");
}

export async function startBridge(stage: Stage, command: Command): Promise<Target> {
  const secrets = createSecrets(join(stage.folder, "bridge"));
  const config = await writeConfig(stage);
  const up = stage.start(
    "bridge-provider",
    upCommand(command, { agent: "none", config, port: 0 }),
    secrets,
  );
  const { api, bridge } = await ready("mlp up", up);
  // An agent's machine has a home of its own and no secret but the agents'.
  const agent = stage.start(
    "bridge-agent",
    [...command, "agent", "rehearsal", "--bridge", bridge],
    {
      MLP_HOME: join(stage.folder, "bridge-agent"),
      MLP_AGENT_TOKEN: secrets.MLP_AGENT_TOKEN,
    },
  );
  await activeSession(api, secrets.MLP_CONTROL_TOKEN);
  return {
    name: "bridge",
    url: api,
    headers: authorization(secrets.MLP_API_KEY),
    processes: [
      { name: "provider", pid: up.pid },
      { name: "agent", pid: agent.pid },
    ],
  };
}
