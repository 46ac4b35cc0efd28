// MCP clients, the official ones of both generations, that come to the bridge's port of a whole server and answer what the
// official OpenAI client asks of its other port. Only the MCP client knows the nonce.

import { afterEach, describe, expect, test } from "bun:test";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as OlderClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as OlderTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CreateMessageRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import OpenAI from "openai";
import type { Session } from "../../src/core/session.ts";
import { SECRETS, compose } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";

const open: { close(): Promise<void> }[] = [];
let composed: Composed | undefined;

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
  await composed?.[Symbol.asyncDispose]();
  composed = undefined;
});

async function start(env: Record<string, string> = {}): Promise<Composed> {
  composed = await compose([], env);
  return composed;
}

function urlOf({ bridge }: Composed): URL {
  return new URL(`http://127.0.0.1:${bridge.listening.port}/mcp`);
}

const AGENT = { headers: { authorization: `Bearer ${SECRETS.MLP_AGENT_TOKEN}` } };

/** The next session for which the condition holds; one that is there already counts. */
function session({ bridge }: Composed, holds: (session: Session) => boolean): Promise<Session> {
  const { promise, resolve } = Promise.withResolvers<Session>();
  const stop = bridge.sessions.subscribe(({ session }) => {
    if (holds(session)) resolve(session);
  });
  const there = bridge.sessions.list().find(holds);
  if (there !== undefined) resolve(there);
  return promise.finally(stop);
}

async function approve(server: Composed, agentId = "mcp:test-client"): Promise<Session> {
  const asked = await session(server, (each) => each.agentId === agentId && each.connected);
  expect(asked.status).toBe("pending");
  return await server.bridge.sessions.approve(asked.sessionId);
}

type Call = (name: string, given?: Record<string, unknown>) => Promise<{ content: unknown }>;

interface Caller {
  /** As a model calls: from its first wait on with the name that its chat was given, if it was. */
  readonly call: Call;
  readonly transport: StreamableHTTPClientTransport | OlderTransport;
}

type Generation = "2025, older SDK" | "2025" | "2026";

async function connect(
  server: Composed,
  generation: Generation,
  name = "Test Client",
): Promise<Caller> {
  const about = { name, version: "1" };
  if (generation === "2025, older SDK") {
    const transport = new OlderTransport(urlOf(server), { requestInit: AGENT });
    const client = new OlderClient(about);
    await client.connect(transport);
    open.push(client);
    const call: Call = async (name, given = {}) => {
      const { content } = await client.callTool({ name, arguments: given });
      return { content };
    };
    return { transport, call };
  }
  const transport = new StreamableHTTPClientTransport(urlOf(server), { requestInit: AGENT });
  const mode = generation === "2026" ? { pin: "2026-07-28" } : ("legacy" as const);
  const client = new Client(about, { versionNegotiation: { mode } });
  await client.connect(transport);
  open.push(client);
  let chat: string | undefined;
  const call: Call = async (name, given = {}) => {
    const named = chat === undefined ? given : { chat, ...given };
    const { content } = await client.callTool({ name, arguments: named });
    const [first] = content;
    if (first?.type === "text" && first.text.startsWith("{")) {
      ({ chat } = JSON.parse(first.text) as { chat?: string });
    }
    return { content };
  };
  return { transport, call };
}

interface AskedHere {
  readonly id: string;
  readonly text: string;
}

/** Waits for one request and answers it. */
async function serveOne(
  { call }: Caller,
  answer: (call: Call, asked: AskedHere) => Promise<unknown>,
): Promise<void> {
  const { content } = await call("wait_for_request");
  const [head, { text }] = content as [{ text: string }, { text: string }];
  const { id } = JSON.parse(head.text) as { id: string };
  await answer(call, { id, text });
}

function openAi({ api }: Composed): OpenAI {
  return new OpenAI({ apiKey: SECRETS.MLP_API_KEY, baseURL: `${api}/v1`, maxRetries: 0 });
}

const ask = (model: string, content: string) => ({
  model,
  messages: [{ role: "user" as const, content }],
});

