// The openai connector against a real server on loopback: the contract of every agent, and a server's good and bad days.

import { afterEach, describe, expect, test } from "bun:test";
import { type OpenAiAgentOptions, createOpenAiAgent } from "../../../src/agents/openai/agent.ts";
import type { UpstreamSettings } from "../../../src/agents/openai/upstream.ts";
import type { TurnRequest } from "../../../src/core/turn.ts";
import { agentContract } from "../../contract/agent-contract.ts";
import { collectTurn } from "../../contract/collect-turn.ts";
import {
  DONE,
  type Piece,
  type Reply,
  type ScriptedUpstream,
  callChunk,
  chunk,
  finishChunk,
  json,
  modelList,
  sse,
  ssePieces,
  startScriptedUpstream,
  textChunk,
  usageChunk,
} from "../../support/scripted-upstream.ts";
import { openAiHarness } from "./harness.ts";
import {
  chatRequest,
  createCountingRandom,
  createFakeClock,
  createMemoryLog,
  failureOf,
  rejectionOf,
  runTurn,
  text,
  turnOf,
  user,
} from "../support.ts";

agentContract("the openai connector", openAiHarness);

const KEY = "sk-test-0123456789abcdef";
const servers: ScriptedUpstream[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

function upstream(port?: number): ScriptedUpstream {
  const server = startScriptedUpstream(port);
  servers.push(server);
  return server;
}

type More = Partial<Pick<UpstreamSettings, "apiKey" | "model"> & Pick<OpenAiAgentOptions, "fetch">>;

function connect(baseUrl: string, { fetch: ask = fetch, ...settings }: More = {}) {
  const clock = createFakeClock();
  const log = createMemoryLog();
  const agent = createOpenAiAgent({
    agentId: "openai-1",
    label: "Upstream",
    upstreams: [{ baseUrl, ...settings }],
    fetch: ask,
    clock,
    random: createCountingRandom(),
    log,
  });
  return { agent, clock, log };
}

/** A server with this answer, and an agent in front of it. */
function answering(reply: Reply, more: More = {}) {
  const server = upstream();
  server.reply(reply);
  return { server, ...connect(server.url, { model: "scripted", ...more }) };
}

/** An agent whose upstream answers with these bytes, cut before each that `isCut` says so of. No socket joins them. */
function cutting(bytes: Uint8Array, isCut: (byte: number) => boolean) {
  const starts = [0, ...bytes.keys().filter((at) => at > 0 && isCut(bytes[at] ?? 0))];
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const [index, from] of starts.entries()) {
        controller.enqueue(bytes.slice(from, starts[index + 1]));
      }
      controller.close();
    },
  });
  const answer = new Response(body, { headers: { "content-type": "text/event-stream" } });
  return connect("http://upstream.invalid", {
    model: "scripted",
    fetch: () => Promise.resolve(answer),
  }).agent;
}

/** Continuation bytes of UTF-8. */
const isInsideCharacter = (byte: number): boolean => (byte & 0xc0) === 0x80;

const hello = (model = "scripted"): TurnRequest => chatRequest("hello", { model });
const bodyOf = (request: { body: unknown }) => request.body as Record<string, unknown>;

