import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { AppError } from "../../src/core/error.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import type { Clock } from "../../src/core/ports.ts";
import type { StreamEncoder } from "../../src/core/stream.ts";
import { createBuffers } from "../../src/engine/buffers.ts";
import type { Buffers } from "../../src/engine/buffers.ts";
import type { TurnEnd } from "../../src/engine/run-turn.ts";
import { streamResponse } from "../../src/http/stream.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const encoder: StreamEncoder = {
  start: () => "<start>",
  event: (event) => (event.type === "text-delta" ? event.text : "<finish>"),
  heartbeat: () => "<beat>",
  error: (error) => `<error ${error.code}>`,
};

const DONE: TurnEnd = {
  outcome: "done",
  result: undefined,
  usage: undefined,
  firstEventAt: undefined,
  answered: 0,
};

const BUFFERS = createBuffers(1_000_000);

type Sink = (event: TurnEvent) => Promise<void> | undefined;

type OnDone = (end: TurnEnd, bytes: number) => void;

function answer(
  run: (sink: Sink) => Promise<TurnEnd>,
  clock = createFakeClock(),
  { onDone = () => undefined, buffers = BUFFERS }: { onDone?: OnDone; buffers?: Buffers } = {},
): Response {
  return streamResponse({
    encoder,
    run,
    headers: {},
    clock,
    heartbeatMs: 10_000,
    buffers,
    onDone,
  });
}

/** Serves one answer and gives a reader of its body. */
function serve(
  run: (sink: Sink, signal: AbortSignal) => Promise<TurnEnd>,
  clock = createFakeClock(),
  buffers = BUFFERS,
) {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    fetch: (request) => answer((sink) => run(sink, request.signal), clock, { buffers }),
  });
  return { server, url: server.url.href, [Symbol.asyncDispose]: () => server.stop(true) };
}

function text(value: string): TurnEvent {
  return { type: "text-delta", text: value };
}

test("an answer is its start, its events and nothing else", async () => {
  await using place = serve(async (sink) => {
    await sink(text("a"));
    await sink(text("b"));
    await sink({ type: "finish", reason: "stop" });
    return DONE;
  });
  expect(await (await fetch(place.url)).text()).toBe("<start>ab<finish>");
});

test("its end is told with what it weighed", async () => {
  const done = Promise.withResolvers<number>();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () =>
      answer(
        async (sink) => {
          await sink(text("größer"));
          return DONE;
        },
        createFakeClock(),
        { onDone: (_end, bytes) => done.resolve(bytes) },
      ),
  });
  const body = await (await fetch(server.url)).bytes();
  expect(await done.promise).toBe(body.byteLength);
  await server.stop(true);
});

test("the start goes out while the agent is still silent", async () => {
  const go = Promise.withResolvers<void>();
  await using place = serve(async (sink) => {
    await go.promise;
    await sink(text("late"));
    return DONE;
  });
  const reader = (await fetch(place.url)).body!.getReader();
  const decoder = new TextDecoder();
  expect(decoder.decode((await reader.read()).value)).toBe("<start>");
  go.resolve();
  expect(decoder.decode((await reader.read()).value)).toBe("late");
  expect((await reader.read()).done).toBe(true);
});

test("a failure is the last frame", async () => {
  await using place = serve(async (sink) => {
    await sink(text("a"));
    const error = new AppError("agent_lost", "gone");
    return { outcome: "agent_lost", error, usage: undefined, firstEventAt: undefined, answered: 0 };
  });
  expect(await (await fetch(place.url)).text()).toBe("<start>a<error agent_lost>");
});

