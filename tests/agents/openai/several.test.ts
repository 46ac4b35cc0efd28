// Several upstreams behind one agent: who gets a turn, which failures send it on and which never do, who is left alone.

import { afterEach, describe, expect, test } from "bun:test";
import { AppError } from "../../../src/core/error.ts";
import {
  type Piece,
  type Reply,
  json,
  modelList,
  ssePieces,
  textChunk,
} from "../../support/scripted-upstream.ts";
import { createHouse, hello, says } from "./pool.ts";
import { failureOf, rejectionOf, runTurn, turnOf } from "../support.ts";

const house = createHouse();
afterEach(() => house.close());

const SECRET = "sk-live-0123456789abcdef";
const refusal = (status: number, headers: Record<string, string> = {}): Reply => ({
  ...json({ error: { message: `the body says ${SECRET}` } }, status),
  headers,
});

describe("turns are shared", () => {
  test("by weight, in the same order each time", async () => {
    const { pool } = house.lettered(3, 1);
    const said: string[] = [];
    for (let turn = 0; turn < 8; turn += 1) said.push(await pool.ask());
    expect(said.join("")).toBe("AABAAABA");
    expect(pool.counts()).toEqual([6, 2]);
  });

  test("among those that offer the model, each under its own spelling of it", async () => {
    const { upstreams, pool } = house.lettered(1, 1);
    upstreams[0]!.replyToModels(modelList("both:latest", "left"));
    upstreams[1]!.replyToModels(modelList("Both", "right"));
    await pool.agent.discover();
    expect(pool.agent.info.models.map(({ id }) => id)).toEqual(["both:latest", "left", "right"]);
    expect([await pool.ask("right"), await pool.ask("left"), await pool.ask("right")]).toEqual([
      "B",
      "A",
      "B",
    ]);
    expect([await pool.ask("both"), await pool.ask("both")].toSorted()).toEqual(["A", "B"]);
    const names = upstreams.map(({ requests }) =>
      requests.map(({ body }) => (body as { model: string }).model),
    );
    expect(names).toEqual([
      ["left", "both:latest"],
      ["right", "right", "Both"],
    ]);
  });

  test("and each key goes to its own upstream only", async () => {
    const [first, second] = [house.upstream(), house.upstream()];
    const pool = house.pool([
      { baseUrl: first.url, apiKey: "key-of-the-first" },
      { baseUrl: second.url, apiKey: "key-of-the-second" },
    ]);
    first.reply(refusal(503));
    await pool.agent.discover();
    await pool.ask();
    await pool.ask();
    const keysAt = ({ requests, modelRequests }: typeof first) =>
      new Set([...requests, ...modelRequests].map(({ headers }) => headers.get("authorization")));
    expect(keysAt(first)).toEqual(new Set(["Bearer key-of-the-first"]));
    expect(keysAt(second)).toEqual(new Set(["Bearer key-of-the-second"]));
    expect(JSON.stringify(pool.log.lines)).not.toContain("key-of-the");
  });
});

