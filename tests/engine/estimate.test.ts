// What a request weighs where nobody counts its tokens.

import { expect, test } from "bun:test";
import type { Part, ResumeRequest } from "../../src/core/turn.ts";
import { promptCharacters } from "../../src/engine/estimate.ts";

const IMAGE: Part = { type: "image", mediaType: "image/png", data: "A".repeat(4000) };
const said = (text: string): Part => ({ type: "text", text });

test("results of tools weigh by their words and those beside them, not by their images' data", () => {
  const request: ResumeRequest = {
    kind: "resume",
    model: "m",
    stream: true,
    resumes: "turn_0",
    results: [
      { toolCallId: "c1", content: [said("12345"), IMAGE, said("678")] },
      { toolCallId: "c2", content: [] },
    ],
  };
  expect(promptCharacters(request)).toBe(8);
  expect(promptCharacters({ ...request, message: [IMAGE, said("90")] })).toBe(10);
});
