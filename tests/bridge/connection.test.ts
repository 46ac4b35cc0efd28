// The shell around a link, on a socket that a test holds in its hand: congestion, dropped frames, and what is left over.

import { describe, expect, test } from "bun:test";
import type { TurnEvent } from "../../src/core/event.ts";
import { type Connection, createConnection, type Socket } from "../../src/bridge/connection.ts";
import { createDecoder } from "../../src/bridge/decode.ts";
import { DEFAULT_TIMES } from "../../src/bridge/liveness.ts";
import type { Serve } from "../../src/bridge/serving.ts";
import { linkLimits } from "../../src/bridge/settings.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { chatTurn, readAll, silent } from "./support/bridge-house.ts";
import { askOf, HELLO, SMALL_LIMITS } from "./support/wire-pair.ts";

interface FakeSocket extends Socket {
  readonly sent: string[];
  readonly closes: number[];
  answer: number;
  buffered: number;
}

function fakeSocket(): FakeSocket {
  const socket: FakeSocket = {
    sent: [],
    closes: [],
    answer: 1,
    buffered: 0,
    send: (text) => {
      if (socket.answer !== 0) socket.sent.push(text);
      return socket.answer;
    },
    getBufferedAmount: () => socket.buffered,
    close: (code) => socket.closes.push(code),
    terminate: () => socket.closes.push(-1),
  };
  return socket;
}

function createSetup(serve: Serve, self: "hub" | "agent" = "agent", limits = linkLimits()) {
  const socket = fakeSocket();
  const clock = createFakeClock();
  const ends: number[] = [];
  const connection: Connection = createConnection({
    self,
    peer: self === "hub" ? "agent" : "hub",
    limits,
    times: DEFAULT_TIMES,
    clock,
    log: silent,
    decoder: createDecoder(),
    socket,
    serve,
    asker: { provider: "p", label: "l" },
    on: {
      hello: () => connection.accept("link_1", "1", { session: "s" }),
      closed: ({ code }) => ends.push(code),
    },
  });
  if (self === "hub") {
    connection.open();
    connection.receive(JSON.stringify(HELLO));
  } else {
    connection.open(HELLO);
    connection.receive(JSON.stringify({ type: "welcome", link_id: "l", limits }));
  }
  socket.sent.length = 0;
  return { socket, clock, connection, ends };
}

const nobody: Serve = () => {
  throw new Error("no turn was expected");
};

/** An agent that yields when it is told to, and tells when it is asked. */
function steppedAgent() {
  const asks: PromiseWithResolvers<void>[] = [];
  let asked = 0;
  const settled: unknown[] = [];
  const waiter = (index: number) => (asks[index] ??= Promise.withResolvers<void>());
  const serve: Serve = () => ({
    events: {
      [Symbol.asyncIterator]: (): AsyncIterator<TurnEvent> => ({
        next: async () => {
          waiter(asked).resolve();
          asked += 1;
          return { done: false, value: { type: "text-delta", text: "x".repeat(1_000) } };
        },
      }),
    },
    settle: (usage) => settled.push(usage),
  });
  return {
    serve,
    settled,
    whenAsked: (count: number) => waiter(count - 1).promise,
    count: () => asked,
  };
}

/** Lets everything that is only waiting for its turn run. */
async function settle(): Promise<void> {
  for (let round = 0; round < 50; round += 1) await Promise.resolve();
}

describe("a congested socket", () => {
  test("holds the agent back until it has drained", async () => {
    const agent = steppedAgent();
    const { socket, connection } = createSetup(agent.serve);
    socket.answer = -1;
    connection.receive(JSON.stringify(askOf("t1")));
    await agent.whenAsked(1);
    await settle();
    expect([agent.count(), socket.sent.length]).toEqual([1, 1]);
    connection.drained();
    await agent.whenAsked(2);
    await settle();
    expect([agent.count(), socket.sent.length]).toEqual([2, 2]);
  });

  test("takes no more requests when too much waits in it", async () => {
    const { socket, connection } = createSetup(nobody, "hub");
    socket.buffered = 40 * 1024 * 1024;
    const events = connection.run(chatTurn("s", "hi"), new AbortController().signal);
    expect((await readAll(events)).code).toBe("too_busy");
    expect(socket.sent).toEqual([]);
    expect(connection.stats()).toMatchObject({ phase: "open", turns: 0, waiting: 0 });
  });

  test("that drops a frame ends the link: nothing may be lost in silence", async () => {
    const { socket, connection, ends } = createSetup(nobody, "hub");
    socket.answer = 0;
    const events = connection.run(chatTurn("s", "hi"), new AbortController().signal);
    expect((await readAll(events)).code).toBe("agent_lost");
    expect(ends).toEqual([1008]);
  });
});