describe("a turn goes on to another upstream", () => {
  test.each([429, 503, 529])("after %d, and each was asked once", async (status) => {
    const { upstreams, pool } = house.lettered(1, 1);
    upstreams[0]!.reply(refusal(status));
    await pool.agent.discover();
    expect(await pool.ask()).toBe("B");
    expect(pool.counts()).toEqual([1, 1]);
  });

  test("when the connection is refused", async () => {
    const { upstreams, pool } = house.lettered(1, 1);
    await pool.agent.discover();
    await upstreams[0]!.stop();
    expect(await pool.ask()).toBe("B");
    expect(pool.counts()).toEqual([0, 1]);
  });

  test.each([
    ["there is no such host", "http://no-such-host.invalid/v1"],
    ["nobody speaks TLS there", ""],
  ])("when %s", async (_, address) => {
    const [plain, other] = [house.upstream(), house.upstream()];
    other.reply(says("B"));
    const baseUrl = address === "" ? plain.url.replace("http:", "https:") : address;
    const pool = house.pool(
      [
        { baseUrl, model: "scripted" },
        { baseUrl: other.url, model: "scripted" },
      ],
      [plain, other],
    );
    expect(await pool.ask()).toBe("B");
    expect(pool.counts()).toEqual([0, 1]);
  });

  test("when a gateway has no list for want of a server, and that one never sees the turn", async () => {
    const { upstreams, pool } = house.lettered(1, 1);
    await pool.agent.discover();
    pool.clock.advance(20_000);
    upstreams[0]!.replyToModels(refusal(502));
    expect(await pool.ask()).toBe("B");
    expect(pool.counts()).toEqual([0, 1]);
  });

  test("when one does not even give its list in time, and that one never sees the turn", async () => {
    const { upstreams, pool } = house.lettered(1, 1);
    await pool.agent.discover();
    pool.clock.advance(20_000);
    upstreams[0]!.replyToModels({ pieces: [{ hang: true }] });
    const said = pool.ask();
    expect(await pool.clock.nextTimer()).toBe(5_000);
    pool.clock.advance(5_000);
    expect(await said).toBe("B");
    expect(pool.counts()).toEqual([0, 1]);
  });
});

describe("a turn is asked for once and fails", () => {
  const statuses: [number, string][] = [
    [400, "invalid_request"],
    [401, "agent_error"],
    [404, "model_not_found"],
    [408, "agent_timeout"],
    [500, "agent_error"],
    [502, "agent_error"],
    [504, "agent_timeout"],
  ];
  test.each(statuses)("after %d", async (status, code) => {
    const { upstreams, pool } = house.lettered(1, 1);
    const body = { error: { message: "about the model", code: "model_not_found" } };
    upstreams[0]!.reply(json(body, status));
    await pool.agent.discover();
    expect((await failureOf(runTurn(pool.agent, hello()))).error.code).toBe(code as never);
    expect(pool.counts()).toEqual([1, 0]);
  });

  test.each([503, 529])("after %d from a server that says not to ask again", async (status) => {
    const { upstreams, pool } = house.lettered(1, 1);
    upstreams[0]!.reply(refusal(status, { "x-should-retry": "false" }));
    await pool.agent.discover();
    expect((await failureOf(runTurn(pool.agent, hello()))).error.code).toBe("agent_error");
    expect(pool.counts()).toEqual([1, 0]);
  });

  const breaks: [string, readonly Piece[]][] = [
    ["the answer breaks off before its first word", [{ cut: true }]],
    ["the answer breaks off after a word", [...ssePieces(textChunk("half")), { cut: true }]],
    ["the answer is empty", []],
    ["the answer says that it failed", ssePieces({ error: { message: "OOM", code: 503 } })],
  ];
  test.each(breaks)("when %s", async (_, pieces) => {
    const { upstreams, pool } = house.lettered(1, 1);
    upstreams[0]!.reply({ pieces });
    await pool.agent.discover();
    expect((await failureOf(runTurn(pool.agent, hello()))).error.kind.fault).toBe("agent");
    expect(pool.counts()).toEqual([1, 0]);
  });

  test("when the connection is closed after the request was sent: it may have been read", async () => {
    let turns = 0;
    const list = JSON.stringify({ data: [{ id: "scripted" }] });
    const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${list.length}`;
    const closing = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data: (socket, data) => {
          if (data.toString().startsWith("POST")) turns += 1;
          else socket.write(`${head}\r\nconnection: close\r\n\r\n${list}`);
          socket.end();
        },
      },
    });
    const other = house.upstream();
    const baseUrl = `http://127.0.0.1:${closing.port}/v1`;
    const pool = house.pool([{ baseUrl }, { baseUrl: other.url }], [other]);
    await pool.agent.discover();
    expect((await failureOf(runTurn(pool.agent, hello()))).error.code).toBe("agent_lost");
    expect([turns, ...pool.counts()]).toEqual([1, 0]);
    closing.stop(true);
  });

  test("when its editor hangs up while the first upstream thinks", async () => {
    const { upstreams, pool } = house.lettered(1, 1);
    const never = Promise.withResolvers<void>();
    upstreams[0]!.reply({ pieces: [{ wait: never.promise }] });
    await pool.agent.discover();
    const abort = new AbortController();
    const failed = failureOf(pool.agent.run(turnOf(hello()), abort.signal));
    const request = await upstreams[0]!.nextRequest();
    abort.abort();
    expect((await failed).error.code).toBe("client_cancelled");
    await request.closed;
    never.resolve();
    expect(pool.counts()).toEqual([1, 0]);
  });
});

