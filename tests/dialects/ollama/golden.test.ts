// Ollama's dialect against its golden cases: what editors send, what they get to the byte.

import { expect } from "bun:test";
import { join } from "node:path";
import type { TSchema } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { AppError } from "../../../src/core/error.ts";
import type { AnswerMeta } from "../../../src/core/stream.ts";
import {
  ChatAnswer,
  ErrorAnswer,
  GenerateAnswer,
} from "../../../src/dialects/ollama/answer-schema.ts";
import { decodeChat, decodeGenerate } from "../../../src/dialects/ollama/decode.ts";
import { encodeChat, encodeGenerate } from "../../../src/dialects/ollama/encode-whole.ts";
import { createChatStream, createGenerateStream } from "../../../src/dialects/ollama/encode.ts";
import { ChatRequest, GenerateRequest } from "../../../src/dialects/ollama/schema.ts";
import { runGoldenSuite } from "../../support/golden.ts";

const GOLDEN = join(import.meta.dir, "../../golden/ollama");

/** The agent's first word comes 250.5 ms after the request, its end 500.25 ms later. */
const TIMING = { startedAt: 1000, firstEventAt: 1250.5, finishedAt: 1750.75 };

/** Every line is written a millisecond after the one before it. */
function fakeClock(created: number) {
  const moments = [TIMING.firstEventAt, TIMING.finishedAt];
  let now = created;
  return { now: () => now++, monotonic: () => moments.shift()! };
}

function validator<T extends TSchema>(schema: T) {
  const compiled = TypeCompiler.Compile(schema);
  return (value: unknown) => {
    if (compiled.Check(value)) return value;
    const path = compiled.Errors(value).First()?.path ?? "";
    throw new AppError("invalid_request", "The body does not fit the schema.", { param: path });
  };
}

function streamOptions(meta: AnswerMeta, decoded: { hideThinking: boolean }) {
  const { startedAt } = TIMING;
  return { clock: fakeClock(meta.created), startedAt, hideThinking: decoded.hideThinking };
}

/** A line is an error, or an answer by the schema without anything that some client trips over. */
function checkLine(checkAnswer: (value: unknown) => unknown) {
  const checkError = validator(ErrorAnswer);
  return (message: unknown) => {
    const line = message as Record<string, unknown>;
    if ("error" in line) return expect(Object.keys(checkError(line))).toEqual(["error"]);
    checkAnswer(line);
    expect(JSON.stringify(line)).not.toContain(":null");
    expect(line).not.toHaveProperty("type");
    return expect("done_reason" in line).toBe(line["done"] === true);
  };
}

const validChat = validator(ChatRequest);
const validChatAnswer = validator(ChatAnswer);

runGoldenSuite({
  name: "ollama chat",
  folder: join(GOLDEN, "chat"),
  framing: "ndjson",
  open(body, meta) {
    const decoded = decodeChat(validChat(body));
    if (decoded.action !== "run") return { turn: decoded };
    const { hideThinking } = decoded;
    return {
      turn: decoded,
      stream: createChatStream(meta, streamOptions(meta, decoded)),
      whole: (result) => encodeChat(result, meta, { timing: TIMING, hideThinking }),
    };
  },
  checkMessage: checkLine(validChatAnswer),
  checkWhole: validChatAnswer,
});

const validGenerate = validator(GenerateRequest);
const validGenerateAnswer = validator(GenerateAnswer);

runGoldenSuite({
  name: "ollama generate",
  folder: join(GOLDEN, "generate"),
  framing: "ndjson",
  open(body, meta) {
    const decoded = decodeGenerate(validGenerate(body));
    if (decoded.action !== "run") return { turn: decoded };
    const { hideThinking } = decoded;
    return {
      turn: decoded,
      stream: createGenerateStream(meta, streamOptions(meta, decoded)),
      whole: (result) => encodeGenerate(result, meta, { timing: TIMING, hideThinking }),
    };
  },
  checkMessage: checkLine(validGenerateAnswer),
  checkWhole: validGenerateAnswer,
});