describe("a turn", () => {
  test("is one authorised POST to the route of its kind", async () => {
    const { server, agent } = answering(sse(textChunk("ok"), finishChunk(), DONE), { apiKey: KEY });
    await collectTurn(runTurn(agent, hello()));
    const [request] = server.requests;
    expect(request?.method).toBe("POST");
    expect(request?.path).toBe("/v1/chat/completions");
    expect(request?.headers.get("authorization")).toBe(`Bearer ${KEY}`);
    expect(request?.headers.get("content-type")).toBe("application/json");
    expect(server.requests).toHaveLength(1);
  });

  test("sends no authorisation without a key", async () => {
    const { server, agent } = answering(sse(textChunk("ok"), finishChunk(), DONE));
    await collectTurn(runTurn(agent, hello()));
    expect(server.requests[0]?.headers.has("authorization")).toBe(false);
  });

  test("is understood however its bytes are cut", async () => {
    const { pieces } = sse(
      chunk({ reasoning_content: "naïve" }),
      textChunk("日本"),
      textChunk("👩🏽‍💻"),
      finishChunk(),
      usageChunk(1, 2),
      DONE,
    );
    const bytes = new TextEncoder().encode(
      pieces.map((piece) => ("send" in piece ? piece.send : "")).join(""),
    );
    const single = Array.from(bytes, (byte): Piece => ({ send: new Uint8Array([byte]) }));
    const { agent } = answering({ pieces: [...single, { wait: Promise.resolve() }] });
    const result = await collectTurn(runTurn(agent, hello()));
    expect([result.reasoning, result.text]).toEqual(["naïve", "日本👩🏽‍💻"]);
    expect(result.finish.usage).toEqual({ promptTokens: 1, completionTokens: 2 });
  });

  test.each(["\n", "\r\n", "\r"])(
    "is the same in every cut, its lines ending in %j",
    async (lineEnd) => {
      const { pieces } = sse(
        chunk({ reasoning_content: "naïve" }),
        textChunk("日本👩🏽‍💻"),
        callChunk(0, '{"pfad":', "call_1", "läse"),
        callChunk(0, '"ü"}'),
        finishChunk("tool_calls"),
        usageChunk(1, 2),
        DONE,
      );
      const wire = pieces.map((piece) => ("send" in piece ? String(piece.send) : "")).join("");
      const bytes = new TextEncoder().encode(wire.replaceAll("\n", lineEnd));
      const whole = await collectTurn(
        runTurn(
          cutting(bytes, () => false),
          hello(),
        ),
      );
      expect(whole).toMatchObject({ text: "日本👩🏽‍💻", toolCalls: [{ arguments: '{"pfad":"ü"}' }] });
      for (const isCut of [() => true, isInsideCharacter]) {
        expect(await collectTurn(runTurn(cutting(bytes, isCut), hello()))).toEqual(whole);
      }
    },
  );

  test("is understood with comments, CRLF and a careless content type", async () => {
    const data = [textChunk("a"), finishChunk()].map((each) => `data:${JSON.stringify(each)}`);
    const body = `: keep-alive\r\n\r\n${data.join("\r\n\r\n")}\r\n\r\ndata: [DONE]\r\n\r\n`;
    const { agent } = answering({ type: "text/plain", pieces: [{ send: body }] });
    expect((await collectTurn(runTurn(agent, hello()))).text).toBe("a");
  });

  test("is answered whole by a server that does not stream", async () => {
    const message = { role: "assistant", content: "whole" };
    const { agent } = answering(json({ choices: [{ index: 0, message, finish_reason: "stop" }] }));
    const result = await collectTurn(runTurn(agent, hello()));
    expect([result.text, result.finish.reason]).toEqual(["whole", "stop"]);
  });

  test("that completes code goes to /completions with its suffix", async () => {
    const { server, agent } = answering(
      sse({ choices: [{ index: 0, text: "x + 1", finish_reason: "stop" }] }, DONE),
    );
    const request: TurnRequest = {
      kind: "completion",
      model: "scripted",
      stream: true,
      prompt: "return ",
      suffix: "}",
      parameters: {},
    };
    expect((await collectTurn(runTurn(agent, request))).text).toBe("x + 1");
    expect(server.requests[0]?.path).toBe("/v1/completions");
    expect(bodyOf(server.requests[0]!)).toMatchObject({ prompt: "return ", suffix: "}" });
  });

  test("that goes on from a text is put as a chat where there is no other route, from then on", async () => {
    const server = upstream();
    server.reply(({ path }) =>
      path === "/v1/completions"
        ? json({ error: { message: "This is a chat model." } }, 404)
        : sse(textChunk("a time"), finishChunk(), DONE),
    );
    const { agent } = connect(server.url, { model: "scripted" });
    const request: TurnRequest = {
      kind: "completion",
      model: "scripted",
      stream: true,
      prompt: "Once upon",
      parameters: { maxTokens: 9 },
    };
    for (const _turn of [1, 2]) {
      expect((await collectTurn(runTurn(agent, request))).text).toBe("a time");
    }
    expect(server.requests.map(({ path }) => path)).toEqual([
      "/v1/completions",
      "/v1/chat/completions",
      "/v1/chat/completions",
    ]);
    expect(bodyOf(server.requests[1]!)).toMatchObject({
      messages: [{ role: "user", content: "Once upon" }],
      max_tokens: 9,
    });
    const gap = { ...request, suffix: "}" };
    const { error } = await failureOf(runTurn(agent, gap));
    expect(error.message).toContain("This is a chat model.");
    expect(server.requests.at(-1)?.path).toBe("/v1/completions");
  });

  test("that goes on from a text is no chat for good because its model was missing once", async () => {
    const server = upstream();
    let isLoaded = false;
    server.reply(() =>
      isLoaded
        ? sse(textChunk("a time"), finishChunk(), DONE)
        : json({ error: { message: "model not found" } }, 404),
    );
    const { agent } = connect(server.url, { model: "scripted" });
    const request: TurnRequest = {
      kind: "completion",
      model: "scripted",
      stream: true,
      prompt: "Once upon",
      parameters: {},
    };
    expect((await failureOf(runTurn(agent, request))).error.code).toBe("model_not_found");
    isLoaded = true;
    await collectTurn(runTurn(agent, request));
    const posts = server.requests.filter(({ method }) => method === "POST");
    expect(posts.map(({ path }) => path)).toEqual([
      "/v1/completions",
      "/v1/chat/completions",
      "/v1/completions",
    ]);
  });

  test("leaves its connection to the next one", async () => {
    const { server, agent } = answering(sse(textChunk("ok"), finishChunk(), DONE));
    await collectTurn(runTurn(agent, hello()));
    await collectTurn(runTurn(agent, hello()));
    const ports = server.requests.map(({ port }) => port);
    expect(ports[0]).toBeGreaterThan(0);
    expect(new Set(ports).size).toBe(1);
  });

  test("gives reasoning back under the name that the server uses for it", async () => {
    const { server, agent } = answering(
      sse(chunk({ reasoning: "hm" }), textChunk("ok"), finishChunk(), DONE),
    );
    const history = chatRequest([
      user("a"),
      { role: "assistant", content: text("b"), reasoning: "why" },
      user("c"),
    ]);
    await collectTurn(runTurn(agent, history));
    await collectTurn(runTurn(agent, history));
    const sent = server.requests.map((request) => JSON.stringify(bodyOf(request)["messages"]));
    expect(sent[0]).not.toContain("why");
    expect(sent[1]).toContain('"reasoning":"why"');
  });
});

