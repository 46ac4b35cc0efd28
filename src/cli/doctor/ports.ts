// The ports that a server would take, and the servers that run: who has what. Asks on this machine only, for a moment each.

import { createServer } from "node:net";

import type { Config } from "../../config/schema.ts";
import { isJsonObject, parseJson } from "../../core/json.ts";
import { checkUrl, readRunFiles } from "../find-server.ts";
import type { RunFile } from "../find-server.ts";
import type { Finding } from "./finding.ts";
import { note, ok, wrong } from "./finding.ts";

const ASK_MS = 2_000;
const MOST_BYTES = 64 * 1024;
/** The machine has no such address, or speaks no IPv6. */
const ABSENT = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT"]);

export async function inspectServers(runFolder: string): Promise<readonly Finding[]> {
  const servers = readRunFiles(runFolder);
  if (servers.length === 0) return [note("server", "none runs here; start one with: mlp up")];
  return await Promise.all(servers.map(inspectServer));
}

async function inspectServer({ kind, pid, control, api }: RunFile): Promise<Finding> {
  const name = "server";
  const address = control ?? api;
  const who = `mlp ${kind}, process ${pid}`;
  if (address === null) return note(name, `${who}, without an address`);
  const health = await askHealth(checkUrl(address));
  if (health === undefined) {
    return wrong(name, `${who} does not answer at ${address}`, `end it with: kill ${pid}`);
  }
  const text = `${who} at ${address}: ${health.status}, version ${health.version}`;
  if (health.status === "unhealthy") {
    return wrong(name, text, "its log says what fails; GET /health/deep has more");
  }
  return health.status === "degraded"
    ? note(name, text, "it comes back by itself; see its links with mlp health --json")
    : ok(name, text);
}

export async function inspectPorts(config: Config, runFolder: string): Promise<readonly Finding[]> {
  const servers = readRunFiles(runFolder);
  const { provider, bridge } = config;
  return [
    await inspectPort("provider port", { ...provider, flag: "--port" }, servers),
    await inspectPort("bridge port", { ...bridge, flag: "--bridge-port" }, servers),
  ];
}

interface Place {
  readonly host: string;
  readonly port: number;
  readonly flag: string;
}

async function inspectPort(
  name: string,
  { host, port, flag }: Place,
  servers: readonly RunFile[],
): Promise<Finding> {
  if (port === 0) return ok(name, "any that is free");
  const ours = servers.find(({ api, bridge }) => [api, bridge].some((at) => portOf(at) === port));
  if (ours !== undefined)
    return ok(name, `${port} is taken by mlp ${ours.kind}, process ${ours.pid}`);
  const refusals = await Promise.all(hostsOf(host).map((one) => tryListening(one, port)));
  const refusal = refusals.find((code) => code !== undefined);
  if (refusal === undefined) return ok(name, `${port} is free`);
  if (refusal !== "EADDRINUSE") {
    return wrong(
      name,
      `${port} on ${host} cannot be listened on (${refusal})`,
      `choose another with ${flag}`,
    );
  }
  const who = await whoAnswers(host, port);
  return wrong(name, `${port} is taken by ${who}`, `end that, or choose another port with ${flag}`);
}

function portOf(address: string | null): number | undefined {
  const url = address === null ? null : URL.parse(address);
  return url === null ? undefined : Number(url.port);
}

/** As a server does it: whoever names one loopback address gets both. */
function hostsOf(host: string): readonly string[] {
  return host === "127.0.0.1" ? [host, "::1"] : [host];
}

/** The system's code for why not; the port is free again at once. A machine without the other loopback does without. */
async function tryListening(host: string, port: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const server = createServer();
  server.once("error", (error) => {
    const code = "code" in error ? String(error.code) : "unknown";
    resolve(host === "::1" && ABSENT.has(code) ? undefined : code);
  });
  server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  return await promise;
}

async function whoAnswers(host: string, port: number): Promise<string> {
  const base = checkUrl(`http://${host.includes(":") ? `[${host}]` : host}:${port}`);
  if ((await askHealth(base)) !== undefined) return "an mlp of another home or user";
  const text = await ask(`${base}/`);
  return text?.trim() === "Ollama is running" ? "Ollama" : "another program";
}

interface Health {
  readonly status: string;
  readonly version: string;
}

/** `undefined` for what is no server of ours. */
async function askHealth(base: string): Promise<Health | undefined> {
  const body = parseJson((await ask(`${base}/health`)) ?? "");
  if (!isJsonObject(body)) return undefined;
  const { status, version, active_sessions: sessions } = body;
  if (typeof status !== "string" || typeof version !== "string") return undefined;
  return typeof sessions === "number" ? { status, version } : undefined;
}

/** Needs no key, and sends none. */
async function ask(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(ASK_MS) });
    return (await response.text()).slice(0, MOST_BYTES);
  } catch {
    return undefined;
  }
}
