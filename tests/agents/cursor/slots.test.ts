import { describe, expect, test } from "bun:test";

import { createSlots } from "../../../src/agents/cursor/slots.ts";
import { rejectionOf } from "../support.ts";

const open = new AbortController().signal;

describe("slots", () => {
  test("are given in order, and no more than there are", async () => {
    const slots = createSlots(2);
    const order: string[] = [];
    const first = await slots.take(open);
    const second = await slots.take(open);
    const third = slots.take(open).then((release) => {
      order.push("third");
      return release;
    });
    const fourth = slots.take(open).then((release) => {
      order.push("fourth");
      return release;
    });
    expect(order).toEqual([]);
    first();
    await third;
    expect(order).toEqual(["third"]);
    second();
    await fourth;
    expect(order).toEqual(["third", "fourth"]);
  });

  test("are given back once, however often that is said", async () => {
    const slots = createSlots(1);
    const release = await slots.take(open);
    release();
    release();
    await slots.take(open);
    const abort = new AbortController();
    const waiting = rejectionOf(slots.take(abort.signal));
    abort.abort();
    expect(await waiting).toMatchObject({ code: "client_cancelled" });
  });

  test("are not lost with somebody who stopped waiting", async () => {
    const slots = createSlots(1);
    const release = await slots.take(open);
    const abort = new AbortController();
    const gone = rejectionOf(slots.take(abort.signal));
    abort.abort();
    await gone;
    release();
    expect(await slots.take(open)).toBeFunction();
  });

  test("are not lost with somebody who stops at the moment that his comes", async () => {
    const slots = createSlots(1);
    const release = await slots.take(open);
    const abort = new AbortController();
    const gone = rejectionOf(slots.take(abort.signal));
    const next = slots.take(open);
    release();
    abort.abort();
    expect(await gone).toMatchObject({ code: "client_cancelled" });
    expect(await next).toBeFunction();
  });
});
