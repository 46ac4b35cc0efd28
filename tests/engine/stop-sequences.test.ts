import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { TurnEvent } from "../../src/core/event.ts";
import { createStopSearch, withStop } from "../../src/engine/stop-sequences.ts";

const FINISH: TurnEvent = {
  type: "finish",
  reason: "stop",
  usage: { promptTokens: 1, completionTokens: 2 },
};

const text = (text: string): TurnEvent => ({ type: "text-delta", text });
const reasoning = (text: string): TurnEvent => ({ type: "reasoning-delta", text });

/** What comes out, and what the agent noticed of it. */
async function cut(events: readonly TurnEvent[], stop: readonly string[]) {
  const noticed = { heard: 0, stopped: 0, left: false, given: 0 };
  async function* agent(): AsyncGenerator<TurnEvent> {
    try {
      for (const event of events) {
        noticed.given += 1;
        yield event;
      }
    } finally {
      noticed.left = true;
    }
  }
  const out: TurnEvent[] = [];
  const listener = { heard: () => (noticed.heard += 1), stop: () => (noticed.stopped += 1) };
  for await (const event of withStop(agent(), stop, listener)) out.push(event);
  return { out, noticed, text: textOf(out), finish: out.at(-1) };
}

function textOf(events: readonly TurnEvent[]): string {
  return events.map((event) => (event.type === "text-delta" ? event.text : "")).join("");
}

/** Where the first sequence begins, looked for at every whole character. */
function naively(whole: string, stop: readonly string[]): { text: string; stopSequence?: string } {
  const shortestFirst = stop.toSorted((one, other) => one.length - other.length);
  let before = "";
  for (const character of whole) {
    const rest = whole.slice(before.length);
    const found = shortestFirst.find((each) => each !== "" && rest.startsWith(each));
    if (found !== undefined) return { text: before, stopSequence: found };
    before += character;
  }
  return { text: whole };
}

/** Few characters, so that sequences are nearly found all the time; one of them is two code units long. */
const words = fc.array(fc.constantFrom("a", "b", "😀", "😁", "\n"), { maxLength: 12 });
const texts = words.map((parts) => parts.join(""));
const stops = fc.array(
  fc.oneof(
    fc.array(fc.constantFrom("a", "b", "😀"), { minLength: 1, maxLength: 4 }),
    fc.constantFrom(["\uDE00"], ["\uD83D"], ["\uDE01", "a"]),
  ),
  { maxLength: 4 },
);

describe("an answer with stop sequences", () => {
  test("ends where the earliest of them begins, wherever its pieces are cut", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(texts, { maxLength: 8 }), stops, async (pieces, sequences) => {
        const stop = sequences.map((parts) => parts.join(""));
        const expected = naively(pieces.join(""), stop);
        const result = await cut([...pieces.map(text), FINISH], stop);
        expect(result.text).toBe(expected.text);
        const { stopSequence } = expected;
        expect(result.finish).toMatchObject(
          stopSequence === undefined ? FINISH : { type: "finish", reason: "stop", stopSequence },
        );
        for (const event of result.out)
          if (event.type === "text-delta") expect(event.text.isWellFormed()).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test("is passed on as far as it is certain, and held back no further", () => {
    const search = createStopSearch(["END", "\n\n"]);
    expect(search.push("one E")).toEqual({ text: "one " });
    expect(search.push("N")).toEqual({ text: "" });
    expect(search.push("ough\n")).toEqual({ text: "ENough" });
    expect(search.push("\nmore")).toEqual({ text: "", stopSequence: "\n\n" });
  });

  test("gets what was held back when no more comes", () => {
    const search = createStopSearch(["abc"]);
    expect(search.push("xab")).toEqual({ text: "x" });
    expect(search.end()).toEqual({ text: "ab" });
    expect(search.push("c")).toEqual({ text: "c" });
  });

  test("ends at a sequence inside the beginning of another one that never was", async () => {
    const whole = await cut([text("xab"), FINISH], ["abc", "b"]);
    expect(whole.text).toBe("xa");
    expect(whole.finish).toEqual({ ...FINISH, stopSequence: "b" });
    expect(whole.noticed.stopped).toBe(0);
    const call: TurnEvent = { type: "tool-call-start", id: "1", name: "a" };
    const cutOff = await cut([text("xab"), call, FINISH], ["abc", "b"]);
    expect(cutOff.text).toBe("xa");
    expect(cutOff.finish).toEqual({ type: "finish", reason: "stop", stopSequence: "b" });
    expect(cutOff.noticed.stopped).toBe(1);
  });

  test("stops its agent once, and reads no further", async () => {
    const { noticed, out } = await cut([text("a STOP b"), text("c"), FINISH], ["STOP"]);
    expect(out).toEqual([text("a "), { type: "finish", reason: "stop", stopSequence: "STOP" }]);
    expect(noticed).toEqual({ heard: 1, stopped: 1, left: true, given: 1 });
  });

  test("does not wait for an agent that takes its time to stop", async () => {
    async function* slow(): AsyncGenerator<TurnEvent> {
      try {
        yield text("a.b");
      } finally {
        await new Promise(() => undefined);
      }
    }
    const out: TurnEvent[] = [];
    const agent = { heard: () => undefined, stop: () => undefined };
    for await (const event of withStop(slow(), ["."], agent)) out.push(event);
    expect(out).toHaveLength(2);
  });

  test("passes on an end that its agent made itself, with its counts", async () => {
    const { out, noticed } = await cut([text("a"), FINISH], ["STOP"]);
    expect(out).toEqual([text("a"), FINISH]);
    expect(noticed).toMatchObject({ stopped: 0, left: true });
  });

  test("is not looked for in reasoning, and goes on behind it", async () => {
    const { out } = await cut([text("aS"), reasoning("STOP"), text("TOPb"), FINISH], ["STOP"]);
    expect(out).toEqual([
      text("a"),
      reasoning("STOP"),
      { type: "finish", reason: "stop", stopSequence: "STOP" },
    ]);
  });

  test("is not looked for in tool calls, nor in anything behind them", async () => {
    const call: readonly TurnEvent[] = [
      { type: "tool-call-start", id: "1", name: "STOP" },
      { type: "tool-call-delta", id: "1", arguments: '{"a":"STOP"}' },
    ];
    const end: TurnEvent = { type: "finish", reason: "tool_calls" };
    const events = [text("aS"), ...call, text("STOP"), end];
    const { out } = await cut(events, ["STOP"]);
    expect(out).toEqual([text("a"), text("S"), ...call, text("STOP"), end]);
  });

  test("fails as its agent fails", async () => {
    async function* failing(): AsyncGenerator<TurnEvent> {
      yield text("a");
      throw new Error("gone");
    }
    const agent = { heard: () => undefined, stop: () => undefined };
    const events = withStop(failing(), ["STOP"], agent);
    expect((await events.next()).value).toEqual(text("a"));
    await expect(events.next()).rejects.toThrow("gone");
  });
});