describe("a silent agent", () => {
  test("is bridged by heartbeats, counted from the last write", async () => {
    const clock = createFakeClock();
    const go = Promise.withResolvers<void>();
    await using place = serve(async (sink) => {
      await sink(text("a"));
      await go.promise;
      return DONE;
    }, clock);
    const response = await fetch(place.url);
    const reader = response.body!.getReader();
    let heard = "";
    const until = async (expected: string) => {
      while (!heard.endsWith(expected))
        heard += new TextDecoder().decode((await reader.read()).value);
    };
    await until("<start>a");
    clock.advance(9_999);
    clock.advance(1);
    await until("<beat>");
    clock.advance(10_000);
    await until("<beat><beat>");
    go.resolve();
    expect((await reader.read()).done).toBe(true);
    expect(heard).toBe("<start>a<beat><beat>");
    expect(clock.pending).toBe(0);
  });
});

test("a heartbeat that is due while it is looked for asks for no time before now", () => {
  const clock = createFakeClock();
  const waits: number[] = [];
  let reads = 0;
  const ticking: Clock = {
    ...clock,
    // The second look is just before the time, the third just after it.
    monotonic: () => [0, 9_999, 10_001][reads++] ?? 10_001,
    timer: (ms, callback) => {
      waits.push(ms);
      return clock.timer(ms, callback);
    },
  };
  streamResponse({
    encoder,
    run: () => new Promise(() => undefined),
    headers: {},
    clock: ticking,
    heartbeatMs: 10_000,
    buffers: BUFFERS,
    onDone: () => undefined,
  });
  expect(waits).toEqual([0]);
});

test("a client that does not read holds the agent back, and loses nothing; what waits for it is counted", async () => {
  const buffers = createBuffers(1_000_000);
  let most = 0;
  const piece = "x".repeat(65_536);
  const total = 400;
  const held = Promise.withResolvers<void>();
  let sent = 0;
  await using place = serve(
    async (sink) => {
      for (; sent < total; sent += 1) {
        const wait = sink(text(piece));
        if (wait !== undefined) held.resolve();
        most = Math.max(most, buffers.used);
        await wait;
      }
      return DONE;
    },
    createFakeClock(),
    buffers,
  );
  const { promise, resolve } = Promise.withResolvers<number>();
  const socket = connect(Number(new URL(place.url).port), "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n");
  socket.pause();
  await held.promise;
  const sentWhileHeld = sent;
  expect(sentWhileHeld).toBeLessThan(total);
  let received = 0;
  socket.on("data", (data: Buffer) => {
    received += data.toString("latin1").replaceAll(/[^x]/g, "").length;
  });
  socket.on("close", () => resolve(received));
  socket.resume();
  expect(await promise).toBe(total * piece.length);
  expect([most, buffers.used]).toEqual([piece.length, 0]);
});

test("what is written in one moment goes out in one piece", async () => {
  const begun = Promise.withResolvers<void>();
  await using place = serve(async (sink) => {
    await sink(text("a"));
    await begun.promise;
    void sink(text("b"));
    await sink(text("c"));
    return DONE;
  });
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect(Number(new URL(place.url).port), "127.0.0.1");
  let received = "";
  socket.on("data", (data: Buffer) => {
    received += data.toString("latin1");
    if (received.includes("<start>a")) begun.resolve();
  });
  socket.on("close", () => resolve(received));
  socket.write("GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n");
  expect(await promise).toContain("\r\n2\r\nbc\r\n");
});

test("writes after the client has gone harm nobody", async () => {
  const gone = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  await using place = serve(async (sink, signal) => {
    signal.addEventListener("abort", () => gone.resolve());
    await sink(text("a"));
    await gone.promise;
    for (let index = 0; index < 10; index += 1) void sink(text("b"));
    over.resolve();
    const error = new AppError("client_cancelled", "gone");
    return {
      outcome: "client_cancelled",
      error,
      usage: undefined,
      firstEventAt: undefined,
      answered: 0,
    };
  });
  const client = new AbortController();
  const reader = (await fetch(place.url, { signal: client.signal })).body!.getReader();
  await reader.read();
  client.abort();
  await over.promise;
  const again = await fetch(place.url, { signal: AbortSignal.timeout(5_000) });
  expect(again.status).toBe(200);
  await again.body!.cancel();
});
