// Parked turns as the engine remembers them: whose they are, what claims them, and that an agent which waits for nothing
// hears of it.

import { describe, expect, test } from "bun:test";
import { createParkedTurns } from "../../src/engine/parked.ts";
import type { ParkedTurn } from "../../src/engine/parked.ts";
import type { ChatRequest, Message, Part } from "../../src/core/turn.ts";
import { decodeMessagesRequest } from "../../src/dialects/anthropic/decode.ts";
import { decodeChat as decodeOllama } from "../../src/dialects/ollama/decode.ts";
import { decodeChat as decodeOpenai } from "../../src/dialects/openai/decode.ts";

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

const CALLED: Message = {
  role: "assistant",
  content: [],
  toolCalls: [
    { id: "call_a", name: "read", arguments: "{}" },
    { id: "call_b", name: "read", arguments: "{}" },
  ],
};
const BOTH = brings("a", "b").messages;

function claimed(messages: readonly Message[]) {
  const parked = createParkedTurns(8);
  parked.park(turn("a", [], { callIds: ["call_a", "call_b"] }));
  return parked.claim({ ...brings(), messages }, MINE)?.resume;
}

function user(...parts: readonly (string | Part)[]): Message {
  const content = parts.map((part) =>
    typeof part === "string" ? ({ type: "text", text: part } as const) : part,
  );
  return { role: "user", content };
}

describe("what the user writes beside the results of a parked turn", () => {
  test("goes with them, wherever it stands", () => {
    const asked = user("An old question.");
    const resume = claimed([asked, CALLED, user("One."), ...BOTH, user("Two.", " "), user("3")]);
    expect(resume?.message).toBe("One.\n\nTwo.\n\n3");
    expect(resume?.results.map(({ content }) => content)).toEqual(["result of a", "result of b"]);
  });

  test("is not made up of nothing, nor of what was asked before the calls", () => {
    expect(claimed([user("Old."), CALLED, ...BOTH])).not.toHaveProperty("message");
    expect(claimed([user("Old."), CALLED, ...BOTH, user("", "\n")])).not.toHaveProperty("message");
    expect(claimed([user("Old."), ...BOTH])).not.toHaveProperty("message");
  });

  test("is a new question where a result is missing", () => {
    expect(claimed([CALLED, BOTH[0]!, user("Never mind.")])).toBeUndefined();
    expect(claimed([CALLED, user("Never mind.")])).toBeUndefined();
    expect(claimed([user("Never mind.")])).toBeUndefined();
  });

  test("is a new question where it is more than words, or follows another answer", () => {
    const image = { type: "image", mediaType: "image/png", data: "AAAA" } as const;
    expect(claimed([CALLED, ...BOTH, user("See:", image)])).toBeUndefined();
    const system = { role: "system", content: user("Be brief.").content } as const;
    expect(claimed([CALLED, ...BOTH, system])).toBeUndefined();
    const said = { role: "assistant", content: user("Done.").content } as const;
    expect(claimed([CALLED, ...BOTH, said, user("Thanks.")])).toBeUndefined();
  });

  const ids = ["call_a", "call_b"];
  const inOpenai = () =>
    decodeOpenai({
      model: "m",
      messages: [
        {
          role: "assistant",
          tool_calls: ids.map((id) => ({
            id,
            type: "function",
            function: { name: "read", arguments: "{}" },
          })),
        },
        ...ids.map((id) => ({ role: "tool", tool_call_id: id, content: id })),
        { role: "user", content: "Hurry." },
      ],
    }).request;
  const inAnthropic = () =>
    decodeMessagesRequest({
      model: "m",
      max_tokens: 10,
      messages: [
        {
          role: "assistant",
          content: ids.map((id) => ({ type: "tool_use", id, name: "read", input: {} })),
        },
        {
          role: "user",
          content: [
            ...ids.map((id) => ({ type: "tool_result", tool_use_id: id, content: id })),
            { type: "text", text: "Hurry." },
          ],
        },
      ],
    }).request;
  const inOllama = () => {
    const run = decodeOllama({
      model: "m",
      messages: [
        {
          role: "assistant",
          tool_calls: ids.map((id) => ({ id, function: { name: "read", arguments: {} } })),
        },
        ...ids.map((id) => ({ role: "tool", tool_call_id: id, content: id })),
        { role: "user", content: "Hurry." },
      ],
    });
    if (run.action !== "run") throw new Error("nothing to run");
    return run.request;
  };

  test.each([
    ["OpenAI's", inOpenai],
    ["Anthropic's", inAnthropic],
    ["Ollama's", inOllama],
  ])("is understood in %s form", (_, decode) => {
    expect(claimed(decode().messages)).toMatchObject({
      message: "Hurry.",
      results: ids.map((id) => ({ toolCallId: id, content: id })),
    });
  });
});