describe("an upstream that failed", () => {
  test("is set aside, looked at when its time is over, and used again when it is back", async () => {
    const { upstreams, pool } = house.lettered(1, 1);
    const [first] = upstreams;
    await pool.agent.start();
    first!.reply(refusal(503));
    first!.replyToModels(refusal(503));
    expect(await pool.ask()).toBe("B");
    expect([await pool.ask(), await pool.ask()]).toEqual(["B", "B"]);
    expect(pool.counts()).toEqual([1, 3]);

    // 1 s, half of it chance: 0.5 + 0.5 × 0.5.
    const looks = first!.modelRequests.length;
    pool.clock.advance(749);
    expect(first!.modelRequests).toHaveLength(looks);
    const away = pool.log.lines.length;
    pool.clock.advance(1);
    await pool.logged("upstream still away", away);
    expect(first!.modelRequests).toHaveLength(looks + 1);

    first!.reply(says("A"));
    first!.replyToModels(modelList("scripted"));
    pool.clock.advance(1_500);
    await pool.logged("upstream is back");
    expect([await pool.ask(), await pool.ask()].toSorted()).toEqual(["A", "B"]);
  });

  test("is asked all the same when nobody else can", async () => {
    const { upstreams, pool } = house.lettered(1, 1);
    await pool.agent.discover();
    for (const each of upstreams) each.reply(refusal(503));
    await rejectionOf(pool.ask());
    expect(pool.counts()).toEqual([1, 1]);
    upstreams[1]!.reply(says("B"));
    expect(await pool.ask()).toBe("B");
  });

  test("is left alone for as long as it asked to be", async () => {
    const { upstreams, pool } = house.lettered(1);
    await pool.agent.discover();
    upstreams[0]!.reply(refusal(429, { "retry-after": "30" }));
    await rejectionOf(pool.ask());
    upstreams[0]!.reply(says("A"));
    pool.clock.advance(29_000);
    const { error } = await failureOf(runTurn(pool.agent, hello()));
    expect(error.message).toBe("The upstream cannot answer: A asked to be left alone for 1 s.");
    expect(pool.counts()).toEqual([1]);
    pool.clock.advance(1_000);
    expect(await pool.ask()).toBe("A");
  });
});

test("when all are down the error names which upstream said what, with no key and no body", async () => {
  const { upstreams, pool } = house.lettered(1, 1, 1);
  await pool.agent.discover();
  upstreams[0]!.reply(refusal(429));
  upstreams[1]!.reply(refusal(503));
  await upstreams[2]!.stop();
  const { error } = await failureOf(runTurn(pool.agent, hello()));
  expect(error).toBeInstanceOf(AppError);
  expect(error.message).toBe(
    "No upstream can answer: A limits how often it is asked (429); B failed (503); C cannot be reached.",
  );
  expect(error.code).toBe("agent_error");
  expect(JSON.stringify(pool.log.lines)).not.toContain(SECRET);
});

test("which upstream took a turn is in the log", async () => {
  const { pool } = house.lettered(1, 1);
  await pool.ask();
  expect(pool.log.lines).toContainEqual({
    level: "debug",
    fields: { upstream: "A", model: "scripted" },
    message: "upstream took a turn",
  });
});
