import { describe, expect, test } from "bun:test";
import type {
  ChatRequest,
  CompletionRequest,
  EmbeddingRequest,
  Parameters,
} from "../../src/core/turn.ts";
import { clampMaxTokens, reservationFor } from "../../src/engine/admission.ts";

function aChat(text: string, parameters: Parameters = {}): ChatRequest {
  return {
    kind: "chat",
    model: "m",
    stream: true,
    messages: [{ role: "user", content: [{ type: "text", text }] }],
    parameters,
  };
}

const completion: CompletionRequest = {
  kind: "completion",
  model: "m",
  stream: true,
  prompt: "x".repeat(40),
  suffix: "y".repeat(20),
  parameters: { maxTokens: 64 },
};

const embedding: EmbeddingRequest = {
  kind: "embedding",
  model: "m",
  stream: false,
  input: ["x".repeat(100), "y".repeat(101)],
  parameters: {},
};

describe("what a request reserves", () => {
  test("is its prompt by estimate and the answer it asks for", () => {
    expect(reservationFor(aChat("x".repeat(401), { maxTokens: 300 }), 2_048)).toBe(101 + 300);
    expect(reservationFor(completion, 2_048)).toBe(15 + 64);
  });

  test("is the given figure for an answer whose length is not said", () => {
    expect(reservationFor(aChat("x".repeat(400)), 2_048)).toBe(100 + 2_048);
  });

  test("is the input alone of what has no words for an answer", () => {
    expect(reservationFor(embedding, 2_048)).toBe(51);
  });
});

describe("the cap of max_tokens", () => {
  test("lowers what is over it, and says so", () => {
    const { request, notice } = clampMaxTokens(aChat("hi", { maxTokens: 9_000, topP: 1 }), 8_192);
    expect(request).toEqual(aChat("hi", { maxTokens: 8_192, topP: 1 }));
    expect(notice).toBe("max_tokens was lowered to 8192, the most allowed here");
  });

  test("holds where the client says nothing, without a word: it lowered nothing", () => {
    expect(clampMaxTokens(aChat("hi"), 100)).toEqual({ request: aChat("hi", { maxTokens: 100 }) });
  });

  test("leaves alone what is under it, what has no answer in words, and everything where there is none", () => {
    for (const request of [aChat("hi", { maxTokens: 100 }), completion, embedding]) {
      expect(clampMaxTokens(request, 100).request).toBe(request);
    }
    const unsaid = aChat("hi");
    expect(clampMaxTokens(unsaid, null).request).toBe(unsaid);
  });
});
