// What an upstream says, in all the ways that servers say it, as our events.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { createAnswerDecoder, decodeEmbeddings } from "../../../src/agents/openai/decode.ts";
import { createUpstreamErrors } from "../../../src/agents/openai/errors.ts";
import type { TurnEvent } from "../../../src/core/event.ts";
import type { JsonValue } from "../../../src/core/json.ts";
import { assembleTurn } from "../../contract/collect-turn.ts";
import {
  callChunk,
  chunk,
  finishChunk,
  textChunk,
  usageChunk,
} from "../../support/scripted-upstream.ts";

const errors = createUpstreamErrors("http://127.0.0.1:1/v1", () => "sk-secret-key");

function decoder(maxHeld = 1000) {
  let calls = 0;
  return createAnswerDecoder({ errors, callId: () => `made_${(calls += 1)}`, maxHeld });
}

/** The events of a stream of these chunks. */
function decode(chunks: readonly object[], done = true, maxHeld?: number): TurnEvent[] {
  const one = decoder(maxHeld);
  const events = chunks.flatMap((chunk) => [...one.message({ data: JSON.stringify(chunk) })]);
  return [...events, ...one.end(done)];
}

const turn = (...chunks: readonly object[]) => assembleTurn(decode(chunks));
const call = (text: string, id?: string, name?: string, index = 0) =>
  callChunk(index, text, id, name);
const failure = (message: string) =>
  expect.objectContaining({ code: "agent_error", message: expect.stringContaining(message) });

describe("text and reasoning", () => {
  test.each(["reasoning_content", "reasoning"])("%s is reasoning", (field) => {
    const one = decoder();
    const events = one.message({ data: JSON.stringify(chunk({ [field]: "hm", content: "" })) });
    expect(events).toEqual([{ type: "reasoning-delta", text: "hm" }]);
    expect(one.reasoningName).toBe(field as "reasoning");
  });

  test("both names with the same text are heard once", () => {
    expect(turn(chunk({ reasoning: "hm", reasoning_content: "hm" }), finishChunk()).reasoning).toBe(
      "hm",
    );
  });

  test("content in parts is put together, thinking apart", () => {
    const content = [
      { type: "thinking", thinking: [{ type: "text", text: "hm" }] },
      { type: "text", text: "yes" },
    ];
    const result = turn(chunk({ content }), finishChunk());
    expect([result.reasoning, result.text]).toEqual(["hm", "yes"]);
  });

  test("a refusal is text; roles, nulls and empty deltas are nothing", () => {
    const result = turn(
      chunk({ role: "assistant", content: null, tool_calls: null, refusal: null }),
      chunk({ content: "" }),
      { ...chunk({}), choices: [], error: null },
      chunk({ refusal: "I will not." }),
      finishChunk(),
    );
    expect(result.events).toHaveLength(2);
    expect(result.text).toBe("I will not.");
  });

  test("only the first choice is heard", () => {
    const other = { index: 1, delta: { content: "no" }, finish_reason: "stop" };
    const choices = [other, { index: 0, delta: { content: "yes" }, finish_reason: "stop" }];
    expect(turn({ choices }).text).toBe("yes");
  });

  test("a plain completion's text is text", () => {
    expect(turn({ choices: [{ index: 0, text: "abc", finish_reason: "length" }] })).toMatchObject({
      text: "abc",
      finish: { reason: "length" },
    });
  });

  test("a whole answer from a server that does not stream is the same answer", () => {
    const one = decoder();
    const tool_calls = [{ id: "a", type: "function", function: { name: "t", arguments: "{}" } }];
    const message = { role: "assistant", content: "hi", reasoning_content: "hm", tool_calls };
    const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
    const events = one.whole({
      choices: [{ index: 0, message, finish_reason: "tool_calls" }],
      usage,
    });
    expect(assembleTurn([...events, ...one.end(true)])).toMatchObject({
      text: "hi",
      reasoning: "hm",
      toolCalls: [{ id: "a", name: "t", arguments: "{}" }],
      finish: { reason: "tool_calls", usage: { promptTokens: 1, completionTokens: 2 } },
    });
  });
});

