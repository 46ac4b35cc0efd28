// `mlp mcp` and `/mcp` of the binary, with official MCP clients at the other end: an IDE's chat as a user has it. Only the
// client knows the nonce.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import OpenAI from "openai";
import { leftoversMark } from "../support/leftovers-mark.ts";
import { BINARY, createSuite, eventually, isAlive } from "../support/mlp.ts";
import type { Mlp } from "../support/mlp.ts";
import { ask } from "../support/requests.ts";

const suite = createSuite();
let up: Mlp;
let bridge: Mlp;

beforeAll(async () => {
  up = await suite.start(["up", "--port", "0", "--bridge-port", "0", "--agent", "none"]);
  bridge = { ...up, api: up.bridge.replace(/^ws/, "http") };
});
afterAll(() => suite.close());

interface ListedSession {
  readonly session_id: string;
  readonly agent_id: string;
  readonly status: string;
  readonly connected: boolean;
}

async function sessionOf(agentId: string, status: string): Promise<ListedSession> {
  return await eventually(`a session of ${agentId} that is ${status}`, async () => {
    const { json } = await ask(bridge, "/control/sessions", { key: up.secrets.controlToken });
    const { sessions } = json as { sessions: ListedSession[] };
    return sessions.find(
      (each) => each.agent_id === agentId && each.status === status && each.connected,
    );
  });
}

async function approve(agentId: string): Promise<void> {
  const { session_id: id } = await sessionOf(agentId, "pending");
  const path = `/control/sessions/${id}/approve`;
  const { status } = await ask(bridge, path, { key: up.secrets.controlToken, body: {} });
  expect(status).toBe(200);
}

function environment(home: string): Record<string, string> {
  return { ...leftoversMark(), MLP_HOME: home, MLP_AGENT_TOKEN: up.secrets.agentToken };
}

function stdio(home: string, ...flags: readonly string[]): StdioClientTransport {
  return new StdioClientTransport({
    command: BINARY,
    args: ["mcp", "--bridge", up.bridge, ...flags],
    env: environment(home),
    cwd: suite.folder("cwd"),
    stderr: "ignore",
  });
}

async function serveOne(client: Client, text: string): Promise<void> {
  const { content } = await client.callTool({ name: "wait_for_request" });
  const [first] = content;
  const head = JSON.parse(first?.type === "text" ? first.text : "{}") as Record<string, string>;
  expect(head["status"]).toBe("request");
  const { id, chat } = head;
  const named = chat === undefined ? {} : { chat };
  await client.callTool({ name: "respond", arguments: { id, text, ...named } });
}

async function answerOf(model: string): Promise<string | null | undefined> {
  const openai = new OpenAI({
    apiKey: up.secrets.apiKey,
    baseURL: `${up.api}/v1`,
    maxRetries: 0,
  });
  const messages = [{ role: "user" as const, content: "What is the nonce?" }];
  const { choices } = await openai.chat.completions.create({ model, messages });
  return choices[0]?.message.content;
}

const MODES = { "2025": "legacy", "2026": { pin: "2026-07-28" } } as const;
type Generation = keyof typeof MODES;

function clientOf(generation: Generation, name: string): Client {
  const mode = MODES[generation];
  return new Client({ name, version: "1" }, { versionNegotiation: { mode } });
}

describe.each<Generation>(["2025", "2026"])("an MCP client of the generation %s", (generation) => {
  test("that starts `mlp mcp` answers over the bridge, and again after a restart without approval", async () => {
    const home = suite.folder("home");
    const agentId = `chat-${generation}`;
    const model = `my-${generation}`;
    for (const isFirst of [true, false]) {
      const nonce = crypto.randomUUID();
      const transport = stdio(home, "--agent-id", agentId, "--model", model);
      const client = clientOf(generation, "ide");
      const problems: Error[] = [];
      client.onerror = (error) => problems.push(error);
      await client.connect(transport);
      const { pid } = transport;
      const served = serveOne(client, nonce);
      if (isFirst) await approve(agentId);
      else await sessionOf(agentId, "active");
      expect(await answerOf(model)).toBe(nonce);
      await served;
      await client.close();
      // Whatever is no MCP on stdout would have been one.
      expect(problems).toEqual([]);
      expect(isAlive(pid!)).toBe(false);
    }
  });

  test("that comes to /mcp answers, too", async () => {
    const nonce = crypto.randomUUID();
    const transport = new StreamableHTTPClientTransport(new URL(`${bridge.api}/mcp`), {
      requestInit: { headers: { authorization: `Bearer ${up.secrets.agentToken}` } },
    });
    const client = clientOf(generation, `http ${generation}`);
    await client.connect(transport);
    const served = serveOne(client, nonce);
    await approve(`mcp:http-${generation}`);
    expect(await answerOf(`mcp:http-${generation}`)).toBe(nonce);
    await served;
    await client.close();
  });
});

describe("`mlp mcp`", () => {
  test("speaks nothing but MCP on stdout, and ends with 0 when stdin does", async () => {
    const child = Bun.spawn([BINARY, "mcp", "--bridge", up.bridge, "--log-level", "debug"], {
      cwd: suite.folder("cwd"),
      env: environment(suite.folder("home")),
      stdin: "pipe",
      stdout: "pipe",
      stderr: "ignore",
    });
    const clientInfo = { name: "raw", version: "1" };
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
    const hello = { jsonrpc: "2.0", id: 1, method: "initialize", params };
    const reader = child.stdout.getReader();
    await child.stdin.write(`${JSON.stringify(hello)}\n`);
    await child.stdin.flush();
    const { value } = await reader.read();
    const answer = JSON.parse(new TextDecoder().decode(value)) as { result: object };
    expect(answer.result).toMatchObject({ protocolVersion: "2025-11-25" });
    await child.stdin.end();
    expect(await child.exited).toBe(0);
    expect((await reader.read()).done).toBe(true);
  });

  test("without a bridge to reach waits for one, and says so", async () => {
    const transport = new StdioClientTransport({
      command: BINARY,
      args: ["mcp", "--bridge", "ws://127.0.0.1:9"],
      env: environment(suite.folder("home")),
      cwd: suite.folder("cwd"),
      stderr: "ignore",
    });
    const client = clientOf("2025", "ide");
    await client.connect(transport);
    const { tools } = await client.listTools();
    expect(tools).toHaveLength(5);
    const { pid } = transport;
    await client.close();
    expect(isAlive(pid!)).toBe(false);
  });
});
