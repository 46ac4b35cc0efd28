// Dialling for ever: delays that grow and settle, refusals, silence, and an end that stays one. On a fake clock.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { backoff, DEFAULT_DELAYS } from "../../src/bridge/backoff.ts";
import type { Socket } from "../../src/bridge/connection.ts";
import {
  createDialler,
  type DialledEvents,
  type DialState,
  type OpenSocket,
} from "../../src/bridge/dial.ts";
import { createRemoteHub } from "../../src/bridge/remote-hub.ts";
import { createRunner } from "../../src/bridge/runner.ts";
import { createFakeClock, createFakeRandom } from "../support/fake-clock.ts";
import { echoAgent } from "./support/agents.ts";
import { silent } from "./support/bridge-house.ts";

function createSetup() {
  const clock = createFakeClock();
  const states: DialState[] = [];
  const dialled: { headers: Readonly<Record<string, string>>; events: DialledEvents }[] = [];
  const sockets: Socket[] = [];
  const hungUp: string[] = [];
  const heard: unknown[] = [];
  const dialler = createDialler({
    url: "ws://127.0.0.1:8787",
    token: "secret",
    clock,
    random: createFakeRandom(),
    delays: DEFAULT_DELAYS,
    connectMs: 10_000,
    openSocket: (_url, headers, events) => {
      dialled.push({ headers, events });
      const name = `socket ${dialled.length}`;
      return {
        send: () => 1,
        getBufferedAmount: () => 0,
        close: (code) => hungUp.push(`${name} closed ${code}`),
        terminate: () => hungUp.push(`${name} terminated`),
      };
    },
    onSocket: (socket) => {
      sockets.push(socket);
      return {
        message: (data) => heard.push(data),
        closed: (code) => heard.push(code),
      };
    },
    onState: (state) => states.push(state),
  });
  return { clock, states, dialled, sockets, hungUp, heard, dialler };
}

describe("dialling", () => {
  test("the token goes into a header", () => {
    const { dialler, dialled } = createSetup();
    dialler.start();
    expect(dialled[0]?.headers).toEqual({ authorization: "Bearer secret" });
  });

  test("failures are followed by longer and longer waits, up to the longest, for ever", () => {
    const { dialler, dialled, states, clock } = createSetup();
    dialler.start();
    for (let index = 0; index < 12; index += 1) {
      dialled.at(-1)?.events.failed(undefined);
      const last = states.at(-1);
      clock.advance(last?.state === "waiting" ? last.delayMs : 0);
    }
    const delays = states.flatMap((state) => (state.state === "waiting" ? [state.delayMs] : []));
    expect(delays.slice(0, 4)).toEqual([188, 375, 750, 1500]);
    expect(delays.at(-1)).toBe(22_500);
    expect(dialled).toHaveLength(13);
  });

  test("after a welcome the waits begin anew", () => {
    const { dialler, dialled, sockets, states, clock } = createSetup();
    dialler.start();
    for (let index = 0; index < 5; index += 1) {
      dialled.at(-1)?.events.failed(503);
      const last = states.at(-1);
      clock.advance(last?.state === "waiting" ? last.delayMs : 0);
    }
    dialled.at(-1)?.events.open();
    dialler.settled();
    dialler.redial(sockets[0]!, "the link was lost");
    expect(states.at(-1)).toEqual({ state: "waiting", delayMs: 188, reason: "the link was lost" });
  });

  test("a hub that accepts and hangs up without a welcome is not dialled in a tight loop", () => {
    const { dialler, dialled, sockets, states, clock } = createSetup();
    dialler.start();
    for (let index = 0; index < 6; index += 1) {
      dialled.at(-1)?.events.open();
      dialler.redial(sockets.at(-1)!, "closed");
      const last = states.at(-1);
      clock.advance(last?.state === "waiting" ? last.delayMs : 0);
    }
    const delays = states.flatMap((state) => (state.state === "waiting" ? [state.delayMs] : []));
    expect(delays.at(-1)).toBe(6_000);
  });

  test("401 and 403 are a refusal of their own, asked again slowly", () => {
    const { dialler, dialled, states, clock } = createSetup();
    dialler.start();
    dialled[0]?.events.failed(401);
    expect(states.at(-1)).toEqual({ state: "refused", delayMs: 22_500, status: 401 });
    clock.advance(22_499);
    expect(dialled).toHaveLength(1);
    clock.advance(1);
    dialled[1]?.events.failed(403);
    expect(states.at(-1)).toMatchObject({ state: "refused", status: 403 });
  });

  test("an upgrade that never ends is given up after ten seconds", () => {
    const { dialler, dialled, hungUp, states, clock } = createSetup();
    dialler.start();
    clock.advance(10_000);
    expect(hungUp).toEqual(["socket 1 terminated"]);
    expect(states.at(-1)).toMatchObject({ state: "waiting" });
    dialled[0]?.events.open();
    expect(states.at(-1)).toMatchObject({ state: "waiting" });
  });

  test("a socket that was replaced is not heard", () => {
    const { dialler, dialled, sockets, states, clock } = createSetup();
    dialler.start();
    dialled[0]?.events.open();
    dialler.redial(sockets[0]!, "lost");
    const { length } = states;
    dialler.redial(sockets[0]!, "lost again");
    expect(states).toHaveLength(length);
    clock.advance(1_000);
    dialled[0]?.events.failed(500);
    expect(states.at(-1)).toMatchObject({ state: "connecting", attempt: 2 });
  });

  test("closing hangs up, once, and nothing is dialled after it", () => {
    const { dialler, dialled, hungUp, states, clock } = createSetup();
    dialler.start();
    dialled[0]?.events.open();
    dialler.close();
    dialler.close();
    dialler.stop("too late");
    expect(hungUp).toEqual(["socket 1 closed 1000"]);
    expect(states.filter(({ state }) => state === "closed")).toHaveLength(1);
    clock.advance(100_000);
    dialler.start();
    expect([dialled.length, clock.pending]).toEqual([1, 0]);
  });

  test("closing while waiting leaves no timer", () => {
    const { dialler, dialled, clock } = createSetup();
    dialler.start();
    dialled[0]?.events.failed(undefined);
    dialler.close();
    expect(clock.pending).toBe(0);
  });
});

