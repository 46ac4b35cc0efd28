// Gaps in raw prompts, as Zed and Continue write them for each family of code models.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { hasGap, readFillIn } from "../../src/wire/fill-in.ts";

type Write = (prefix: string, suffix: string) => string;

const FAMILIES: Readonly<Record<string, Write>> = {
  "Qwen Coder": (p, s) => `<|fim_prefix|>${p}<|fim_suffix|>${s}<|fim_middle|>`,
  StarCoder: (p, s) => `<fim_prefix>${p}<fim_suffix>${s}<fim_middle>`,
  "Mellum, the suffix first": (p, s) => `<fim_suffix>${s}<fim_prefix>${p}<fim_middle>`,
  "DeepSeek Coder": (p, s) => `<｜fim▁begin｜>${p}<｜fim▁hole｜>${s}<｜fim▁end｜>`,
  GLM: (p, s) => `<|code_prefix|>${p}<|code_suffix|>${s}<|code_middle|>`,
  "Seed-Coder": (p, s) => `<[fim-suffix]>${s}<[fim-prefix]>${p}<[fim-middle]>`,
  "Code Llama": (p, s) => `<PRE> ${p} <SUF>${s} <MID>`,
  Codestral: (p, s) => `[SUFFIX]${s}[PREFIX]${p}`,
};

/** Code without anything that looks like a mark. */
const code = fc.string({ unit: "binary" }).map((text) => text.replaceAll(/[<[]/g, "("));

describe.each(Object.entries(FAMILIES))("%s", (_family, write) => {
  test("has its two texts back, to the letter", () => {
    fc.assert(
      fc.property(code, code, (prompt, suffix) => {
        expect(readFillIn(write(prompt, suffix))).toEqual({ prompt, suffix });
      }),
    );
  });

  test("has the other files that come first in front of the prompt", () => {
    const context = "// Path: b.ts\nexport const b = 1;\n";
    expect(readFillIn(context + write("const a = ", ";\n"))).toEqual({
      prompt: `${context}const a = `,
      suffix: ";\n",
    });
  });
});

test.each([
  "",
  "Go on from here",
  "<|fim_prefix|>a<|fim_suffix|>b",
  "<|fim_prefix|>a<|fim_middle|>",
  "a<|fim_suffix|>b<|fim_middle|>",
  "<|fim_prefix|>a<fim_suffix>b<|fim_middle|>",
  "<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|> and on",
  "[PREFIX] and [SUFFIX]",
  "[SUFFIX]a",
])("is no gap: %j", (prompt) => {
  expect(readFillIn(prompt)).toBeUndefined();
});

test.each(Object.values(FAMILIES).map((write) => write("const a = ", ";")))(
  "has a gap, its end cut off or not: %j",
  (prompt) => {
    expect([hasGap(prompt), hasGap(`${prompt}\n`)]).toEqual([true, true]);
  },
);

test.each(["", "Go on from here", "[PREFIX] and [SUFFIX]", "<fim_prefix> and <|fim_suffix|>"])(
  "has no gap: %j",
  (prompt) => {
    expect(hasGap(prompt)).toBe(false);
  },
);
