// The benchmark's judge: it must pass right answers and name what is wrong with every other one.

import { describe, expect, test } from "bun:test";
import { expectStream, expectWhole } from "../../bench/expect.ts";
import type { HttpAnswer } from "../../bench/http-answer.ts";
import { streamShape, wholeShape } from "../../bench/shape.ts";

function answer(body: string, status = 200): HttpAnswer {
  return { status, body: Buffer.from(body).toString("latin1"), close: false };
}

const { start, deltas, end } = streamShape(3);
const [first, second, third] = deltas as [string, string, string];
const STREAM = start + first + second + third + end;

describe("a stream", () => {
  const expectation = expectStream(answer(STREAM), 3);

  test("is right when every chunk is there, in order, with the stop and [DONE]", () => {
    expect(expectation.fault(answer(STREAM))).toBeUndefined();
    expect(expectation.bytes).toBe(STREAM.length);
  });

  test("may have comments between its events", () => {
    expect(expectation.fault(answer(`: keep-alive\n\n${STREAM}`))).toBeUndefined();
  });

  test.each([
    ["a chunk is missing", start + first + third + end],
    ["chunks are out of order", start + second + first + third + end],
    ["a chunk comes twice", start + first + first + second + third + end],
    ["the last chunk comes twice", start + first + second + third + third + end],
    ["a text is changed", STREAM.replace("word1", "wort1")],
    ["[DONE] is missing", STREAM.replace("data: [DONE]\n\n", "")],
    [
      "two chunks share an event",
      STREAM.replace(
        /"content":"word1 "\}(.*\n\n.*?)"content":"word2"/s,
        '"content":"word1 ","content":"word2"}$1"x":"y"',
      ),
    ],
    ["something follows [DONE]", `${STREAM}: keep-alive\n\n`],
    ["the stop is missing", STREAM.replace('"stop"', "null")],
    ["the end is missing", start + first + second],
    ["it is empty", ""],
  ])("is wrong when %s", (_name, body) => {
    expect(expectation.fault(answer(body))).toBeString();
  });

  test("is wrong with any status but 200", () => {
    expect(expectation.fault(answer(STREAM, 503))).toContain("503");
  });

  test("is compared byte for byte when its texts are not ASCII", () => {
    const body = STREAM.replace("word1", "wörd1");
    const expectation = expectStream(answer(body), 3);
    expect(expectation.fault(answer(body))).toBeUndefined();
    expect(expectation.fault(answer(STREAM))).toBeString();
  });

  test.each([
    ["has another number of chunks", STREAM, 4],
    ["has no [DONE]", STREAM.replace("data: [DONE]\n\n", ""), 3],
    ["did not stop", STREAM.replace('"stop"', "null"), 3],
  ])("cannot be learnt from when it %s", (_name, body, chunks) => {
    expect(() => expectStream(answer(body), chunks)).toThrow();
  });
});

describe("a whole answer", () => {
  const expectation = expectWhole(answer(wholeShape()));

  test("is right when it says the same and stops", () => {
    expect(
      expectation.fault(answer(wholeShape().replace("chatcmpl-0", "chatcmpl-9"))),
    ).toBeUndefined();
  });

  test.each([
    ["says something else", wholeShape().replace("Five", "Six")],
    ["did not stop", wholeShape().replace('"stop"', '"length"')],
    ["is cut off", wholeShape().slice(0, -5)],
    ["is another document", '{"error":{"message":"no"}}'],
  ])("is wrong when it %s", (_name, body) => {
    expect(expectation.fault(answer(body))).toBeString();
  });

  test("cannot be learnt from a refusal, which is shown", () => {
    expect(() => expectWhole(answer("no agent", 503))).toThrow("status 503: no agent");
  });
});
