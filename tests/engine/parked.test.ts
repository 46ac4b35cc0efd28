// Parked turns as the engine remembers them: whose they are, what claims them, and that an agent which waits for nothing
// hears of it.

import { describe, expect, test } from "bun:test";
import { createParkedTurns } from "../../src/engine/parked.ts";
import type { ParkedTurn } from "../../src/engine/parked.ts";
import type { ChatRequest, Message, Part } from "../../src/core/turn.ts";
import { decodeMessagesRequest } from "../../src/dialects/anthropic/decode.ts";
import { decodeChat as decodeOllama } from "../../src/dialects/ollama/decode.ts";
import { decodeChat as decodeOpenai } from "../../src/dialects/openai/decode.ts";

const isThere = (): boolean => true;

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
    const parked = createParkedTurns(8, isThere);
    parked.park(turn("a", abandoned));
    expect(parked.claim(brings("a"), { ...MINE, keyId: "key_2" })).toBeUndefined();
    expect(parked.claim(brings("a"), MINE)?.resume).toMatchObject({
      resumes: "a",
      results: [{ toolCallId: "call_a", content: text("result of a") }],
    });
    expect(parked.claim(brings("a"), MINE)).toBeUndefined();
    parked.forgetSession("session_1");
    expect(abandoned).toEqual([]);
  });

  test("whose session ends is abandoned, and others are left alone", () => {
    const abandoned: string[] = [];
    const parked = createParkedTurns(8, isThere);
    parked.park(turn("a", abandoned));
    parked.park(turn("b", abandoned, { sessionId: "session_2" }));
    parked.forgetSession("session_1");
    expect(abandoned).toEqual(["a: parked_turn_unknown"]);
    expect(parked.size).toBe(1);
  });

  test("that is one too many makes the oldest be abandoned", () => {
    const abandoned: string[] = [];
    const parked = createParkedTurns(2, isThere);
    for (const name of ["a", "b", "c"]) parked.park(turn(name, abandoned));
    expect(abandoned).toEqual(["a: parked_turn_unknown"]);
    expect(parked.claim(brings("a"), MINE)).toBeUndefined();
    expect(parked.claim(brings("c"), MINE)?.turn.turnId).toBe("c");
  });
});

describe("parked turns whose agent names its calls alike", () => {
  test("are told apart by their keys", () => {
    const abandoned: string[] = [];
    const parked = createParkedTurns(8, isThere);
    parked.park(turn("a", abandoned, { callIds: ["call_1"] }));
    parked.park(turn("b", abandoned, { callIds: ["call_1"], keyId: "key_2" }));
    const results = {
      ...brings(),
      messages: [{ ...brings("x").messages[0]!, toolCallId: "call_1" }],
    };
    expect(parked.claim(results, MINE)?.turn.turnId).toBe("a");
    expect(parked.claim(results, { ...MINE, keyId: "key_2" })?.turn.turnId).toBe("b");
    expect(abandoned).toEqual([]);
  });

  test("of one key are given up, and never get each other's results, nor does one that comes later", () => {
    const abandoned: string[] = [];
    const parked = createParkedTurns(8, isThere);
    parked.park(turn("x", abandoned));
    parked.park(turn("a", abandoned, { callIds: ["call_1", "call_2"] }));
    parked.park(turn("b", abandoned, { callIds: ["call_1"] }));
    expect(abandoned).toEqual(["a: parked_turn_unknown", "b: parked_turn_unknown"]);
    parked.park(turn("c", abandoned, { callIds: ["call_1"] }));
    expect(abandoned.at(-1)).toBe("c: parked_turn_unknown");
    const results = {
      ...brings(),
      messages: [{ ...brings("x").messages[0]!, toolCallId: "call_1" }],
    };
    expect(parked.claim(results, MINE)).toBeUndefined();
    expect(parked.claim(brings("x"), MINE)?.turn.turnId).toBe("x");
    expect(parked.size).toBe(0);
  });

  test("may wait one after the other under one name, and the same one twice", () => {
    const abandoned: string[] = [];
    const parked = createParkedTurns(8, isThere);
    for (const name of ["a", "b"]) {
      parked.park(turn(name, abandoned, { callIds: ["call_x"] }));
      const claim = parked.claim(brings("x"), MINE);
      if (claim === undefined) throw new Error("nothing was claimed");
      parked.park(claim.turn);
      expect(parked.claim(brings("x"), MINE)?.turn.turnId).toBe(name);
    }
    expect(abandoned).toEqual([]);
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
  const parked = createParkedTurns(8, isThere);
  parked.park(turn("a", [], { callIds: ["call_a", "call_b"] }));
  return parked.claim({ ...brings(), messages }, MINE)?.resume;
}

const IMAGE = { type: "image", mediaType: "image/png", data: "AAAA" } as const;
const LINK = { type: "image-url", url: "https://example.com/a.png" } as const;

function text(text: string): readonly Part[] {
  return [{ type: "text", text }];
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
    expect(resume?.message).toEqual(text("One.\n\nTwo.\n\n3"));
    const contents = resume?.results.map(({ content }) => content);
    expect(contents).toEqual([text("result of a"), text("result of b")]);
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

  test("may be images, in their place among the words", () => {
    const resume = claimed([CALLED, ...BOTH, user("See:", IMAGE), user(LINK), user("A.", "B.")]);
    expect(resume?.message).toEqual([...text("See:"), IMAGE, LINK, ...text("A.\n\nB.")]);
  });

  test("is a new question where it follows another answer, or instructions", () => {
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
      message: text("Hurry."),
      results: ids.map((id) => ({ toolCallId: id, content: text(id) })),
    });
  });
});

