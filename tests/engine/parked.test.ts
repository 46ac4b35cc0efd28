// Parked turns as the engine remembers them: whose they are, what claims them, and that an agent which waits for nothing
// hears of it.

import { describe, expect, test } from "bun:test";
import { createParkedTurns } from "../../src/engine/parked.ts";
import type { ParkedTurn } from "../../src/engine/parked.ts";
import type { ChatRequest, Message } from "../../src/core/turn.ts";

const MINE = { keyId: "key_1", pin: undefined };

function turn(name: string, abandoned: string[], fields: Partial<ParkedTurn> = {}): ParkedTurn {
  return {
    turnId: name,
    sessionId: "session_1",
    keyId: "key_1",
    callIds: [`call_${name}`],
    abandon: ({ code }) => void abandoned.push(`${name}: ${code}`),
    ...fields,
  };
}

function brings(...names: readonly string[]): ChatRequest {
  const messages = names.map((name): Message => ({
    role: "tool",
    toolCallId: `call_${name}`,
    content: [{ type: "text", text: `result of ${name}` }],
  }));
  return { kind: "chat", model: "m", stream: true, messages, parameters: {} };
}

describe("a parked turn", () => {
  test("that is claimed by its results is handed out once, and its agent is not told off", () => {
    const abandoned: string[] = [];
    const parked = createParkedTurns(8);
    parked.park(turn("a", abandoned));
    expect(parked.claim(brings("a"), { ...MINE, keyId: "key_2" })).toBeUndefined();
    expect(parked.claim(brings("a"), MINE)?.resume).toMatchObject({
      resumes: "a",
      results: [{ toolCallId: "call_a", content: "result of a" }],
    });
    expect(parked.claim(brings("a"), MINE)).toBeUndefined();
    parked.forgetSession("session_1");
    expect(abandoned).toEqual([]);
  });

  test("whose session ends is abandoned, and others are left alone", () => {
    const abandoned: string[] = [];
    const parked = createParkedTurns(8);
    parked.park(turn("a", abandoned));
    parked.park(turn("b", abandoned, { sessionId: "session_2" }));
    parked.forgetSession("session_1");
    expect(abandoned).toEqual(["a: parked_turn_unknown"]);
    expect(parked.size).toBe(1);
  });

  test("that is one too many makes the oldest be abandoned", () => {
    const abandoned: string[] = [];
    const parked = createParkedTurns(2);
    for (const name of ["a", "b", "c"]) parked.park(turn(name, abandoned));
    expect(abandoned).toEqual(["a: parked_turn_unknown"]);
    expect(parked.claim(brings("a"), MINE)).toBeUndefined();
    expect(parked.claim(brings("c"), MINE)?.turn.turnId).toBe("c");
  });
});