describe("cancelling", () => {
  test("closes the upstream's socket in mid-answer", async () => {
    const { server, agent } = answering({ pieces: [...ssePieces(textChunk("a")), { hang: true }] });
    const abort = new AbortController();
    const events = agent.run(turnOf(hello()), abort.signal)[Symbol.asyncIterator]();
    await events.next();
    const next = events.next();
    abort.abort();
    expect(await rejectionOf(next)).toMatchObject({ code: "client_cancelled" });
    await (
      await server.nextRequest()
    ).closed;
    expect(server.requests).toHaveLength(1);
  });

  test("closes it before the upstream has answered at all", async () => {
    const never = Promise.withResolvers<void>();
    const { server, agent } = answering({ pieces: [{ wait: never.promise }] });
    const abort = new AbortController();
    const failed = failureOf(agent.run(turnOf(hello()), abort.signal));
    const request = await server.nextRequest();
    abort.abort();
    expect((await failed).error.code).toBe("client_cancelled");
    await request.closed;
    never.resolve();
  });

  test("ends a turn whose answer had arrived whole", async () => {
    const { agent } = answering(sse(textChunk("a"), textChunk("b"), finishChunk(), DONE));
    const abort = new AbortController();
    const events = agent.run(turnOf(hello()), abort.signal)[Symbol.asyncIterator]();
    await events.next();
    abort.abort();
    expect(await rejectionOf(events.next())).toMatchObject({ code: "client_cancelled" });
  });
});

