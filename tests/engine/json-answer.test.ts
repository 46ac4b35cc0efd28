import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { findJson } from "../../src/engine/json-answer.ts";

const FENCE = "```";

function documentOf(answer: string): string | undefined {
  const found = findJson(answer);
  return "problem" in found ? undefined : found.text;
}

describe("the JSON of an answer", () => {
  test.each([
    ["bare", '{"a":1}', '{"a":1}'],
    ["between blanks", " \n[1, 2]\n", "[1, 2]"],
    ["a plain value", '"text"', '"text"'],
    ["in a code fence", `${FENCE}json\n{"a":1}\n${FENCE}`, '{"a":1}'],
    [
      "in a fence of no language, with words around",
      `Here:\n${FENCE}\n[1]\n${FENCE}\nDone.`,
      "[1]",
    ],
    ["in a fence with carriage returns", `${FENCE}json\r\n{"a":1}\r\n${FENCE}\r\n`, '{"a":1}'],
    [
      "beside a fence of code",
      `${FENCE}sh\nls\n${FENCE}\n${FENCE}json\n{"a":"${FENCE}"}\n${FENCE}`,
      `{"a":"${FENCE}"}`,
    ],
    ["between sentences", 'Sure! {"a":"}{"} I hope {that} helps.', '{"a":"}{"}'],
    ["in a fence that is never closed", `${FENCE}json\n{"a":1}`, '{"a":1}'],
    ["with a quote that is escaped", 'Yes: ["\\"]"] .', '["\\"]"]'],
  ])("is found %s", (_name, answer, document) => {
    expect(documentOf(answer)).toBe(document);
  });

  test.each([
    ["there is none", "I cannot do that."],
    ["the answer is empty", ""],
    ["it is cut off", '{"a": [1, 2'],
    ["it is not quite JSON", "{'a': 1}"],
    ["it has a comma too many", '{"a":1,}'],
  ])("is not found where %s", (_name, answer) => {
    expect(findJson(answer)).toEqual({ problem: "none" });
  });

  test.each([
    ["between sentences", '{"a":1} or {"a":2}'],
    ["in fences", `${FENCE}\n{"a":1}\n${FENCE}\n${FENCE}\n{"a":2}\n${FENCE}`],
  ])("is never chosen from several, %s", (_name, answer) => {
    expect(findJson(answer)).toEqual({ problem: "several" });
  });

  test("is found whatever it is, bare, fenced and told", () => {
    const objects = fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 });
    fc.assert(
      fc.property(objects, (value) => {
        for (const document of [JSON.stringify(value), JSON.stringify(value, null, 2)]) {
          expect(documentOf(document)).toBe(document);
          expect(documentOf(`${FENCE}json\n${document}\n${FENCE}`)).toBe(document);
          expect(documentOf(`Here it is: ${document} That is all.`)).toBe(document);
        }
      }),
    );
  });

  test.each([
    ["brackets that never close", "[".repeat(500_000)],
    ["fences that never close", `${FENCE}json\n`.repeat(100_000)],
    ["quotes that never close", '{"'.repeat(200_000)],
    ["escapes", `{"${"\\\\".repeat(200_000)}`],
  ])("is looked for once through: %s", (_name, answer) => {
    expect(findJson(answer)).toEqual({ problem: "none" });
  });
});
