import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { createCursorText } from "../../../src/agents/cursor/text.ts";
import type { CursorText } from "../../../src/agents/cursor/text.ts";
import { AppError } from "../../../src/core/error.ts";

type Said = (text: CursorText) => string;

const delta =
  (text: string): Said =>
  (answer) =>
    answer.delta(text);
const whole =
  (text: string): Said =>
  (answer) =>
    answer.whole(text);
const tool: Said = (answer) => {
  answer.toolCall();
  return "";
};

function heard(...said: readonly Said[]): string {
  const answer = createCursorText();
  return said.map((say) => say(answer)).join("") + answer.end();
}

describe("each text is heard once", () => {
  test("as deltas, with the snapshot and the final message behind them", () => {
    expect(heard(delta("Hel"), delta("lo."), whole("Hello."), whole("Hello."))).toBe("Hello.");
  });

  test("with a final message for each piece between tool calls", () => {
    const said = [delta("One. "), whole("One. "), tool, delta("Two."), whole("Two.")];
    expect(heard(...said)).toBe("One. Two.");
  });

  test("with a final message that repeats the whole answer", () => {
    expect(heard(delta("One. "), tool, delta("Two."), whole("One. Two."))).toBe("One. Two.");
  });

  test("also when a snapshot comes after the tool call it was made for", () => {
    expect(heard(delta("Look."), tool, whole("Look."), delta("Done."), whole("Done."))).toBe(
      "Look.Done.",
    );
  });

  test("also when deltas repeat each other, as laughter does", () => {
    expect(heard(delta("ha"), delta("ha"), delta("haha"), whole("hahahaha"))).toBe("hahahaha");
  });

  test("what the deltas left out comes with the final message", () => {
    expect(heard(delta("Hel"), whole("Hello."))).toBe("Hello.");
  });

  test("of a build that sends no deltas, every message is heard", () => {
    expect(heard(whole("One. "), tool, whole("Two."))).toBe("One. Two.");
  });

  test("of a build whose messages grow, only what is new is heard", () => {
    expect(heard(whole("He"), whole("Hello"), whole("Hello"))).toBe("Hello");
  });
});

test("a text that contradicts the deltas is not heard on top of them", () => {
  expect(heard(delta("Hello."), whole("Hullo."))).toBe("Hello.");
});

test("no piece ends within a character", () => {
  const answer = createCursorText();
  expect([answer.delta("a\ud83d"), answer.delta("\udc4d!"), answer.end()]).toEqual([
    "a",
    "👍!",
    "",
  ]);
});

test("an answer without an end is refused", () => {
  const answer = createCursorText(10);
  answer.delta("123456789");
  expect(() => answer.delta("01")).toThrow(AppError);
});

describe("any answer, cut anywhere", () => {
  /** Pieces of text between tool calls; few different characters, so that beginnings repeat. */
  const segments = fc.array(
    fc.array(
      fc.string({ unit: fc.constantFrom("a", "b", " ", "👍", "é"), minLength: 1, maxLength: 6 }),
      {
        minLength: 1,
        maxLength: 6,
      },
    ),
    { minLength: 1, maxLength: 5 },
  );

  test("is heard once, whichever repeats follow", () => {
    const shape = fc.record({
      segments,
      snapshots: fc.boolean(),
      final: fc.constantFrom("segment", "answer", "none"),
      finals: fc.integer({ min: 1, max: 2 }),
    });
    fc.assert(
      fc.property(shape, ({ segments, snapshots, final, finals }) => {
        const answer = segments.flat().join("");
        const said = segments.flatMap((pieces, index) => {
          const isLast = index === segments.length - 1;
          const deltas = pieces.map(delta);
          if (isLast) return deltas;
          return [...deltas, ...(snapshots ? [whole(pieces.join(""))] : []), tool];
        });
        const last = segments.at(-1)?.join("") ?? "";
        const repeat = whole(final === "segment" ? last : answer);
        const repeats = final === "none" ? [] : Array.from({ length: finals }, () => repeat);
        expect(heard(...said, ...repeats)).toBe(answer);
      }),
      { numRuns: 500 },
    );
  });

  test("is heard once when it comes by code units", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (answer) => {
        expect(heard(...answer.split("").map(delta), whole(answer))).toBe(answer);
      }),
    );
  });
});