describe("a server that refuses", () => {
  const said = (message: string, more: object = {}) => ({ error: { message, ...more } });
  test.each<[string, Reply, string, RegExp]>([
    ["the key", json(said(`Incorrect key: ${KEY}`), 401), "agent_error", /its own key \(401\)/],
    ["access", json(said("no"), 403), "agent_error", /its own key \(403\)/],
    [
      "the model",
      json(said("The model `x` does not exist", { code: "model_not_found" }), 404),
      "model_not_found",
      /does not have this model/,
    ],
    ["the route", json({ detail: "Not Found" }, 404), "agent_error", /check its base address/],
    ["the rate", json(said("slow down"), 429), "agent_error", /\(429\): try later\. It says: slow/],
    [
      "the request",
      json(said("maximum context length is 8192 tokens"), 400),
      "invalid_request",
      /maximum context length is 8192 tokens/,
    ],
    ["its size", json(said("no"), 413), "payload_too_large", /too large/],
    ["by failing", json(said("CUDA out of memory"), 500), "agent_error", /\(500\).*CUDA/],
    [
      "in HTML",
      { status: 502, type: "text/html", pieces: [{ send: "<h1>" }] },
      "agent_error",
      /502/,
    ],
    ["by being slow", json(said("timeout"), 504), "agent_timeout", /took too long/],
    [
      "by redirecting",
      { status: 307, headers: { location: "http://127.0.0.1:1/" }, pieces: [] },
      "agent_error",
      /final address/,
    ],
  ])("%s", async (_, reply, code, message) => {
    const { server, agent } = answering(reply, { apiKey: KEY });
    const { error, events } = await failureOf(runTurn(agent, hello()));
    expect([error.code, events]).toEqual([code, []] as never);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain(KEY);
    expect(server.requests).toHaveLength(1);
  });

  test("a field is asked again without it, once, and never sends it again", async () => {
    const server = upstream();
    server.reply(({ text }) =>
      text.includes("stream_options")
        ? json(said("unknown field stream_options"), 400)
        : sse(textChunk("ok"), finishChunk(), DONE),
    );
    const { agent } = connect(server.url, { model: "scripted" });
    expect((await collectTurn(runTurn(agent, hello()))).text).toBe("ok");
    await collectTurn(runTurn(agent, hello()));
    const sent = server.requests.map(({ text }) => text.includes("stream_options"));
    expect(sent).toEqual([true, false, false]);
  });

  test("a field again and again is asked no more than once for each", async () => {
    const { server, agent } = answering(json(said("stream_options top_k min_p"), 400));
    const request = chatRequest("hi", { parameters: { topK: 1, minP: 0.1 } });
    expect((await failureOf(runTurn(agent, request))).error.code).toBe("invalid_request");
    expect(server.requests).toHaveLength(4);
  });
});

