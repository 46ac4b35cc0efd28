// The faults of the guides' links, each as the test that keeps it away, and the ways in which a foreign bridge may
// misbehave. A real server says the wrong things; where time matters a fake clock passes it.

import { afterEach, describe, expect, test } from "bun:test";
import { AppError } from "../../src/core/error.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import type { Socket } from "../../src/bridge/connection.ts";
import type { DialledEvents } from "../../src/bridge/dial.ts";
import { createForeignBridge } from "../../src/bridge/foreign-bridge.ts";
import { DEFAULT_TIMES } from "../../src/bridge/liveness.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { type GuideForm, type Reply, startMuteBridge } from "../support/guide-bridge.ts";
import { chatTurn, createWatch, readAll } from "./support/bridge-house.ts";
import {
  FOREIGN_LIMITS,
  type ForeignHouse,
  type ForeignHouseOptions,
  foreignOptions,
  openForeign,
} from "./support/foreign-house.ts";

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function open(form: GuideForm, options: ForeignHouseOptions = {}): Promise<ForeignHouse> {
  const house = await openForeign(form, options);
  closers.push(house.close);
  return house;
}

const never = new AbortController().signal;
const FORMS: readonly GuideForm[] = ["nested", "flat"];

function ask({ foreign }: ForeignHouse, text = "hi", fields: { stream?: boolean } = {}) {
  return readAll(foreign.agent.run(chatTurn("s1", text, fields), never));
}

