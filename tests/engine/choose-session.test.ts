import { describe, expect, test } from "bun:test";
import { createCatalog } from "../../src/engine/catalog.ts";
import { chooseSession, fitToModel } from "../../src/engine/choose-session.ts";
import type { Wanted } from "../../src/engine/choose-session.ts";
import type { TurnRequest } from "../../src/core/turn.ts";
import { aSession } from "../support/fake-directory.ts";

const catalog = createCatalog({ modelName: "my-agent", aliases: { "gpt-4.1-mine": "m2" } });

function wanted(name: string, fields: Partial<Wanted> = {}): Wanted {
  return {
    target: catalog.resolve(name),
    name,
    pin: undefined,
    allowedModels: null,
    allowedSessions: null,
    ...fields,
  };
}

const first = aSession();
const second = aSession({
  sessionId: "s2",
  agentId: "a2",
  createdAt: 2_000,
  models: [{ id: "m2", capabilities: ["completion"] }],
});

describe("a name means a model", () => {
  test.each([
    "cursor-agent",
    "cursor-agent-local",
    "CURSOR-AGENT:latest",
    "my-agent",
    " My-Agent ",
  ])("%p is the default agent's first model", (name) => {
    const choice = chooseSession(wanted(name), [second, first]);
    expect([choice.session.sessionId, choice.model.id]).toEqual(["s1", "m1"]);
  });

  test.each(["m2", "M2:latest", "gpt-4.1-mine", "GPT-4.1-mine:latest"])("%p is m2", (name) => {
    expect(chooseSession(wanted(name), [first, second]).session.sessionId).toBe("s2");
  });

  test("an unknown name is refused, and shown without its control characters", () => {
    expect(() => chooseSession(wanted("evil\u001b[31m"), [first])).toThrow(
      "model 'evil?[31m' not found",
    );
  });

  test("the list stays in place while an agent is away", () => {
    const away = { ...second, connected: false };
    expect(catalog.list([first, away])).toEqual(catalog.list([first, second]));
    expect(catalog.list([first, second]).map((each) => each.model.id)).toEqual([
      "my-agent",
      "cursor-agent",
      "cursor-agent-as-gpt-4.1",
      "cursor-agent-as-claude",
      "m1",
      "m2",
      "gpt-4.1-mine",
    ]);
  });
});

describe("which session", () => {
  const twin = aSession({ sessionId: "s3", createdAt: 500, inFlight: 1 });

  test("the least loaded one, then the oldest", () => {
    expect(chooseSession(wanted("m1"), [twin, first]).session.sessionId).toBe("s1");
    const idle = { ...twin, inFlight: 0 };
    expect(chooseSession(wanted("m1"), [first, idle]).session.sessionId).toBe("s3");
  });

  test("a pin never falls through to another one", () => {
    const pin = wanted("m1", { pin: "nope" });
    expect(() => chooseSession(pin, [first])).toThrow(
      expect.objectContaining({ code: "session_not_found" }),
    );
    expect(chooseSession(wanted("m1", { pin: "s3" }), [first, twin]).session.sessionId).toBe("s3");
  });

  test("a key sees only its own sessions and models", () => {
    const limited = wanted("m1", { allowedSessions: ["s3"] });
    expect(chooseSession(limited, [first, twin]).session.sessionId).toBe("s3");
    expect(() =>
      chooseSession(wanted("m1", { allowedSessions: ["s3"], pin: "s1" }), [first, twin]),
    ).toThrow(expect.objectContaining({ code: "session_not_found" }));
    expect(() => chooseSession(wanted("m1", { allowedModels: ["m2"] }), [first])).toThrow(
      expect.objectContaining({ code: "model_not_found" }),
    );
  });

  test.each([
    ["no_active_session", []],
    ["consent_required", [aSession({ status: "pending", scopes: [] })]],
    ["session_suspended", [aSession({ status: "suspended" })]],
    ["no_active_session", [aSession({ connected: false })]],
    ["no_active_session", [aSession({ status: "revoked" })]],
    ["model_not_found", [second]],
  ] as const)("%p when that is how things stand", (code, sessions) => {
    expect(() => chooseSession(wanted("m1"), sessions)).toThrow(expect.objectContaining({ code }));
  });
});

function completion(prompt: string, suffix?: string): TurnRequest {
  const gap = suffix === undefined ? {} : { suffix };
  return { kind: "completion", model: "m", stream: false, prompt, ...gap, parameters: {} };
}

describe("what the model cannot do", () => {
  const bare = { id: "m", capabilities: ["completion"] as const };
  const chat: TurnRequest = {
    kind: "chat",
    model: "alias",
    stream: true,
    parameters: {},
    messages: [{ role: "user", content: [{ type: "text", text: "hi" }] }],
    tools: [{ name: "read" }],
    toolChoice: "auto",
  };

  test("tools are left out for a model that cannot use them, and the model gets its own name", () => {
    expect(fitToModel(chat, bare)).toEqual({
      kind: "chat",
      model: "m",
      stream: true,
      parameters: {},
      messages: chat.messages,
    });
  });

  test.each<TurnRequest>([
    {
      ...chat,
      messages: [{ role: "user", content: [{ type: "image-url", url: "https://example.org/a" }] }],
    },
    { kind: "embedding", model: "m", stream: false, input: ["a"], parameters: {} },
  ])("images and embeddings are refused: %#", (request) => {
    expect(() => fitToModel(request, bare)).toThrow(
      expect.objectContaining({ code: "unsupported" }),
    );
  });

  test("conversation is refused by a model that makes embeddings only", () => {
    const embeds = { id: "e", capabilities: ["embedding"] as const };
    for (const request of [chat, completion("a")]) {
      expect(() => fitToModel(request, embeds)).toThrow(
        expect.objectContaining({ code: "unsupported", param: "model" }),
      );
    }
  });

  test.each([
    ["suffix", completion("a", "b")],
    ["suffix", completion("a", "")],
    ["prompt", completion("<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>")],
    ["prompt", completion("<fim_suffix>b<fim_prefix>a<fim_middle>")],
    ["prompt", completion("<|code_prefix|>a<|code_suffix|>b<|code_middle|>")],
    ["prompt", completion("<[fim-suffix]>b<[fim-prefix]>a<[fim-middle]>")],
    ["prompt", completion("<｜fim▁begin｜>a<｜fim▁hole｜>b<｜fim▁end｜>")],
    ["prompt", completion("<PRE> a <SUF>b <MID>")],
    ["prompt", completion("[SUFFIX]b[PREFIX]a")],
  ] as const)("filling in by its %s is for models that can insert: %j", (param, request) => {
    expect(() => fitToModel(request, bare)).toThrow(
      expect.objectContaining({ code: "unsupported", param }),
    );
    const fast = { id: "f", capabilities: ["completion", "insert"] as const };
    expect(fitToModel(request, fast)).toEqual({ ...request, model: "f" });
  });

  test("a text to go on from is for every model, half a mark in it or not", () => {
    for (const prompt of ["Once upon a time", "What is <|fim_prefix|>?", "<PRE> a"]) {
      expect(fitToModel(completion(prompt), bare)).toEqual({ ...completion(prompt), model: "m" });
    }
  });
});