describe("an image in the result of a tool", () => {
  const PIXEL = "iVBORw0KGgo=";
  const image = { type: "image", mediaType: "image/png", data: PIXEL } as const;
  const call = { id: "call_a", name: "shoot", input: {} };

  function resultsOf(request: { readonly messages: readonly Message[] }) {
    const parked = createParkedTurns(8, isThere);
    parked.park(turn("a", []));
    return parked.claim({ ...brings(), ...request }, MINE)?.resume;
  }

  test("stays in its place, and texts side by side are one", () => {
    const content = [...text("One. "), ...text("Two."), image, ...text(""), LINK, ...text("End.")];
    const messages: Message[] = [{ role: "tool", toolCallId: "call_a", content }];
    expect(resultsOf({ messages })?.results).toEqual([
      { toolCallId: "call_a", content: [...text("One. Two."), image, LINK, ...text("End.")] },
    ]);
  });

  test("comes within the result in Anthropic's form", () => {
    const source = { type: "base64", media_type: "image/png", data: PIXEL };
    const content = [
      { type: "text", text: "Taken." },
      { type: "image", source },
    ];
    const { request } = decodeMessagesRequest({
      model: "m",
      max_tokens: 10,
      messages: [
        { role: "assistant", content: [{ ...call, type: "tool_use" }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "call_a", content }] },
      ],
    });
    const resume = resultsOf(request);
    expect(resume?.results[0]?.content).toEqual([...text("Taken."), image]);
    expect(resume).not.toHaveProperty("message");
  });

  test("comes in a message behind the result in OpenAI's form", () => {
    const url = `data:image/png;base64,${PIXEL}`;
    const called = { id: "call_a", type: "function", function: { name: "shoot", arguments: "{}" } };
    const { request } = decodeOpenai({
      model: "m",
      messages: [
        { role: "assistant", tool_calls: [called] },
        { role: "tool", tool_call_id: "call_a", content: "(see following user message for image)" },
        { role: "user", content: [{ type: "image_url", image_url: { url } }] },
      ],
    });
    expect(resultsOf(request)?.message).toEqual([image]);
  });

  test("comes beside the text of the result in Ollama's form", () => {
    const run = decodeOllama({
      model: "m",
      messages: [
        {
          role: "assistant",
          tool_calls: [{ id: "call_a", function: { name: "shoot", arguments: {} } }],
        },
        { role: "tool", tool_call_id: "call_a", content: "Taken.", images: [PIXEL] },
      ],
    });
    if (run.action !== "run" || run.request.kind !== "chat") throw new Error("nothing to run");
    expect(resultsOf(run.request)?.results[0]?.content).toEqual([...text("Taken."), image]);
  });
});
