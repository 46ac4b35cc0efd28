import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createKeptAnswers, weightOf } from "../../src/engine/kept-answers.ts";
import type { KeptAnswersSettings } from "../../src/engine/kept-answers.ts";
import { createFakeClock } from "../support/fake-clock.ts";

function setUp(settings: Partial<KeptAnswersSettings> = {}) {
  const clock = createFakeClock();
  const limits = { keepMs: 1_000, maxAnswers: 10, maxBytes: 1_000_000, ...settings };
  const kept = createKeptAnswers<string>({ clock, ...limits });
  const keep = (owner: string, id: string, value = `value of ${id}`) =>
    kept.keep(owner, { id, value, parts: [{ id: `part of ${id}` }] });
  return { clock, kept, keep };
}

describe("an answer that is kept", () => {
  test("is found by its owner, by its id and by that of a part", () => {
    const { kept, keep } = setUp();
    keep("ada", "a");
    expect(kept.find("ada", "a")).toBe("value of a");
    expect(kept.findByPart("ada", "part of a")).toBe("value of a");
    expect(kept.find("ada", "part of a")).toBeUndefined();
  });

  test("is not there for others, and cannot be forgotten by them", () => {
    const { kept, keep } = setUp();
    keep("ada", "a");
    expect(kept.find("bob", "a")).toBeUndefined();
    expect(kept.findByPart("bob", "part of a")).toBeUndefined();
    expect(kept.forget("bob", "a")).toBe(false);
    expect(kept.find("ada", "a")).toBe("value of a");
  });

  test("is gone when its time is over, and not before", () => {
    const { clock, kept, keep } = setUp();
    keep("ada", "a");
    clock.advance(999);
    keep("ada", "b");
    expect(kept.find("ada", "a")).toBe("value of a");
    clock.advance(1);
    expect(kept.find("ada", "a")).toBeUndefined();
    expect(kept.findByPart("ada", "part of a")).toBeUndefined();
    expect(kept.find("ada", "b")).toBe("value of b");
  });

  test("is forgotten in time even if nobody asks for anything again", () => {
    const { clock, kept, keep } = setUp();
    keep("ada", "a");
    clock.advance(500);
    keep("ada", "b");
    expect(clock.pending).toBe(1);
    clock.advance(500);
    expect(clock.pending).toBe(1);
    clock.advance(500);
    expect(clock.pending).toBe(0);
    expect(kept.size).toBe(0);
  });

  test("is forgotten when all is closed, and no timer is left", () => {
    const { clock, kept, keep } = setUp();
    keep("ada", "a");
    kept.close();
    kept.close();
    expect(kept.size).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test("is gone with its parts when its owner forgets it, once", () => {
    const { kept, keep } = setUp();
    keep("ada", "a");
    expect(kept.forget("ada", "a")).toBe(true);
    expect(kept.forget("ada", "a")).toBe(false);
    expect(kept.findByPart("ada", "part of a")).toBeUndefined();
    expect(kept.size).toBe(0);
  });

  test("takes the place of an earlier one of its id", () => {
    const { kept, keep } = setUp();
    keep("ada", "a", "first");
    keep("ada", "a", "second");
    expect(kept.find("ada", "a")).toBe("second");
    expect(kept.size).toBe(1);
  });
});

describe("when there are too many", () => {
  test("the oldest go first", () => {
    const { kept, keep } = setUp({ maxAnswers: 2 });
    for (const id of ["a", "b", "c"]) keep("ada", id);
    expect(["a", "b", "c"].map((id) => kept.find("ada", id) !== undefined)).toEqual([
      false,
      true,
      true,
    ]);
  });

  test("one that is larger than all may be is not kept, and costs nobody a place", () => {
    const { kept, keep } = setUp({ maxBytes: 1_000 });
    keep("ada", "a");
    keep("ada", "large", "x".repeat(1_000));
    expect(kept.find("ada", "large")).toBeUndefined();
    expect(kept.find("ada", "a")).toBe("value of a");
  });

  test("never more are kept than the limits say, whatever comes and goes", () => {
    const step = fc.record({
      owner: fc.constantFrom("ada", "bob"),
      id: fc.constantFrom("a", "b", "c", "d"),
      length: fc.nat(400),
      wait: fc.nat(600),
      forget: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const { clock, kept, keep } = setUp({ maxAnswers: 3, maxBytes: 1_500 });
        for (const { owner, id, length, wait, forget } of steps) {
          clock.advance(wait);
          if (forget) kept.forget(owner, id);
          else keep(owner, id, "x".repeat(length));
          const values = ["ada", "bob"].flatMap((each) =>
            ["a", "b", "c", "d"].flatMap((name) => kept.find(each, name) ?? []),
          );
          expect(values.length).toBe(kept.size);
          expect(values.length).toBeLessThanOrEqual(3);
          expect(values.reduce((sum, value) => sum + weightOf(value), 0)).toBeLessThanOrEqual(
            1_500,
          );
        }
      }),
    );
  });
});

test("a value weighs at least what its text takes, however deep it is", () => {
  expect(weightOf([{ a: { b: ["x".repeat(100)] } }])).toBeGreaterThanOrEqual(200);
  let deep: unknown = "x";
  for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];
  expect(weightOf(deep)).toBeGreaterThan(100_000);
});
