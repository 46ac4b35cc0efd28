import { describe, expect, test } from "bun:test";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { createMcpHttp } from "../../../src/agents/mcp/http.ts";
import type { McpHttpOptions } from "../../../src/agents/mcp/http.ts";
import { AppError } from "../../../src/core/error.ts";
import type { Agent } from "../../../src/core/ports.ts";
import { collectTurn } from "../../contract/collect-turn.ts";
import { ACTIVE } from "./support.ts";
import {
  chatRequest,
  createCountingRandom,
  createFakeClock,
  createMemoryLog,
  rejectionOf,
  runTurn,
} from "../support.ts";

const URL_HERE = "http://127.0.0.1:1/mcp";
const IDLE_MS = 600_000;

function open(more: Partial<McpHttpOptions> = {}) {
  const clock = createFakeClock();
  const agents: Agent[] = [];
  const joined = Promise.withResolvers<Agent>();
  let left = 0;
  const http = createMcpHttp({
    clock,
    random: createCountingRandom(),
    log: createMemoryLog(),
    version: "1.2.3",
    bodyBytes: 1024 * 1024,
    idleMs: IDLE_MS,
    takeSeat: (agent) => {
      agents.push(agent);
      joined.resolve(agent);
      return Promise.resolve({ ...ACTIVE, leave: () => void (left += 1) });
    },
    ...more,
  });
  return { http, clock, agents, joined: joined.promise, left: () => left };
}

type Here = ReturnType<typeof open>;

function send(
  { http }: Here,
  body: object | null,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Response> {
  const request = new Request(URL_HERE, {
    method: body === null ? "GET" : "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...headers,
    },
    ...(body !== null && { body: JSON.stringify(body) }),
    ...(signal !== undefined && { signal }),
  });
  return http.handle(request);
}

/** The older generation's greeting by hand: no stream is opened. */
async function greet(here: Here, capabilities = {}): Promise<Record<string, string>> {
  const clientInfo = { name: "raw", version: "1" };
  const params = { protocolVersion: "2025-11-25", capabilities, clientInfo };
  const response = await send(here, { jsonrpc: "2.0", id: 0, method: "initialize", params });
  await response.text();
  const session = { "mcp-session-id": response.headers.get("mcp-session-id") ?? "" };
  await send(here, { jsonrpc: "2.0", method: "notifications/initialized" }, session);
  return session;
}

function call(id: number, name: string, given: object = {}): object {
  return { jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: given } };
}

async function connect({ http }: Here, mode: "legacy" | { pin: string }): Promise<Client> {
  const transport = new StreamableHTTPClientTransport(new URL(URL_HERE), {
    fetch: (url, init) => http.handle(new Request(url.toString(), init ?? {})),
  });
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
  await client.connect(transport);
  return client;
}