describe("a server that misbehaves", () => {
  const cases: [string, readonly Piece[], string, RegExp][] = [
    ["cuts the connection", [{ cut: true }], "agent_lost", /closed the connection/],
    ["ends early", [], "agent_error", /ended its answer early/],
    ["says it failed", ssePieces({ error: { message: "OOM" } }), "agent_error", /It says: OOM/],
    ["sends no JSON", [{ send: "data: {oops\n\n" }], "agent_error", /not JSON/],
    ["sends no UTF-8", [{ send: new Uint8Array([0x64, 0xff, 0xfe]) }], "agent_error", /UTF-8/],
    ["sends an endless line", [{ send: "x".repeat(5_000_000) }], "agent_error", /more than/],
  ];
  test.each(cases)("and %s before the first word", async (_, pieces, code, message) => {
    const { server, agent } = answering({ pieces });
    const { error, events } = await failureOf(runTurn(agent, hello()));
    expect([error.code, events.length]).toEqual([code, 0] as never);
    expect(error.message).toMatch(message);
    expect(server.requests).toHaveLength(1);
  });

  test.each(cases)("and %s in mid-answer", async (_, pieces, code, message) => {
    const heard = Promise.withResolvers<void>();
    const first = [...ssePieces(textChunk("So far")), { wait: heard.promise }];
    const { server, agent } = answering({ pieces: [...first, ...pieces] });
    const { error, events } = await failureOf(runTurn(agent, hello()), heard.resolve);
    expect(events).toEqual([{ type: "text-delta", text: "So far" }]);
    expect(error.code).toBe(code as "agent_error");
    expect(error.message).toMatch(message);
    expect(server.requests).toHaveLength(1);
  });

  test("by compressing what cannot be read again is not said to be away", async () => {
    const headers = { "content-type": "text/event-stream", "content-encoding": "gzip" };
    const { agent } = answering({ headers, pieces: [{ send: "no gzip" }] });
    const { error } = await failureOf(runTurn(agent, hello()));
    expect([error.code, error.message]).toEqual([
      "agent_error",
      expect.stringContaining("sent an answer whose compression is broken"),
    ] as never);
  });

  test("by answering with a web page is not taken for a model", async () => {
    const page = { type: "text/html", pieces: [{ send: "<!doctype html><p>Hi</p>" }] };
    const { error } = await failureOf(runTurn(answering(page).agent, hello()));
    expect(error.code).toBe("agent_error");
    const notOurs = answering(json(["what?"])).agent;
    expect((await failureOf(runTurn(notOurs, hello()))).error.message).toContain("base address");
  });

  test("by flooding after a failure has its socket closed", async () => {
    const never = Promise.withResolvers<void>();
    const { server, agent } = answering({
      pieces: [{ send: "data: {oops\n\n" }, { wait: never.promise }],
    });
    await failureOf(runTurn(agent, hello()));
    await (
      await server.nextRequest()
    ).closed;
    never.resolve();
    expect(server.requests).toHaveLength(1);
  });

  test("by never saying [DONE] is waited for a moment only, and its socket is closed", async () => {
    const { server, agent, clock } = answering({
      pieces: [...ssePieces(textChunk("a"), finishChunk("length")), { hang: true }],
    });
    const turn = collectTurn(runTurn(agent, hello()));
    expect(await clock.nextTimer()).toBe(2000);
    clock.advance(2000);
    expect((await turn).finish).toEqual({ type: "finish", reason: "length" });
    await (
      await server.nextRequest()
    ).closed;
  });

  test("by keeping the socket open after [DONE] does not hold up the turn", async () => {
    const { server, agent, clock } = answering({
      pieces: [...ssePieces(textChunk("a"), finishChunk(), DONE), { hang: true }],
    });
    expect((await collectTurn(runTurn(agent, hello()))).text).toBe("a");
    await clock.nextTimer();
    clock.advance(1000);
    await (
      await server.nextRequest()
    ).closed;
    expect(clock.timers).toBe(0);
  });

  test("by not being there is a lost agent, and says where it should be", async () => {
    const server = upstream();
    await server.stop();
    const { agent } = connect(server.url, { model: "scripted", apiKey: KEY });
    const { error } = await failureOf(runTurn(agent, hello()));
    expect(error.code).toBe("agent_lost");
    expect(error.message).toContain(new URL(server.url).origin);
    expect(error.message).toContain("cannot be reached");
  });

  test("an upstream that is slow to read from is not read ahead of the client without bound", async () => {
    const line = `data: ${JSON.stringify(textChunk("x".repeat(60_000)))}\n\n`;
    let sent = 0;
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      idleTimeout: 0,
      fetch: () =>
        new Response(
          new ReadableStream({
            async pull(body) {
              sent += 1;
              body.enqueue(line);
              await new Promise(setImmediate);
              if (sent === 2_000) body.close();
            },
          }),
          { headers: { "content-type": "text/event-stream" } },
        ),
    });
    const { agent } = connect(`http://127.0.0.1:${server.port}`, { model: "scripted" });
    const events = runTurn(agent, hello())[Symbol.asyncIterator]();
    await events.next();
    // As many turns of the event loop as would let the server send everything.
    for (let turn = 0; turn < 6_000; turn += 1) await new Promise(setImmediate);
    expect(sent).toBeLessThan(1_000);
    await events.return?.();
    await server.stop(true);
  });
});

