// The door to the editor's tools: who is let in, to what, and for how long. Asked by plain HTTP and by the official
// MCP client.

import { afterEach, describe, expect, test } from "bun:test";
import { request as httpRequest } from "node:http";
import { createToolServer } from "../../../src/agents/tool-bridge/tool-server.ts";
import type { AskedCall } from "../../../src/agents/tool-bridge/tool-call.ts";
import type { McpServer } from "../../../src/agents/tool-runner.ts";
import type { Tool } from "../../../src/core/turn.ts";
import { createFakeRandom } from "../../support/fake-clock.ts";
import { createFakeClock } from "../support.ts";
import { LIST, READ, connect } from "./support.ts";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function serve() {
  const server = createToolServer({
    clock: createFakeClock(),
    random: createFakeRandom(),
    progressMs: 7_000,
  });
  closers.push(() => server.close());
  const asked: AskedCall[] = [];
  const open = async (tools: readonly Tool[] = [READ], text = "ok") =>
    await server.open(tools, async (call) => {
      asked.push(call);
      return { content: [{ type: "text", text }], isError: false };
    });
  return { server, open, asked };
}

async function connected(server: McpServer) {
  const client = await connect(server);
  closers.push(() => client.close());
  return client;
}

const INITIALIZE = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-06-18",
    capabilities: {},
    clientInfo: { name: "somebody", version: "1" },
  },
});

const ACCEPT = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
};

/** By node's client, which sends the headers that it is given, Host and Origin too. */
async function knock(
  url: string,
  headers: Readonly<Record<string, string>>,
  { method = "POST", body = INITIALIZE } = {},
): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const sent = httpRequest(url, { method, headers: { ...ACCEPT, ...headers } }, (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => (text += chunk));
    response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
  });
  sent.on("error", reject);
  sent.end(method === "POST" ? body : undefined);
  return await promise;
}

describe("the door to the editor's tools", () => {
  test("is on loopback, at an address of its own for each run", async () => {
    const { open } = serve();
    const [one, other] = [await open(), await open()];
    expect(new URL(one.server.url).hostname).toBe("127.0.0.1");
    expect(new URL(one.server.url).port).toBe(new URL(other.server.url).port);
    expect(one.server.url).not.toBe(other.server.url);
    expect(one.server.headers).not.toEqual(other.server.headers);
  });

  test("opens for the address with its secret", async () => {
    const { server } = await serve().open();
    expect((await knock(server.url, server.headers)).status).toBe(200);
  });

  test.each([
    ["no secret", {}, 401],
    ["another secret", { authorization: "Bearer mlp_0" }, 401],
    ["the secret as something else", { authorization: "Basic x" }, 401],
  ])("stays shut for %s", async (_, headers, status) => {
    const { server } = await serve().open();
    expect((await knock(server.url, headers)).status).toBe(status);
  });

  test("stays shut for the secret of another run", async () => {
    const { open } = serve();
    const [one, other] = [await open(), await open()];
    expect((await knock(one.server.url, other.server.headers)).status).toBe(401);
  });

  test.each(["http://127.0.0.1", "null", "vscode-webview://x", "https://example.com"])(
    "stays shut for a browser at %s, whatever else it knows",
    async (origin) => {
      const { server } = await serve().open();
      expect((await knock(server.url, { ...server.headers, origin })).status).toBe(403);
    },
  );

  test.each(["example.com", "localhost", "127.0.0.1:1", "[::1]"])(
    "stays shut for the host %s",
    async (host) => {
      const { server } = await serve().open();
      expect((await knock(server.url, { ...server.headers, host })).status).toBe(403);
    },
  );

  test.each([
    "/",
    "/mcp",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource",
    "/tools_",
  ])("has a plain 404 at %s, for agents that look for a way to log in", async (path) => {
    const { server } = await serve().open();
    const { origin } = new URL(server.url);
    for (const method of ["GET", "POST"]) {
      const answer = await knock(origin + path, server.headers, { method });
      expect([answer.status, answer.body]).toEqual([404, "There is nothing here.\n"]);
    }
  });

  test("is gone with its run, for those inside too", async () => {
    const { open } = serve();
    const door = await open();
    const client = await connected(door.server);
    door.close();
    expect((await knock(door.server.url, door.server.headers)).status).toBe(404);
    expect(
      await client.listTools().then(
        () => "listed",
        () => "gone",
      ),
    ).toBe("gone");
    door.close();
  });

  test("opens no more once the server is closed", async () => {
    const { server, open } = serve();
    const door = await open();
    await server.close();
    expect(
      await open().then(
        () => "open",
        ({ code }) => code,
      ),
    ).toBe("shutdown");
    expect(
      await knock(door.server.url, {}).then(
        () => "answered",
        () => "nobody",
      ),
    ).toBe("nobody");
  });
});