describe.each(FORMS)("the %s form", (form) => {
  test("a stream never waits for a model_result", async () => {
    const house = await open(form, {
      answer: (reply) => {
        reply.text("one ", "two");
        reply.finish();
      },
    });
    expect(await ask(house)).toEqual({ text: "one two", finished: true, code: undefined });
  });

  test("early chunks are not lost: those that come at once are all heard", async () => {
    const pieces = Array.from({ length: 50 }, (_, index) => `${index} `);
    const house = await open(form, {
      // Sent before the server's own handler has returned, and so before anything else can happen.
      answer: (reply) => {
        reply.text(...pieces);
        reply.finish();
      },
    });
    for (let round = 0; round < 20; round += 1) {
      expect((await ask(house)).text).toBe(pieces.join(""));
    }
  });

  test("error frames reach streams, and whole answers too, in either form's words", async () => {
    const house = await open(form, {
      answer: (reply) => {
        const { id, prompt } = reply.asked;
        const error = prompt === "object" ? { message: "no such agent" } : "no such agent";
        reply.send({ type: "error", id, error });
      },
    });
    for (const prompt of ["object", "text"]) {
      for (const stream of [true, false]) {
        expect(await ask(house, prompt, { stream })).toMatchObject({ code: "agent_error" });
      }
    }
  });

  test("a failure in mid-stream is no normal end", async () => {
    const house = await open(form, {
      answer: (reply) => {
        reply.text("half ");
        reply.error("broke");
        reply.finish();
      },
    });
    expect(await ask(house)).toEqual({ text: "half ", finished: false, code: "agent_error" });
  });

  test("a closed link ends pending requests at once: twenty turns, each once", async () => {
    let opened = 0;
    const house = await open(form, {
      answer: (reply) => {
        reply.text("so far");
        opened += 1;
        if (opened === 20) reply.cut();
      },
    });
    const turns = Array.from({ length: 20 }, (_, index) =>
      ask(house, `turn ${index}`, { stream: index % 2 === 0 }),
    );
    const ends = await Promise.all(turns);
    expect(ends.map(({ finished, code }) => [finished, code])).toEqual(
      ends.map(() => [false, "agent_lost"]),
    );
    expect(house.foreign.status()).toMatchObject({ pending: 0, activeStreams: 0 });
  });

  test("a disconnected client cancels the agent", async () => {
    const house = await open(form, { answer: (reply) => reply.text("on and on") });
    const abort = new AbortController();
    const turn = chatTurn("s1", "hi");
    const events = house.foreign.agent.run(turn, abort.signal)[Symbol.asyncIterator]();
    await events.next();
    const next = events.next().then(
      () => "went on",
      (error: unknown) => (error instanceof AppError ? error.code : "other"),
    );
    abort.abort(new AppError("client_cancelled", "The client hung up."));
    expect(await next).toBe("client_cancelled");
    expect(await house.bridge.cancelled.when(() => true)).toEqual({ type: "cancel", id: turn.id });
  });

  test("what comes after the end is dropped and counted, and the next turn is not touched", async () => {
    const house = await open(form, {
      answer: (reply) => {
        reply.text("once");
        reply.finish();
        reply.finish();
        reply.error("too late");
        reply.send({ type: "model_result", id: reply.asked.id, status: "ok", choices: [] });
      },
    });
    expect(await ask(house)).toEqual({ text: "once", finished: true, code: undefined });
    expect(await ask(house)).toEqual({ text: "once", finished: true, code: undefined });
    // All that belongs to the first turn came before the second one's answer.
    expect(house.foreign.status().dropped).toBeGreaterThanOrEqual(3);
    expect(house.foreign.status().errors).toBe(0);
  });

  test("unknown messages, messages that are no JSON and answers for nobody are counted and harm no turn", async () => {
    const house = await open(form, {
      answer: (reply) => {
        reply.send({ type: "weather", today: "fine" });
        reply.send("{nonsense");
        reply.send({ type: "model_result", id: "somebody else's", status: "ok" });
        reply.send({ type: "error", error: "about nothing in particular" });
        reply.whole({ content: "fine" });
      },
    });
    expect((await ask(house, "hi", { stream: false })).text).toBe("fine");
    expect(house.foreign.status()).toMatchObject({ dropped: 2, errors: 2 });
  });

  test("an answer that cannot be read costs its own turn, which the agent hears", async () => {
    const house = await open(form, {
      answer: (reply) => reply.send({ type: "model_result", id: reply.asked.id, choices: "all" }),
    });
    expect(await ask(house)).toMatchObject({ code: "agent_error" });
    await house.bridge.cancelled.when(() => true);
    expect(house.bridge.links).toBe(1);
  });

  test("either form's answers are understood, whichever is spoken to the bridge", async () => {
    const other: Record<GuideForm, (reply: Reply) => void> = {
      nested: ({ asked: { id }, send }) =>
        send({
          type: "model_stream_chunk",
          id,
          chunk: { delta: { content: "x" }, finish_reason: null },
          finished: true,
        }),
      flat: ({ asked: { id }, send }) =>
        send({
          type: "model_stream_chunk",
          id,
          chunk_index: 0,
          delta: { content: "x" },
          finish_reason: "stop",
        }),
    };
    const house = await open(form, { answer: other[form] });
    expect(await ask(house)).toEqual({ text: "x", finished: true, code: undefined });
  });

  test("an answer that its reader leaves to grow fails its turn and is stopped", async () => {
    const limits = { ...FOREIGN_LIMITS, bufferBytes: 10_000 };
    const house = await open(form, {
      limits,
      answer: (reply) => {
        for (let sent = 0; sent < 40; sent += 1) reply.chunk({ content: "x".repeat(1_000) });
      },
    });
    const turn = chatTurn("s1", "hi");
    const events = house.foreign.agent.run(turn, never)[Symbol.asyncIterator]();
    expect(await events.next()).toMatchObject({ done: false });
    await house.bridge.cancelled.when(({ id }) => id === turn.id);
    const rest = await readAll({ [Symbol.asyncIterator]: () => events });
    expect(rest).toMatchObject({ finished: false, code: "agent_error" });
    expect(rest.text.length).toBeLessThan(12_000);
  });

  test("one piece over the limit costs its turn and not the link", async () => {
    const limits = { ...FOREIGN_LIMITS, frameBytes: 2_000 };
    const house = await open(form, {
      limits,
      answer: (reply) => reply.whole({ content: "x".repeat(3_000) }),
    });
    expect(await ask(house)).toMatchObject({ code: "agent_error" });
    expect(house.bridge.links).toBe(1);
  });

  test("a request that is too large is refused before it is sent", async () => {
    const house = await open(form, { limits: { ...FOREIGN_LIMITS, invokeBytes: 500 } });
    expect(await ask(house, "x".repeat(500))).toMatchObject({ code: "payload_too_large" });
    expect(house.bridge.asked.seen).toEqual([]);
  });

  test("is dialled again when its link is lost, and answers again", async () => {
    const house = await open(form);
    house.bridge.cut();
    await house.ups.when((isUp) => !isUp);
    await house.ups.when((isUp) => isUp, house.ups.seen.indexOf(false));
    expect((await ask(house)).finished).toBe(true);
    expect(house.foreign.status().state).toBe("connected");
  });

  test("shows its token in a header and never in an address, and none where it has none", async () => {
    const house = await open(form, {
      token: "a-token-of-the-bridge",
      wants: "a-token-of-the-bridge",
    });
    expect(house.bridge.upgrades.seen).toEqual(["Bearer a-token-of-the-bridge"]);
    const anonymous = await open(form);
    expect(anonymous.bridge.upgrades.seen).toEqual([null]);
  });

  test("a wrong token is refused, said so, and tried again", async () => {
    const house = await open(form);
    house.bridge.refuseWith(401);
    house.bridge.cut();
    await house.ups.when((isUp) => !isUp);
    const tried = house.bridge.upgrades.seen.length;
    await house.bridge.upgrades.when(() => house.bridge.upgrades.seen.length >= tried + 2);
    expect(house.foreign.status().state).not.toBe("connected");
    expect(await ask(house)).toMatchObject({ code: "agent_lost" });
    house.bridge.refuseWith(undefined);
    await house.ups.when((isUp) => isUp, house.ups.seen.lastIndexOf(false));
    expect((await ask(house)).finished).toBe(true);
  });

  test("closing ends its turns as shutdown, tells the bridge, and dials no more", async () => {
    const house = await open(form, { answer: (reply) => reply.text("on") });
    const turn = ask(house);
    await house.bridge.asked.when(() => true);
    house.foreign.close();
    expect((await turn).code).toBe("shutdown");
    await house.bridge.cancelled.when(() => true);
    expect(house.foreign.status()).toMatchObject({ state: "disconnected", pending: 0 });
  });

  test("ping: a link that is half open is found dead, cut and dialled again", async () => {
    const mute = startMuteBridge();
    const ups = createWatch<boolean>();
    const foreign = createForeignBridge(
      foreignOptions(mute.url, form, {
        times: { ...DEFAULT_TIMES, pingMs: 20, pongMs: 10 },
        onLink: ups.push,
      }),
    );
    closers.push(() => foreign.close(), mute.close);
    foreign.start();
    await ups.when((isUp) => isUp);
    const turn = readAll(foreign.agent.run(chatTurn("s1", "hi"), never));
    expect((await turn).code).toBe("agent_lost");
    await mute.opened.when((count) => count >= 2);
  });
});