describe.each<Generation>(["2025, older SDK", "2025", "2026"])(
  "a client of the generation %s",
  (generation) => {
    test("answers with what only it knows, once a human has approved it", async () => {
      const server = await start();
      const nonce = crypto.randomUUID();
      const client = await connect(server, generation);
      const served = serveOne(client, (call, { id, text }) => {
        expect(text).toContain("What is the nonce?");
        return call("respond", { id, text: nonce });
      });
      await approve(server);
      const answer = await openAi(server).chat.completions.create(
        ask("mcp:test-client", "What is the nonce?"),
      );
      expect(answer.choices[0]?.message.content).toBe(nonce);
      await served;
    });

    test("streams in pieces, calls the editor's tools, and goes on with their results", async () => {
      const server = await start();
      const client = await connect(server, generation);
      const tools = [
        {
          type: "function" as const,
          function: { name: "read_file", parameters: { type: "object", properties: {} } },
        },
      ];
      const first = serveOne(client, async (call, { id }) => {
        await call("respond_chunk", { id, text: "Let me " });
        await call("respond_chunk", { id, text: "see." });
        await call("report_tool_call", { id, name: "read_file", arguments: { path: "a" } });
      });
      await approve(server);
      const stream = await openAi(server).chat.completions.create({
        ...ask("mcp:test-client", "Read a."),
        tools,
        stream: true,
      });
      let text = "";
      const calls: { id: string; arguments: string }[] = [];
      for await (const { choices } of stream) {
        text += choices[0]?.delta.content ?? "";
        for (const call of choices[0]?.delta.tool_calls ?? []) {
          if (call.id !== undefined) calls.push({ id: call.id, arguments: "" });
          calls.at(-1)!.arguments += call.function?.arguments ?? "";
        }
      }
      expect([text, calls.map((each) => each.arguments)]).toEqual([
        "Let me see.",
        ['{"path":"a"}'],
      ]);
      await first;
      const second = serveOne(client, (call, { id, text }) => {
        expect(text).toContain("it says 42");
        return call("respond", { id, text: "42" });
      });
      const answer = await openAi(server).chat.completions.create({
        ...ask("mcp:test-client", "Read a."),
        tools,
        messages: [
          { role: "user", content: "Read a." },
          {
            role: "assistant",
            content: text,
            tool_calls: calls.map((each) => ({
              id: each.id,
              type: "function" as const,
              function: { name: "read_file", arguments: each.arguments },
            })),
          },
          { role: "tool", tool_call_id: calls[0]!.id, content: "it says 42" },
        ],
      });
      expect(answer.choices[0]?.message.content).toBe("42");
      await second;
    });

    test("is one of two, and each answers as itself", async () => {
      const server = await start();
      const names = ["one", "two"];
      const served = names.map(async (name) => {
        const client = await connect(server, generation, name);
        await serveOne(client, (call, { id }) => call("respond", { id, text: `I am ${name}` }));
      });
      for (const name of names) await approve(server, `mcp:${name}`);
      const answers = names.map(async (name) => {
        const { choices } = await openAi(server).chat.completions.create(
          ask(`mcp:${name}`, "Who?"),
        );
        return choices[0]?.message.content;
      });
      expect(await Promise.all(answers)).toEqual(["I am one", "I am two"]);
      await Promise.all(served);
    });
  },
);

describe.each<Generation>(["2025, older SDK", "2025"])(
  "a client with a session, of the generation %s,",
  (generation) => {
    test("leaves the hub when it says goodbye, and its session ends: nobody could come back to it", async () => {
      const server = await start();
      const client = await connect(server, generation);
      const turn = serveOne(client, () => openAi(server).models.list());
      const { sessionId } = await approve(server);
      const failure = openAi(server)
        .chat.completions.create(ask("mcp:test-client", "hello"))
        .catch((error: unknown) => error);
      await turn;
      const ended = session(server, (each) => each.sessionId === sessionId && !each.connected);
      await client.transport.terminateSession();
      await ended;
      expect(await failure).toMatchObject({ status: 502 });
      await session(server, (each) => each.sessionId === sessionId && each.status === "revoked");
    });
  },
);

describe("a client that offers sampling", () => {
  test("is an agent as soon as it listens, and answers by its own model", async () => {
    const server = await start();
    const nonce = crypto.randomUUID();
    const transport = new OlderTransport(urlOf(server), { requestInit: AGENT });
    const client = new OlderClient(
      { name: "Sampler", version: "1" },
      { capabilities: { sampling: {} } },
    );
    client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => ({
      model: "m",
      role: "assistant",
      content: { type: "text", text: `${nonce} for ${JSON.stringify(params.messages)}` },
    }));
    await client.connect(transport);
    open.push(client);
    await approve(server, "mcp:sampler");
    const answer = await openAi(server).chat.completions.create(ask("mcp:sampler", "The nonce?"));
    expect(answer.choices[0]?.message.content).toContain(nonce);
    expect(answer.choices[0]?.message.content).toContain("The nonce?");
  });
});