describe("behind the door", () => {
  test("two runs at once see their own tools and nobody else's", async () => {
    const { open, asked } = serve();
    const one = await connected((await open([READ], "one")).server);
    const other = await connected((await open([LIST], "other")).server);
    const names = async (client: typeof one) =>
      (await client.listTools()).tools.map(({ name }) => name);
    expect([await names(one), await names(other)]).toEqual([["read_file"], ["list_files"]]);
    const wrong = await other.callTool({ name: "read_file", arguments: { path: "x" } });
    expect(wrong.isError).toBe(true);
    expect(asked).toEqual([]);
    const right = await one.callTool({ name: "read_file", arguments: { path: "x" } });
    expect(right.content).toEqual([{ type: "text", text: "one" }]);
    expect(asked).toHaveLength(1);
  });

  test("an agent may connect again, and each connection is its own", async () => {
    const { server } = await serve().open();
    const one = await connected(server);
    await one.close();
    const two = await connected(server);
    expect((await two.listTools()).tools).toHaveLength(1);
  });

  test("a session of another run is unknown, and one that nobody began is asked for first", async () => {
    const { open } = serve();
    const [one, other] = [await open(), await open()];
    const client = await connected(one.server);
    const mine = (client.transport as unknown as { sessionId: string }).sessionId;
    const list = JSON.stringify({ jsonrpc: "2.0", id: 2, method: "tools/list" });
    const taken = { ...other.server.headers, "mcp-session-id": mine };
    expect((await knock(other.server.url, taken, { body: list })).status).toBe(404);
    expect((await knock(other.server.url, other.server.headers, { body: list })).status).toBe(400);
    const get = { method: "GET" };
    expect((await knock(other.server.url, other.server.headers, get)).status).toBe(400);
  });

  test("a body that is no JSON is refused in JSON-RPC's form", async () => {
    const { server } = await serve().open();
    const { status, body } = await knock(server.url, server.headers, { body: "{" });
    expect([status, JSON.parse(body).jsonrpc]).toEqual([400, "2.0"]);
  });

  test("a run that keeps connecting is stopped at some point", async () => {
    const { server } = await serve().open();
    const statuses: number[] = [];
    for (let time = 0; time < 40; time += 1) {
      statuses.push((await knock(server.url, server.headers)).status);
    }
    expect([statuses[0], statuses.at(-1)]).toEqual([200, 429]);
  });

  test("the loosest schemas of editors are listed in a form that clients take", async () => {
    const odd = {
      a: undefined,
      b: {},
      c: { type: "string" },
      d: { properties: { any: true, none: false, fine: { type: "string" } }, required: ["any", 7] },
      e: { type: "object", properties: [], required: null, additionalProperties: false, $defs: {} },
    } as const;
    const tools = Object.entries(odd).map(([name, parameters]) =>
      parameters === undefined ? { name } : { name, parameters },
    );
    const client = await connected((await serve().open([...tools, { name: "a" }])).server);
    const listed = (await client.listTools()).tools;
    expect(listed.map(({ name, inputSchema }) => [name, inputSchema as unknown])).toEqual([
      ["a", { type: "object" }],
      ["b", { type: "object" }],
      ["c", { type: "object" }],
      [
        "d",
        {
          type: "object",
          properties: { any: {}, none: { not: {} }, fine: { type: "string" } },
          required: ["any"],
        },
      ],
      ["e", { type: "object", additionalProperties: false, $defs: {} }],
    ]);
  });
});
