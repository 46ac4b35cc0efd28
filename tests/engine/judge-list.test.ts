import { describe, expect, test } from "bun:test";
import type { Capability } from "../../src/core/model.ts";
import type { Session } from "../../src/core/session.ts";
import type { CompletionRequest } from "../../src/core/turn.ts";
import { createCatalog } from "../../src/engine/catalog.ts";
import type { Caller } from "../../src/engine/engine.ts";
import { createListJudge } from "../../src/engine/judge-list.ts";
import { aSession } from "../support/fake-directory.ts";

const GAP = "<|fim_prefix|>return <|fim_suffix|>}<|fim_middle|>";
const REFUSAL = "This model cannot fill in the middle";

function aPrompt(prompt: string, suffix?: string): CompletionRequest {
  const fields = { stream: false, parameters: {}, ...(suffix !== undefined && { suffix }) };
  return { kind: "completion", model: "m1", prompt, ...fields };
}

function judging(sessions: readonly Session[], pin?: string) {
  const catalog = createCatalog({ modelName: undefined, aliases: {} });
  const judge = createListJudge({ sessions: { list: () => sessions }, catalog });
  const caller: Caller = {
    requestId: "req_1",
    keyId: "k",
    peer: "127.0.0.1",
    origin: { userAgent: undefined, endpoint: "/x", method: "POST", bytes: 2, promptHash: "h" },
    fingerprint: "f",
    idempotencyKey: undefined,
    retryCount: 0,
    pin,
    allowedModels: null,
    allowedSessions: null,
  };
  return (...[first, ...others]: [CompletionRequest, ...CompletionRequest[]]): void =>
    judge([first, ...others], caller);
}

function can(sessionId: string, ...capabilities: readonly Capability[]): Session {
  return aSession({ sessionId, models: [{ id: "m1", capabilities }] });
}

describe("the judge of a list", () => {
  const plain = aPrompt("a");

  test.each([
    ["the first", [aPrompt(GAP), plain], "prompt[0]"],
    ["the last", [plain, plain, aPrompt(GAP)], "prompt[2]"],
    ["one with a suffix", [plain, aPrompt("a", "b")], "suffix"],
  ] as const)(
    "refuses it for %s that the model cannot do, and names the field",
    (_which, list, param) => {
      const [first, ...others] = list;
      expect(() => judging([can("s1", "completion")])(first, ...others)).toThrow(
        expect.objectContaining({ message: expect.stringContaining(REFUSAL), param }),
      );
      expect(judging([can("s1", "completion", "insert")])(first, ...others)).toBeUndefined();
    },
  );

  test("goes by the session that the client insists on", () => {
    const sessions = [can("s1", "completion", "insert"), can("s2", "completion")];
    expect(judging(sessions, "s1")(plain, aPrompt(GAP))).toBeUndefined();
    expect(() => judging(sessions, "s2")(plain, aPrompt(GAP))).toThrow(REFUSAL);
  });

  test("leaves it to the admission to say why there is no session", () => {
    expect(judging([])(plain, aPrompt(GAP))).toBeUndefined();
    expect(judging([can("s1", "completion")], "gone")(plain, aPrompt(GAP))).toBeUndefined();
  });
});