describe("approval in the client", () => {
  async function connectAsking(server: Composed): Promise<{ call: Call; asked: () => number }> {
    const transport = new StreamableHTTPClientTransport(urlOf(server), { requestInit: AGENT });
    const client = new Client(
      { name: "Asker", version: "1" },
      { capabilities: { elicitation: { form: {} } } },
    );
    let asked = 0;
    client.setRequestHandler("elicitation/create", () => {
      asked += 1;
      return { action: "accept", content: { allow: true } };
    });
    await client.connect(transport);
    open.push(client);
    const call: Call = (name, given = {}) => client.callTool({ name, arguments: given });
    return { call, asked: () => asked };
  }

  test("counts for nothing by default: it is not even asked for", async () => {
    const server = await start();
    const { call, asked } = await connectAsking(server);
    const waiting = call("wait_for_request").catch(() => undefined);
    const { status, sessionId } = await session(server, (each) => each.agentId === "mcp:asker");
    expect([status, asked()]).toEqual(["pending", 0]);
    await server.bridge.sessions.deny(sessionId);
    expect(asked()).toBe(0);
    await open.splice(0)[0]?.close();
    await waiting;
  });

  test("counts where the configuration trusts every holder of the agent token", async () => {
    const server = await start({ MLP_MCP_ELICITATION_APPROVAL: "true" });
    const { call, asked } = await connectAsking(server);
    const waiting = call("wait_for_request").catch(() => undefined);
    await session(server, (each) => each.agentId === "mcp:asker" && each.status === "active");
    expect(asked()).toBe(1);
    await open.splice(0)[0]?.close();
    await waiting;
  });
});

describe("the door", () => {
  const HELLO = {
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "raw", version: "1" },
    },
  };

  function send(server: Composed, headers: Record<string, string>, body: object | null = HELLO) {
    return fetch(urlOf(server), {
      method: body === null ? "GET" : "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        ...AGENT.headers,
        ...headers,
      },
      ...(body !== null && { body: JSON.stringify(body) }),
    });
  }

  test("is shut to whoever has not the agent token, to foreign pages and under other names", async () => {
    const server = await start();
    const refused: Record<string, [Record<string, string>, number]> = {
      "no token": [{ authorization: "" }, 401],
      "a wrong token": [{ authorization: "Bearer mlp_wrong_wrong_wrong" }, 401],
      "a client key": [{ authorization: `Bearer ${SECRETS.MLP_API_KEY}` }, 401],
      "the bridge token": [{ authorization: `Bearer ${SECRETS.MLP_BRIDGE_TOKEN}` }, 401],
      "the control token": [{ authorization: `Bearer ${SECRETS.MLP_CONTROL_TOKEN}` }, 401],
      "a foreign page": [{ origin: "https://evil.example" }, 403],
      "a page of this machine": [{ origin: "http://localhost:3000" }, 403],
      "no origin at all": [{ origin: "null" }, 403],
      "another host": [{ host: "evil.example" }, 403],
      "no JSON": [{ "content-type": "text/plain" }, 415],
    };
    const seen: Record<string, number> = {};
    for (const [what, [headers]] of Object.entries(refused)) {
      for (const body of what === "no JSON" ? [HELLO] : [HELLO, null]) {
        const response = await send(server, headers, body);
        await response.body?.cancel();
        seen[what] = response.status;
      }
    }
    expect(seen).toEqual(
      Object.fromEntries(Object.entries(refused).map(([what, [, status]]) => [what, status])),
    );
    expect(server.bridge.sessions.list()).toEqual([]);
  });

  test("opens with the token, answers strangers to its sessions with 404, and a body too large with 413", async () => {
    const server = await start({ MLP_LIMITS_CONTROL_BODY_BYTES: "2048" });
    const hello = await send(server, {});
    expect(hello.status).toBe(200);
    expect(await hello.text()).toContain("wait_for_request");
    expect((await send(server, { "mcp-session-id": "mcp_unknown" })).status).toBe(404);
    expect((await send(server, { "mcp-session-id": "mcp_unknown" }, null)).status).toBe(404);
    expect((await send(server, {}, null)).status).toBe(400);
    expect((await send(server, {}, { ...HELLO, pad: "x".repeat(4_000) })).status).toBe(413);
    expect((await send(server, {}, { nonsense: true })).status).toBe(400);
  });
});