describe("tool calls", () => {
  test("stream as they come when they come one after the other", () => {
    const one = decoder();
    const seen = [
      call('{"a":', "x", "first"),
      call("1}"),
      call("", "y", "second", 1),
      call("{}", undefined, undefined, 1),
    ].map((each) => one.message({ data: JSON.stringify(each) }).map(({ type }) => type));
    expect(seen).toEqual([
      ["tool-call-start", "tool-call-delta"],
      ["tool-call-delta"],
      ["tool-call-start"],
      ["tool-call-delta"],
    ]);
  });

  test("interleaved, and with text between, are put in order", () => {
    const result = turn(
      call('{"a":', "x", "first", 0),
      call('{"b":', "y", "second", 1),
      textChunk("between"),
      call("1}", undefined, undefined, 0),
      call("2}", undefined, undefined, 1),
      finishChunk("tool_calls"),
    );
    expect(result.toolCalls.map(({ name, arguments: text }) => [name, text])).toEqual([
      ["first", '{"a":1}'],
      ["second", '{"b":2}'],
    ]);
    expect(result.text).toBe("between");
  });

  test("any interleaving of any calls comes out whole and in order", () => {
    const anyCall = fc
      .dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 })
      .map((value) => JSON.stringify(value));
    const cutInto = (text: string, size: number) =>
      Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
        text.slice(index * size, (index + 1) * size),
      );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyCall, fc.integer({ min: 1, max: 9 })), { minLength: 1, maxLength: 4 }),
        fc.infiniteStream(fc.nat()),
        (calls, choices) => {
          const queues = calls.map(([text, size], index) => [
            call("", `id_${index}`, `tool_${index}`, index),
            ...cutInto(text, size).map((part) => call(part, undefined, undefined, index)),
          ]);
          const chunks: object[] = queues.map((queue) => queue.shift()!);
          while (queues.some(({ length }) => length > 0)) {
            const waiting = queues.filter(({ length }) => length > 0);
            chunks.push(waiting[choices.next().value! % waiting.length]!.shift()!);
          }
          const result = assembleTurn(decode([...chunks, finishChunk("tool_calls")], true, 1e6));
          expect(result.toolCalls).toEqual(
            calls.map(([text], index) => ({
              id: `id_${index}`,
              name: `tool_${index}`,
              arguments: text,
            })),
          );
        },
      ),
      { numRuns: 200 },
    );
  });

  test.each(["", "null", '""', " "])("arguments of %j mean an empty object", (text) => {
    expect(turn(call(text, "x", "t"), finishChunk()).toolCalls).toEqual([
      { id: "x", name: "t", arguments: "{}" },
    ]);
  });

  test("a missing or repeated id is replaced by one of ours", () => {
    const called = (name: string) => ({ function: { name, arguments: "{}" } });
    const indexed = [
      { index: 0, id: "x", ...called("a") },
      { index: 1, id: "x", ...called("b") },
      { index: 2, ...called("c") },
    ];
    expect(
      turn(chunk({ tool_calls: indexed }), finishChunk()).toolCalls.map(({ id }) => id),
    ).toEqual(["x", "made_1", "made_2"]);
  });

  test("calls that all claim to be number 0 are told apart by their ids", () => {
    const result = turn(call('{"a":1}', "x", "t"), call('{"b":2}', "y", "t"), finishChunk());
    expect(result.toolCalls.map(({ id, arguments: text }) => [id, text])).toEqual([
      ["x", '{"a":1}'],
      ["y", '{"b":2}'],
    ]);
  });

  test.each([
    [
      "another name, the first without arguments",
      [
        ["", "f"],
        ['{"y":2}', "g"],
      ],
      ["f {}", 'g {"y":2}'],
    ],
    [
      "another name, the first whole",
      [
        ['{"x":1}', "f"],
        ["{}", "g"],
      ],
      ['f {"x":1}', "g {}"],
    ],
    [
      "the same name again",
      [
        ['{"x":1}', "f"],
        ['{"x"', "f"],
        [":2}", "f"],
      ],
      ['f {"x":1}', 'f {"x":2}'],
    ],
  ] as const)("calls that all claim to be number 0, without ids: %s", (_, fragments, whole) => {
    const chunks = fragments.map(([text, name]) => call(text, undefined, name));
    const { toolCalls } = turn(...chunks, finishChunk("tool_calls"));
    expect(
      toolCalls.map(({ name, arguments: text }) => `${name} ${text === "" ? "{}" : text}`),
    ).toEqual([...whole]);
  });

  test("an id that two calls have, repeated with every fragment, cuts none of them", () => {
    const result = turn(
      call("{}", "x", "f", 0),
      call('{"a"', "x", "g", 1),
      call(":1}", "x", "g", 1),
      finishChunk("tool_calls"),
    );
    expect(result.toolCalls).toEqual([
      { id: "x", name: "f", arguments: "{}" },
      { id: "made_1", name: "g", arguments: '{"a":1}' },
    ]);
  });

  test("an id and name repeated with every fragment belong to the same call", () => {
    const result = turn(call('{"a":', "x", "t"), call("1}", "x", "t"), finishChunk());
    expect(result.toolCalls).toEqual([{ id: "x", name: "t", arguments: '{"a":1}' }]);
  });

  test("arguments sent as an object, and the form before tools, are understood", () => {
    const tool_calls = [{ index: 0, id: "x", function: { name: "t", arguments: { a: 1 } } }];
    expect(turn(chunk({ tool_calls }), finishChunk()).toolCalls[0]?.arguments).toBe('{"a":1}');
    const function_call = { name: "t", arguments: "{}" };
    expect(turn(chunk({ function_call }), finishChunk("function_call"))).toMatchObject({
      toolCalls: [{ id: "made_1", name: "t", arguments: "{}" }],
      finish: { reason: "tool_calls" },
    });
  });

  test.each<[string, object[]]>([
    ["ended within the arguments", [call('{"a":', "x", "t"), finishChunk("length")]],
    ["ended within the arguments", [call("[1]", "x", "t"), finishChunk()]],
    ["without a name", [call("{}", "x"), finishChunk()]],
    ["that was complete", [call("{}", "x", "t"), call("", "y", "u", 1), call("{}")]],
    ["too large", [call(`{"a":"${"b".repeat(2000)}"}`, "x", "t")]],
  ])("a call is refused when the answer %s", (message, chunks) => {
    expect(() => decode(chunks)).toThrow(failure(message));
  });
});

