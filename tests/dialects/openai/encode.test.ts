import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { AppError } from "../../../src/core/error.ts";
import type { FinishReason, TurnEvent, TurnResult } from "../../../src/core/event.ts";
import {
  createChatStream,
  encodeChat,
  encodeEmbeddings,
} from "../../../src/dialects/openai/encode.ts";
import { encodeError, errorType } from "../../../src/dialects/openai/errors.ts";
import { encodeModel, encodeModelList } from "../../../src/dialects/openai/models.ts";
import {
  ChatCompletionChunk,
  EmbeddingsResponse,
  ErrorResponse,
  ModelList,
} from "../../../src/dialects/openai/schema.ts";
import type { Model } from "../../../src/dialects/openai/schema.ts";
import { createSseDecoder } from "../../../src/wire/sse.ts";
import { createShapeCheck, openEmbeddings } from "./support.ts";

const META = { id: "a", model: 'm "x"', created: 1_767_323_045_999 };
const STOP = { type: "finish", reason: "stop" } as const;
const EMPTY: TurnResult = { text: "", reasoning: "", toolCalls: [], vectors: [], finish: STOP };

const reasons: FinishReason[] = ["stop", "tool_calls", "length", "content_filter"];

function callOf(id: string, pieces: readonly string[]): TurnEvent[] {
  const deltas = pieces.map((text): TurnEvent => ({
    type: "tool-call-delta",
    id,
    arguments: text,
  }));
  return [{ type: "tool-call-start", id, name: "f" }, ...deltas];
}

function turnOf(deltas: readonly TurnEvent[][], reason: FinishReason, counted: boolean) {
  const usage = counted && { usage: { promptTokens: 1, completionTokens: 2 } };
  const finish: TurnEvent = { type: "finish", reason, ...usage };
  return [...deltas.flat(), finish];
}

/** A turn as agents may answer it: calls one after the other, each with its pieces, then the end. */
const turn: fc.Arbitrary<TurnEvent[]> = fc
  .tuple(
    fc.array(
      fc.oneof(
        fc.string().map((text): TurnEvent[] => [{ type: "text-delta", text }]),
        fc.string().map((text): TurnEvent[] => [{ type: "reasoning-delta", text }]),
        fc
          .tuple(fc.nat(), fc.array(fc.string(), { maxLength: 3 }))
          .map(([id, pieces]) => callOf(`call_${id}`, pieces)),
      ),
    ),
    fc.constantFrom(...reasons),
    fc.boolean(),
  )
  .map((parts) => turnOf(...parts));

function dataOf(wire: string): string[] {
  const decoder = createSseDecoder();
  return [...decoder.push(wire), ...decoder.end()].map((message) => message.data);
}

describe("a stream of chunks", () => {
  test("has, for any turn, one role, one end, calls in order, and usage last or not at all", () => {
    const checkChunk = createShapeCheck(ChatCompletionChunk);
    fc.assert(
      fc.property(turn, fc.boolean(), (events, includeUsage) => {
        const stream = createChatStream(META, { includeUsage });
        const data = dataOf(stream.start() + events.map((event) => stream.event(event)).join(""));
        expect(data.pop()).toBe("[DONE]");
        const chunks = data.map((text) => JSON.parse(text) as ChatCompletionChunk);
        for (const chunk of chunks) checkChunk(chunk);
        expect(chunks.every(({ id, model }) => id === "a" && model === META.model)).toBe(true);

        const usage = chunks.filter((chunk) => "usage" in chunk);
        const finish = events.at(-1) as Extract<TurnEvent, { type: "finish" }>;
        expect(usage).toHaveLength(includeUsage && finish.usage ? 1 : 0);
        if (usage[0]) expect(chunks.pop()).toEqual({ ...usage[0], choices: [] });

        const choices = chunks.map((chunk) => chunk.choices[0]!);
        expect(choices.filter(({ finish_reason: reason }) => reason !== null)).toEqual([
          choices.at(-1)!,
        ]);
        expect(choices.filter(({ delta }) => delta.role !== undefined)).toEqual([choices[0]!]);
        expect(choices.every(({ delta }) => Object.keys(delta).length <= 2)).toBe(true);
        expectCalls(events, choices);
      }),
    );
  });

  /** What a client that joins the pieces, in order, ends up with. */
  function expectCalls(
    events: readonly TurnEvent[],
    choices: readonly ChatCompletionChunk["choices"][number][],
  ): void {
    const sent = events
      .filter((event) => event.type === "tool-call-start")
      .map((start) => ({ id: start.id, arguments: "" }));
    let at = -1;
    for (const event of events) {
      if (event.type === "tool-call-start") at += 1;
      if (event.type === "tool-call-delta") sent[at]!.arguments += event.arguments;
    }
    const heard: { id: string; arguments: string }[] = [];
    for (const piece of choices.flatMap(({ delta }) => delta.tool_calls ?? [])) {
      if (piece.id !== undefined) heard.push({ id: piece.id, arguments: "" });
      expect(piece.index).toBe(heard.length - 1);
      heard.at(-1)!.arguments += piece.function.arguments;
    }
    for (const call of sent) call.arguments ||= "{}";
    expect(heard).toEqual(sent);
  }

  test("beats in a comment, and not the one that Continue stumbles over", () => {
    const heartbeat = createChatStream(META, { includeUsage: true }).heartbeat();
    expect(heartbeat).toBe(": keep-alive\n\n");
    expect(dataOf(heartbeat)).toEqual([]);
  });

  test("that fails ends with an error that has no choices, and is not done", () => {
    const stream = createChatStream(META, { includeUsage: true });
    const wire = stream.start() + stream.error(new AppError("agent_timeout", "Too slow."));
    expect(JSON.parse(dataOf(wire).at(-1)!)).toEqual({
      error: { message: "Too slow.", type: "api_error", param: null, code: "agent_timeout" },
    });
    expect(wire).not.toContain("[DONE]");
  });
});