describe("models", () => {
  test("are what the server lists, with what it says about them", async () => {
    const server = upstream();
    server.replyToModels(
      json({
        data: [
          { id: "chat-1", max_model_len: 32_768 },
          { id: "text-embed-1", context_length: 512 },
          {
            id: "router/one",
            context_length: 9000,
            architecture: { input_modalities: ["text", "image"] },
            supported_parameters: ["tools", "reasoning"],
          },
          {
            id: "codestral",
            max_context_length: 256,
            capabilities: { completion_chat: true, completion_fim: true, function_calling: false },
          },
          { id: "llama", meta: { n_ctx_train: 4096 } },
          { id: "chat-1" },
          { id: "" },
          "nonsense",
        ],
      }),
    );
    const { agent } = connect(server.url, { apiKey: KEY });
    expect(agent.info.models).toEqual([]);
    expect(await agent.discover()).toEqual([
      {
        id: "chat-1",
        contextLength: 32_768,
        capabilities: ["completion", "tools", "vision", "insert"],
      },
      { id: "text-embed-1", contextLength: 512, capabilities: ["embedding"] },
      {
        id: "router/one",
        contextLength: 9000,
        capabilities: ["completion", "tools", "vision", "thinking"],
      },
      { id: "codestral", contextLength: 256, capabilities: ["completion", "insert"] },
      {
        id: "llama",
        contextLength: 4096,
        capabilities: ["completion", "tools", "vision", "insert"],
      },
    ]);
    expect(agent.info.models).toHaveLength(5);
    expect(server.modelRequests[0]?.path).toBe("/v1/models");
    expect(server.modelRequests[0]?.headers.get("authorization")).toBe(`Bearer ${KEY}`);
  });

  test("need no asking when one is named: every turn goes to it", async () => {
    const { server, agent } = answering(sse(textChunk("ok"), finishChunk(), DONE), {
      model: "mine",
    });
    expect(agent.info.models.map(({ id }) => id)).toEqual(["mine"]);
    await collectTurn(runTurn(agent, hello("mine")));
    expect(server.modelRequests).toEqual([]);
    expect((await agent.discover()).map(({ id }) => id)).toEqual(["mine"]);
    await collectTurn(runTurn(agent, hello("cursor-agent")));
    expect(server.requests.map((request) => bodyOf(request)["model"])).toEqual(["mine", "mine"]);
  });

  test.each([
    ["b", "b"],
    ["B:latest", "b"],
    ["cursor-agent", "a:7b"],
    ["a:7b", "a:7b"],
  ])("a turn for %s goes to %s", async (asked, used) => {
    const server = upstream();
    server.replyToModels(modelList("a:7b", "b"));
    const { agent } = connect(server.url);
    await agent.discover();
    await collectTurn(runTurn(agent, hello(asked)));
    expect(bodyOf(server.requests[0]!)["model"]).toBe(used);
  });

  test("are asked for by the first turn when the server was down at the start", async () => {
    const first = upstream();
    const { port } = new URL(first.url);
    await first.stop();
    const { agent, log } = connect(first.url);
    expect(await rejectionOf(agent.discover())).toMatchObject({ code: "agent_lost" });
    expect(agent.info.models).toEqual([]);
    expect((await failureOf(runTurn(agent, hello()))).error.code).toBe("agent_lost");
    expect(log.lines.some(({ level }) => level === "warn")).toBe(true);

    const second = upstream(Number(port));
    expect((await collectTurn(runTurn(agent, hello()))).text).toBe("ok");
    expect(agent.info.models.map(({ id }) => id)).toEqual(["scripted"]);
    expect(second.modelRequests).toHaveLength(1);
  });

  test("stay what they were when the server goes away", async () => {
    const server = upstream();
    const { agent } = connect(server.url);
    await agent.discover();
    server.replyToModels(json({ error: { message: "starting" } }, 503));
    expect(await rejectionOf(agent.discover())).toMatchObject({ code: "agent_error" });
    expect(agent.info.models.map(({ id }) => id)).toEqual(["scripted"]);
  });

  test("are asked for once by many turns at once", async () => {
    const server = upstream();
    const { agent } = connect(server.url);
    await Promise.all([1, 2, 3].map(() => collectTurn(runTurn(agent, hello()))));
    expect(server.modelRequests).toHaveLength(1);
    expect(server.requests).toHaveLength(3);
  });

  test.each<[string, Reply, RegExp]>([
    ["no list", json({ hello: 1 }), /no model list/],
    ["an empty list", modelList(), /lists no models/],
    ["a web page", { type: "text/html", pieces: [{ send: "<p>" }] }, /no model list/],
  ])("%s is a clear failure", async (_, reply, message) => {
    const server = upstream();
    server.replyToModels(reply);
    const { agent } = connect(server.url);
    expect(await rejectionOf(agent.discover())).toMatchObject({
      message: expect.stringMatching(message),
    });
  });

  test("a server that does not answer is given up after five seconds", async () => {
    const server = upstream();
    server.replyToModels({ pieces: [{ hang: true }] });
    const { agent, clock } = connect(server.url);
    const discovered = agent.discover();
    expect(await clock.nextTimer()).toBe(5_000);
    clock.advance(5_000);
    expect(await rejectionOf(discovered)).toMatchObject({ code: "agent_lost" });
  });

  test("a turn that waits for the list can be cancelled", async () => {
    const server = upstream();
    server.replyToModels({ pieces: [{ hang: true }] });
    const { agent, clock } = connect(server.url);
    const abort = new AbortController();
    const failed = failureOf(agent.run(turnOf(hello()), abort.signal));
    await clock.nextTimer();
    abort.abort();
    expect((await failed).error.code).toBe("client_cancelled");
    clock.advance(10_000);
    expect(server.requests).toEqual([]);
  });
});