describe("the end", () => {
  test.each([
    ["stop", "stop"],
    ["end_turn", "stop"],
    ["eos", "stop"],
    ["length", "length"],
    ["MAX_TOKENS", "length"],
    ["content_filter", "content_filter"],
    ["SAFETY", "content_filter"],
    ["tool_calls", "stop"],
  ] as const)("%s without calls is %s", (said, reason) => {
    expect(turn(textChunk("a"), finishChunk(said)).finish.reason).toBe(reason);
  });

  test.each(["stop", "tool_calls", "tool_call", "tool_use", "function_call"])(
    "%s after calls is tool_calls",
    (said) => {
      expect(turn(call("{}", "x", "t"), finishChunk(said)).finish.reason).toBe("tool_calls");
    },
  );

  test("counts are taken from wherever they come, the last ones counting", () => {
    const details = {
      completion_tokens_details: { reasoning_tokens: 3 },
      prompt_tokens_details: { cached_tokens: 4 },
    };
    const result = turn(
      chunk({ content: "a" }, null, { usage: { prompt_tokens: 10, completion_tokens: 1 } }),
      finishChunk(),
      usageChunk(10, 20, details),
    );
    expect(result.finish.usage).toEqual({
      promptTokens: 10,
      completionTokens: 20,
      reasoningTokens: 3,
      cachedTokens: 4,
    });
  });

  test.each([null, {}, { prompt_tokens: "10" }, { prompt_tokens: -1 }, { prompt_tokens: 1.5 }])(
    "counts like %j are none",
    (usage) => {
      expect(turn(textChunk("a"), { ...finishChunk(), usage }).finish.usage).toBeUndefined();
    },
  );

  test("[DONE] after text without a reason is a stop; after nothing it is a failure", () => {
    expect(assembleTurn(decode([textChunk("a")], true)).finish.reason).toBe("stop");
    expect(() => decode([], true)).toThrow(failure("ended its answer early"));
  });

  test("a stream that just stops is a failure, whatever it said", () => {
    expect(() => decode([textChunk("a")], false)).toThrow(failure("ended its answer early"));
    expect(decode([textChunk("a"), finishChunk()], false)).toHaveLength(2);
  });

  test.each(["error", "abort"])("the reason %s is a failure", (said) => {
    expect(() => decode([textChunk("a"), finishChunk(said)])).toThrow(failure("gave up"));
  });
});