describe("a whole answer", () => {
  test("has text for content unless calls take its place", () => {
    const message = (result: Partial<TurnResult>) =>
      encodeChat({ ...EMPTY, ...result }, META).choices[0]!.message;
    const toolCalls = [{ id: "c", name: "f", arguments: "" }];
    expect(message({}).content).toBe("");
    expect(message({ toolCalls }).content).toBeNull();
    expect(message({ toolCalls, text: "x" }).content).toBe("x");
    expect(message({ toolCalls }).tool_calls?.[0]?.function.arguments).toBe("{}");
    expect(message({})).not.toContainAnyKeys(["tool_calls", "reasoning", "reasoning_content"]);
  });

  test("invents no usage", () => {
    expect(encodeChat(EMPTY, META)).not.toHaveProperty("usage");
  });
});

describe("embeddings", () => {
  const vectors = [
    [0.5, -1, 0],
    [1e-3, 2, 3],
  ];
  const result: TurnResult = {
    ...EMPTY,
    vectors,
    finish: { ...STOP, usage: { promptTokens: 4, completionTokens: 0, estimated: true } },
  };
  const checkShape = createShapeCheck(EmbeddingsResponse);

  test("are numbers, in the order of the texts", () => {
    const answer = encodeEmbeddings(result, META, "float");
    expect(answer.data.map(({ index, embedding }) => [index, embedding])).toEqual([
      [0, vectors[0]!],
      [1, vectors[1]!],
    ]);
    expect(answer.usage).toEqual({ prompt_tokens: 4, total_tokens: 4, estimated: true });
    expect(() => checkShape(answer)).not.toThrow();
  });

  test("are little-endian 32-bit floats in base64", () => {
    const answer = encodeEmbeddings(result, META, "base64");
    // 0.5 = 3f000000, -1 = bf800000, 0 = 00000000, each with its lowest byte first.
    const bytes = Uint8Array.of(0, 0, 0, 0x3f, 0, 0, 0x80, 0xbf, 0, 0, 0, 0);
    expect(answer.data[0]!.embedding).toBe(bytes.toBase64());
    expect(() => checkShape(answer)).not.toThrow();
  });

  test("are asked for with one text or several, and never with tokens", () => {
    const open = (input: unknown) => openEmbeddings({ model: "m", input, dimensions: 8 });
    expect(open("x")).toEqual({
      encoding: "float",
      request: {
        kind: "embedding",
        model: "m",
        stream: false,
        input: ["x"],
        dimensions: 8,
        parameters: {},
      },
    });
    expect(open(["x", ""]).request.input).toEqual(["x", ""]);
    const code = (input: unknown) => {
      try {
        open(input);
      } catch (error) {
        return error instanceof AppError && [error.code, error.param];
      }
      return undefined;
    };
    expect(code([])).toEqual(["invalid_request", "input"]);
    expect(code([1, 2])).toEqual(["unsupported", "input"]);
    expect(code([[1], [2]])).toEqual(["unsupported", "input"]);
  });
});

describe("models", () => {
  test("have the fields of the protocol, and time in seconds", () => {
    const model = { id: "cursor-agent", label: "Cursor", capabilities: ["completion"] } as const;
    const entry: Model = {
      id: "cursor-agent",
      object: "model",
      created: 1_767_323_045,
      owned_by: "mcp-local-provider",
      permission: [],
      root: "cursor-agent",
      parent: null,
    };
    expect(encodeModel(model, META.created)).toEqual(entry);
    const list = encodeModelList([model, { ...model, id: "b" }], META.created);
    expect(list).toEqual({ object: "list", data: [entry, { ...entry, id: "b", root: "b" }] });
    expect(() => createShapeCheck(ModelList)(structuredClone(list))).not.toThrow();
    expect(encodeModelList([], 0)).toEqual({ object: "list", data: [] });
  });
});

describe("errors", () => {
  test("carry the status of their code, and all four fields", () => {
    const error = encodeError(new AppError("unsupported", "Not here.", { param: "n" }));
    expect(error).toEqual({
      status: 400,
      body: {
        error: {
          message: "Not here.",
          type: "invalid_request_error",
          param: "n",
          code: "unsupported",
        },
      },
    });
    expect(() => createShapeCheck(ErrorResponse)(error.body)).not.toThrow();
    expect(encodeError(new AppError("internal", "x")).body.error.param).toBeNull();
  });

  test.each([
    [400, "invalid_request_error"],
    [401, "authentication_error"],
    [403, "permission_error"],
    [404, "not_found_error"],
    [405, "invalid_request_error"],
    [409, "invalid_request_error"],
    [413, "invalid_request_error"],
    [415, "invalid_request_error"],
    [422, "invalid_request_error"],
    [429, "rate_limit_error"],
    [500, "api_error"],
    [501, "api_error"],
    [502, "api_error"],
    [503, "api_error"],
    [504, "api_error"],
  ])("of status %d are of type %s", (status, type) => {
    expect(errorType(status)).toBe(type);
  });
});