describe("a client with a session", () => {
  test("that is silent and listens to nothing is forgotten, and told so when it comes again", async () => {
    const here = open();
    const session = await greet(here);
    expect(here.http.clients).toBe(1);
    here.clock.advance(IDLE_MS - 1);
    expect((await send(here, { jsonrpc: "2.0", id: 1, method: "ping" }, session)).status).toBe(200);
    here.clock.advance(IDLE_MS - 1);
    expect(here.http.clients).toBe(1);
    here.clock.advance(1);
    expect(here.http.clients).toBe(0);
    expect((await send(here, { jsonrpc: "2.0", id: 2, method: "ping" }, session)).status).toBe(404);
  });

  test("that listens stays as long as it does", async () => {
    const here = open();
    const session = await greet(here);
    const abort = new AbortController();
    expect((await send(here, null, session, abort.signal)).status).toBe(200);
    here.clock.advance(3 * IDLE_MS);
    expect(here.http.clients).toBe(1);
    abort.abort();
    here.clock.advance(IDLE_MS);
    expect(here.http.clients).toBe(0);
  });

  test("that opens its stream anew goes on listening, however late the end of the old one is heard", async () => {
    const here = open();
    const session = await greet(here);
    const [first, second] = [new AbortController(), new AbortController()];
    const old = await send(here, null, session, first.signal);
    await old.body?.cancel();
    expect((await send(here, null, session, second.signal)).status).toBe(200);
    first.abort();
    here.clock.advance(3 * IDLE_MS);
    expect(here.http.clients).toBe(1);
    second.abort();
    here.clock.advance(IDLE_MS);
    expect(here.http.clients).toBe(0);
  });

  test("and sampling joins the hub when it listens, not before", async () => {
    const here = open();
    const session = await greet(here, { sampling: {} });
    expect(here.agents).toEqual([]);
    await send(here, null, session);
    expect((await here.joined).info.agentId).toBe("mcp:raw");
    here.http.close();
    expect(here.left()).toBe(1);
  });

  test("that hangs up while it waits gets no request: its next wait does", async () => {
    const here = open();
    const session = await greet(here);
    const abort = new AbortController();
    const waiting = await send(here, call(1, "wait_for_request"), session, abort.signal);
    const agent = await here.joined;
    abort.abort();
    await waiting.body?.cancel();
    const turn = collectTurn(runTurn(agent, chatRequest("hello")));
    const again = await send(here, call(2, "wait_for_request"), session);
    expect(await again.text()).toContain(String.raw`\"id\":\"r1\"`);
    await send(here, call(3, "respond", { id: "r1", text: "here" }), session);
    expect((await turn).text).toBe("here");
    here.http.close();
  });

  test("is one of so many, and no more", async () => {
    const here = open({ most: 1 });
    await greet(here);
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "b" } };
    const second = await send(here, { jsonrpc: "2.0", id: 0, method: "initialize", params });
    expect([second.status, await second.text()]).toEqual([
      503,
      expect.stringContaining("Too many MCP clients"),
    ]);
  });

  test("is counted while it is still being greeted", async () => {
    const here = open({ most: 1 });
    const clientInfo = { name: "b", version: "1" };
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
    const hello = { jsonrpc: "2.0", id: 0, method: "initialize", params };
    const all = await Promise.all([send(here, hello), send(here, hello), send(here, hello)]);
    expect(all.map(({ status }) => status)).toEqual([200, 503, 503]);
    expect(here.http.clients).toBe(1);
    here.http.close();
  });

  test("leaves when the server does, and nobody comes after that", async () => {
    const here = open();
    const client = await connect(here, "legacy");
    const failure = rejectionOf(client.callTool({ name: "wait_for_request" }));
    await here.joined;
    await client.listTools();
    here.http.close();
    expect([here.left(), here.http.clients]).toEqual([1, 0]);
    await client.close();
    expect(await failure).toBeInstanceOf(Error);
    expect((await send(here, { jsonrpc: "2.0", id: 0, method: "initialize" })).status).toBe(503);
  });
});

describe("a client without sessions", () => {
  const MODERN = { pin: "2026-07-28" };

  test("has a chat by name, that is forgotten when it is silent", async () => {
    const here = open();
    const client = await connect(here, MODERN);
    const waiting = client.callTool({ name: "wait_for_request" });
    const agent = await here.joined;
    expect(agent.info.agentId).toBe("mcp:test");
    await client.listTools();
    here.clock.advance(45_000);
    const { content } = await waiting;
    const { chat, status } = JSON.parse(content[0]?.type === "text" ? content[0].text : "") as {
      chat: string;
      status: string;
    };
    expect([status, here.http.clients]).toEqual(["idle", 1]);
    here.clock.advance(IDLE_MS);
    expect([here.http.clients, here.left()]).toEqual([0, 1]);
    const late = await client.callTool({
      name: "respond",
      arguments: { chat, id: "r1", text: "x" },
    });
    expect([late.isError, JSON.stringify(late.content)]).toEqual([
      true,
      expect.stringContaining("no such chat"),
    ]);
    await client.close();
  });

  test("must name its chat to answer, and gets no more chats than there is room for", async () => {
    const here = open({ most: 1 });
    const client = await connect(here, MODERN);
    const { tools } = await client.listTools();
    expect(tools.map(({ inputSchema }) => inputSchema.required?.includes("chat"))).toEqual([
      false,
      true,
      true,
      true,
      true,
    ]);
    const nameless = await client.callTool({ name: "respond", arguments: { id: "r1", text: "x" } });
    expect(nameless.isError).toBe(true);
    expect(here.http.clients).toBe(0);
    const waiting = rejectionOf(client.callTool({ name: "wait_for_request" }));
    await here.joined;
    const second = await client.callTool({ name: "wait_for_request" });
    expect([second.isError, JSON.stringify(second.content)]).toEqual([
      true,
      expect.stringContaining("Too many MCP clients"),
    ]);
    here.http.close();
    await waiting;
    await client.close();
  });

  test("that the hub takes not in is told why, and takes no room", async () => {
    const takeSeat = () => Promise.reject(new AppError("too_busy", "Too many agents wait."));
    const here = open({ most: 1, takeSeat });
    const client = await connect(here, MODERN);
    for (let tries = 0; tries < 2; tries += 1) {
      const { isError, content } = await client.callTool({ name: "wait_for_request" });
      expect([isError, JSON.stringify(content)]).toEqual([
        true,
        expect.stringContaining("Too many agents wait."),
      ]);
    }
    expect(here.http.clients).toBe(0);
    await client.close();
  });
});