describe("failures within an answer", () => {
  test.each<[JsonValue, string]>([
    [{ error: { message: "overloaded", code: 529 } }, "It says: overloaded"],
    [{ error: "out of memory" }, "It says: out of memory"],
    [{ error: {} }, "failed in mid-answer."],
    [{ choices: [{ index: 0, delta: {}, error: { message: "bad" } }] }, "It says: bad"],
  ])("%j", (value, message) => {
    expect(() => decoder().message({ data: JSON.stringify(value) })).toThrow(failure(message));
    expect(() => decoder().whole(value)).toThrow(failure(message));
  });

  test("an event named error is one, whatever it holds", () => {
    expect(() => decoder().message({ event: "error", data: "boom" })).toThrow(failure("failed"));
    const data = '{"message":"boom"}';
    expect(() => decoder().message({ event: "error", data })).toThrow(failure("It says: boom"));
  });

  test.each(["{", "[]", '"text"', "<html>"])("a message of %s is one", (data) => {
    expect(() => decoder().message({ data })).toThrow(failure("not JSON"));
  });

  test("its words are short, on one line and without keys", () => {
    const message = `Bad key sk-secret-key\nand sk-other-1234567890abcdef, Bearer abcdef123456 ${"x".repeat(9999)}`;
    const { message: said } = errors.inBand({ message });
    expect(said).toContain("Bad key [key] and [key], [key] xxx");
    expect(said).not.toMatch(/secret|1234567890|abcdef|\n/);
    expect(said.length).toBeLessThan(400);
  });
});

describe("embeddings", () => {
  const entry = (index: number, embedding: unknown) => ({ object: "embedding", index, embedding });
  const decodeData = (data: unknown, count: number) =>
    decodeEmbeddings(
      { data, usage: { prompt_tokens: 3, total_tokens: 3 } } as JsonValue,
      count,
      errors,
    );

  test("are put in the order of the inputs", () => {
    expect(decodeData([entry(1, [2]), entry(0, [1])], 2)).toEqual([
      { type: "embeddings", vectors: [[1], [2]] },
      { type: "finish", reason: "stop", usage: { promptTokens: 3, completionTokens: 0 } },
    ]);
  });

  test.each<[unknown, number]>([
    [undefined, 1],
    [[], 1],
    [[entry(0, [1])], 2],
    [[entry(0, "AAAA")], 1],
    [[entry(0, [1, null])], 1],
    [[entry(0, [])], 1],
  ])("%j for %d inputs is refused", (data, count) => {
    expect(() => decodeData(data, count)).toThrow(failure("one vector for each input"));
  });
});

test("long arguments in small fragments cost no more than their length", () => {
  const one = decoder(3_000_000);
  const text = `{"a":"${"b".repeat(1_000_000)}"}`;
  const started = performance.now();
  one.message({ data: JSON.stringify(call("", "x", "t")) });
  let length = 0;
  for (let at = 0; at < text.length; at += 16) {
    const data = JSON.stringify(call(text.slice(at, at + 16)));
    for (const event of one.message({ data })) length += "arguments" in event ? 16 : 0;
  }
  expect(length).toBeGreaterThanOrEqual(text.length);
  // A second is some five times what it takes; going over what came before at each fragment takes minutes.
  expect(performance.now() - started).toBeLessThan(5_000);
});