describe("credit", () => {
  test("stops the agent at the window and lets it go on when it is given back", async () => {
    const agent = steppedAgent();
    const { socket, connection } = createSetup(agent.serve, "agent", {
      ...SMALL_LIMITS,
      credit_bytes: 16_384,
      answer_bytes: 16_384,
    });
    connection.receive(JSON.stringify(askOf("t1")));
    await agent.whenAsked(1);
    await settle();
    const before = socket.sent.reduce((sum, text) => sum + text.length, 0);
    expect(before).toBeLessThanOrEqual(16_384);
    expect(agent.count()).toBe(socket.sent.length + 1);
    connection.receive('{"type":"flow","id":"t1","credit":8192}');
    await settle();
    const after = socket.sent.reduce((sum, text) => sum + text.length, 0);
    expect(after).toBeGreaterThan(before);
    expect(after).toBeLessThanOrEqual(16_384 + 8_192);
  });
});

describe("the end", () => {
  test("is told once, with every turn settled once, no timer and nothing open left", async () => {
    const agent = steppedAgent();
    const { clock, connection, ends } = createSetup(agent.serve);
    connection.receive(JSON.stringify(askOf("t1")));
    await agent.whenAsked(1);
    connection.lost(1006, "");
    connection.lost(1006, "");
    connection.close(1000, "again");
    expect(ends).toEqual([1006]);
    await settle();
    expect(agent.settled).toEqual([undefined]);
    expect(clock.pending).toBe(0);
    expect(connection.stats()).toMatchObject({ phase: "closed", turns: 0 });
  });

  test("of a turn that was refused late still settles what was acquired", async () => {
    const settled: unknown[] = [];
    const gate = Promise.withResolvers<void>();
    const serve: Serve = async () => {
      await gate.promise;
      return {
        events: { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error()) }) },
        settle: (usage) => settled.push(usage),
      };
    };
    const { connection, socket } = createSetup(serve);
    connection.receive(JSON.stringify(askOf("t1")));
    connection.receive('{"type":"cancel","id":"t1","reason":"client_cancelled"}');
    gate.resolve();
    await settle();
    expect(settled).toEqual([undefined]);
    expect(socket.sent).toEqual([]);
  });

  test("a peer that does not answer pings is cut without a closing handshake", () => {
    const { clock, socket, ends } = createSetup(nobody);
    clock.advance(40_000);
    expect(socket.closes).toEqual([-1]);
    expect(ends).toEqual([4408]);
  });

  test("reading on after an abort throws at once, whatever is queued", async () => {
    const { connection, socket } = createSetup(nobody, "hub");
    const stop = new AbortController();
    const turn = chatTurn("s", "hi", { id: "q" });
    const events = connection.run(turn, stop.signal)[Symbol.asyncIterator]();
    const first = events.next();
    for (const chunk_index of [0, 1, 2]) {
      const delta = { content: "x" };
      connection.receive(
        JSON.stringify({ type: "model_stream_chunk", id: "q", chunk_index, delta }),
      );
    }
    await first;
    stop.abort();
    expect(events.next()).rejects.toMatchObject({ code: "client_cancelled" });
    expect(await events.next()).toEqual({ done: true, value: undefined });
    expect(JSON.parse(socket.sent.at(-1)!)).toMatchObject({ type: "cancel", id: "q" });
  });

  test("a turn that is never read is never sent", () => {
    const { connection, socket } = createSetup(nobody, "hub");
    connection.run(chatTurn("s", "hi"), new AbortController().signal);
    expect(socket.sent).toEqual([]);
    expect(connection.stats().turns).toBe(0);
  });
});