describe("how long an upgrade may take", () => {
  /** What both ends that dial have in common, on a socket that never opens. */
  function createSilence() {
    const clock = createFakeClock();
    const hungUp: string[] = [];
    const states: DialState["state"][] = [];
    const openSocket: OpenSocket = () => ({
      send: () => 0,
      getBufferedAmount: () => 0,
      close: () => hungUp.push("closed"),
      terminate: () => hungUp.push("terminated"),
    });
    const options = {
      url: "ws://127.0.0.1:8787",
      token: "secret",
      clock,
      random: createFakeRandom(),
      log: silent,
      openSocket,
      onState: ({ state }: DialState) => states.push(state),
    };
    return { clock, hungUp, states, options };
  }

  type Given = { readonly connectMs?: number };

  const ends = {
    "an agent's runner": (options: ReturnType<typeof createSilence>["options"], given: Given) =>
      createRunner({
        ...options,
        ...given,
        agent: echoAgent(),
        tokens: { load: () => Promise.resolve(undefined), save: () => Promise.resolve() },
      }),
    "a provider": (options: ReturnType<typeof createSilence>["options"], given: Given) =>
      createRemoteHub({ ...options, ...given, name: "test" }),
  };

  for (const [name, create] of Object.entries(ends)) {
    test(`is what ${name} was told`, () => {
      const { clock, hungUp, states, options } = createSilence();
      create(options, { connectMs: 1_234 }).start();
      clock.advance(1_233);
      expect([hungUp, states]).toEqual([[], ["connecting"]]);
      clock.advance(1);
      expect([hungUp, states]).toEqual([["terminated"], ["connecting", "waiting"]]);
    });

    test(`is ten seconds where ${name} was told nothing`, () => {
      const { clock, hungUp, options } = createSilence();
      create(options, {}).start();
      clock.advance(9_999);
      expect(hungUp).toEqual([]);
      clock.advance(1);
      expect(hungUp).toEqual(["terminated"]);
    });
  }
});

test("a delay is never more than the longest and never less than half of what it should be", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (attempt, fraction) => {
        const delay = backoff(attempt, fraction, DEFAULT_DELAYS);
        const full = Math.min(250 * 2 ** (attempt - 1), 30_000);
        expect(delay).toBeLessThanOrEqual(Math.ceil(full));
        expect(delay).toBeGreaterThanOrEqual(Math.floor(full / 2));
      },
    ),
  );
});