test("the flat form pings in JSON too, the nested one does not", async () => {
  const times = { ...DEFAULT_TIMES, pingMs: 20, pongMs: 10 };
  const flat = await open("flat", { times });
  const nested = await open("nested", { times });
  await flat.bridge.pings.when(() => flat.bridge.pings.seen.length >= 3);
  expect(flat.bridge.pings.seen[0]).toEqual({ type: "ping", timestamp: expect.any(String) });
  expect(nested.bridge.pings.seen).toEqual([]);
  expect(flat.bridge.links).toBe(1);
});

describe("on a clock that a test moves", () => {
  function setup(dialect: GuideForm = "flat") {
    const clock = createFakeClock();
    const dialled: DialledEvents[] = [];
    const did: string[] = [];
    const sent: string[] = [];
    const socket = (): Socket => ({
      send: (text) => sent.push(text),
      getBufferedAmount: () => 0,
      close: (code) => did.push(`close ${code}`),
      terminate: () => did.push("terminate"),
      ping: () => did.push("ping"),
    });
    const foreign = createForeignBridge(
      foreignOptions("ws://127.0.0.1:1", dialect, {
        clock,
        delays: { firstMs: 1_000, longestMs: 30_000, refusedMs: 30_000 },
        reconnectAttempts: 3,
        openSocket: (_url, _headers, events) => {
          dialled.push(events);
          return socket();
        },
      }),
    );
    closers.push(() => foreign.close());
    foreign.start();
    return { clock, dialled, did, sent, foreign };
  }

  test("a silent bridge is dead ten seconds after a ping, one that says anything is not", () => {
    const { clock, dialled, did, foreign } = setup();
    dialled[0]?.open();
    expect(did).toEqual(["ping"]);
    dialled[0]?.alive?.();
    clock.advance(30_000);
    expect(did).toEqual(["ping", "ping"]);
    clock.advance(9_000);
    dialled[0]?.message('{"type":"weather"}');
    clock.advance(1_000);
    expect(foreign.status().state).toBe("connected");
    clock.advance(20_000);
    expect(did).toEqual(["ping", "ping", "ping"]);
    clock.advance(9_999);
    expect(foreign.status().state).toBe("connected");
    clock.advance(1);
    expect(did.at(-1)).toBe("terminate");
    expect(foreign.status().state).toBe("disconnected");
  });

  test("after its attempts it is degraded, and goes on at the longest delay for ever", () => {
    const { clock, dialled, foreign } = setup();
    const states: string[] = [];
    const waits: number[] = [];
    for (let round = 0; round < 6; round += 1) {
      states.push(foreign.status().state);
      dialled.at(-1)?.failed(undefined);
      states.push(foreign.status().state);
      const before = clock.monotonic();
      const count = dialled.length;
      while (dialled.length === count) clock.advance(250);
      waits.push(clock.monotonic() - before);
    }
    expect(states.slice(0, 6)).toEqual([
      "connecting",
      "disconnected",
      "connecting",
      "disconnected",
      "connecting",
      "degraded",
    ]);
    expect(new Set(states.slice(6))).toEqual(new Set(["degraded"]));
    expect(waits.slice(0, 2)).toEqual([750, 1_500]);
    expect(new Set(waits.slice(2))).toEqual(new Set([22_500]));
    dialled.at(-1)?.open();
    expect(foreign.status().state).toBe("connected");
  });

  test("a bridge that lets in and hangs up is not dialled in a tight loop", () => {
    const { clock, dialled, foreign } = setup();
    for (let round = 0; round < 3; round += 1) {
      dialled.at(-1)?.open();
      dialled.at(-1)?.closed(1006, "");
      const count = dialled.length;
      while (dialled.length === count) clock.advance(250);
    }
    expect(foreign.status().state).toBe("degraded");
    expect(clock.monotonic()).toBe(750 + 1_500 + 22_500);
  });

  test("frames of a link that is over reach nobody", async () => {
    const { dialled, foreign, sent } = setup("nested");
    dialled[0]?.open();
    const events: TurnEvent[] = [];
    const turn = chatTurn("s1", "hi");
    const reading = (async () => {
      for await (const event of foreign.agent.run(turn, never)) events.push(event);
    })().catch((error: unknown) => error);
    expect(sent).toHaveLength(1);
    dialled[0]?.closed(1006, "");
    const chunk = { type: "model_stream_chunk", id: turn.id, delta: { content: "ghost" } };
    dialled[0]?.message(JSON.stringify(chunk));
    expect(await reading).toMatchObject({ code: "agent_lost" });
    expect(events).toEqual([]);
  });

  test("counts what waits, what streams and what was said", () => {
    const { dialled, foreign } = setup("nested");
    dialled[0]?.open();
    const one = chatTurn("s1", "one");
    const two = chatTurn("s1", "two");
    for (const turn of [one, two]) void readAll(foreign.agent.run(turn, never));
    dialled[0]?.message(
      JSON.stringify({ type: "model_stream_chunk", id: one.id, delta: { content: "x" } }),
    );
    expect(foreign.status()).toMatchObject({
      state: "connected",
      pending: 1,
      activeStreams: 1,
      messagesSent: 2,
      messagesReceived: 1,
      lastHeardAt: 0,
    });
  });
});

test("an address with a secret in it is refused", () => {
  for (const url of ["ws://127.0.0.1:1/?token=x", "ws://me:x@127.0.0.1:1", "http://127.0.0.1:1"]) {
    expect(() => createForeignBridge(foreignOptions(url, "flat"))).toThrow("must look like");
  }
});
