// The one runner of golden cases, for every dialect. A case is a set of files with one name in a folder:
//
//   <case>.request.json   what the editor posts
//   <case>.turn.json      what the dialect decodes it to, or {"error": {code, param?, message}} when it refuses it
//   <case>.events.jsonl   what the agent answers: one TurnEvent per line; also {"heartbeat": true}, and as the
//                         last line {"error": {code, message}} for an answer that fails
//   <case>.wire.txt       the streamed answer, to the byte
//   <case>.whole.json     the whole answer; wanted if the events end in a finish and the dialect has whole answers
//
// A case without events is about the request only. Run with GOLDEN_UPDATE=1 to write the expected files anew
// (then `bun fmt` them), then read every line of the difference: a golden file is a claim, not a record.

import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { AppError, isErrorCode } from "../../src/core/error.ts";
import type { FinishEvent, TurnEvent, TurnResult } from "../../src/core/event.ts";
import type { AnswerMeta, StreamEncoder } from "../../src/core/stream.ts";
import { createNdjsonDecoder, ndjsonLine } from "../../src/wire/ndjson.ts";
import { createSseDecoder, sseData, sseEvent } from "../../src/wire/sse.ts";
import type { SseMessage } from "../../src/wire/sse.ts";
import { createUtf8Decoder } from "../../src/wire/utf8.ts";

/** One request of a case, opened by the dialect. */
interface GoldenAnswer {
  /** What was decoded, as `.turn.json` has it. */
  readonly turn: unknown;
  /** Absent when this request is never streamed. */
  readonly stream?: StreamEncoder;
  /** Absent when this request has no whole answer. `before`: the earlier ones, where the events end more than once. */
  whole?(result: TurnResult, before: readonly TurnResult[]): unknown;
}

export interface GoldenSuite {
  /** The dialect's name, for the test report. */
  readonly name: string;
  /** The folder of the cases, absolute. */
  readonly folder: string;
  readonly framing: "sse" | "ndjson";
  /** Validates and decodes; throws `AppError` for a request that is refused. `meta` is the same for every case. */
  open(body: unknown, meta: AnswerMeta): GoldenAnswer;
  /** Looks at every message of the stream (an SSE message's data, or a line), parsed; `[DONE]` is left out. */
  checkMessage?(message: unknown): void;
  /** Looks at the whole answer. */
  checkWhole?(answer: unknown): void;
}

type Message = SseMessage | string;

/** The model's name is the request's own. */
const GOLDEN_META = { id: "answer-1", created: 1_767_323_045_678 } as const;

const UPDATE = process.env["GOLDEN_UPDATE"] === "1";

type EventLine =
  TurnEvent | { heartbeat: true } | { error: { code: string; message: string; param?: string } };

/** Declares the tests of every case in the suite's folder. */
export function runGoldenSuite(suite: GoldenSuite): void {
  const names = readdirSync(suite.folder)
    .filter((file) => file.endsWith(".request.json"))
    .map((file) => basename(file, ".request.json"))
    .sort();
  describe(`golden: ${suite.name}`, () => {
    test("there are cases", () => expect(names).not.toBeEmpty());
    for (const name of names) describe(name, () => declareCase(suite, name));
  });
}

function declareCase(suite: GoldenSuite, name: string): void {
  const path = (kind: string) => join(suite.folder, `${name}.${kind}`);
  const open = async (): Promise<GoldenAnswer> => {
    const body: unknown = await Bun.file(path("request.json")).json();
    return openOrRefuse(suite, body);
  };

  test("decodes the request", async () => {
    await expectJson(path("turn.json"), (await open()).turn);
  });

  test("streams the answer to the byte", async () => {
    const events = await readEvents(path("events.jsonl"));
    const { stream } = await open();
    if (events === undefined || stream === undefined) {
      return expect(await Bun.file(path("wire.txt")).exists()).toBe(false);
    }
    await expectText(path("wire.txt"), encode(stream, events));
    expectSoundStream(suite, await Bun.file(path("wire.txt")).text());
  });

  test("reads the same however the stream is cut and its lines end", async () => {
    const wire = Bun.file(path("wire.txt"));
    if (await wire.exists()) return expectSameMessages(suite.framing, await wire.text());
    const events = await readEvents(path("events.jsonl"));
    expect((await open()).stream && events).toBeUndefined();
  });

  test("answers whole", async () => {
    const events = await readEvents(path("events.jsonl"));
    const answer = await open();
    const results = events === undefined ? [] : splitAnswers(events).map(joinEvents);
    const result = results.pop();
    if (result === undefined || answer.whole === undefined) {
      return expect(await Bun.file(path("whole.json")).exists()).toBe(false);
    }
    const before = results.filter((each) => each !== undefined);
    const whole = answer.whole(result, before);
    await expectJson(path("whole.json"), whole);
    suite.checkWhole?.(structuredClone(whole));
  });
}

function openOrRefuse(suite: GoldenSuite, body: unknown): GoldenAnswer {
  const model = (body as { model?: unknown }).model;
  try {
    return suite.open(body, { ...GOLDEN_META, model: typeof model === "string" ? model : "" });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { code, param, message } = error;
    return { turn: { error: { code, ...(param !== undefined && { param }), message } } };
  }
}

async function readEvents(path: string): Promise<EventLine[] | undefined> {
  const file = Bun.file(path);
  if (!(await file.exists())) return undefined;
  const lines = (await file.text()).split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as EventLine);
}

function encode(stream: StreamEncoder, events: readonly EventLine[]): string {
  let wire = stream.start();
  for (const event of events) {
    if ("heartbeat" in event) wire += stream.heartbeat();
    else if ("error" in event) wire += stream.error(toError(event.error));
    else wire += stream.event(event);
  }
  return wire;
}

function toError(error: { code: string; message: string; param?: string }): AppError {
  if (!isErrorCode(error.code)) throw new Error(`no such error code: ${error.code}`);
  const details = error.param === undefined ? {} : { param: error.param };
  return new AppError(error.code, error.message, details);
}

/** One for each `finish`, and the rest, if there is one. */
function splitAnswers(lines: readonly EventLine[]): EventLine[][] {
  const answers: EventLine[][] = [];
  let ended = true;
  for (const line of lines) {
    if (ended) answers.push([]);
    answers.at(-1)?.push(line);
    ended = "type" in line && line.type === "finish";
  }
  return answers;
}

/** The events put together, or undefined when they end in an error. */
function joinEvents(lines: readonly EventLine[]): TurnResult | undefined {
  let text = "";
  let reasoning = "";
  let vectors: TurnResult["vectors"] = [];
  let finish: FinishEvent | undefined;
  const toolCalls: { id: string; name: string; arguments: string }[] = [];
  for (const line of lines) {
    if ("heartbeat" in line || "error" in line) continue;
    if (line.type === "text-delta") text += line.text;
    else if (line.type === "reasoning-delta") reasoning += line.text;
    else if (line.type === "embeddings") vectors = line.vectors;
    else if (line.type === "finish") finish = line;
    else if (line.type === "tool-call-delta") toolCalls.at(-1)!.arguments += line.arguments;
    else toolCalls.push({ id: line.id, name: line.name, arguments: "" });
  }
  for (const call of toolCalls) call.arguments ||= "{}";
  return finish && { text, reasoning, toolCalls, vectors, finish };
}

/** The stream is made of nothing but messages and comments, and each message is JSON. */
function expectSoundStream(suite: GoldenSuite, wire: string): void {
  const messages = decode(suite.framing, [new TextEncoder().encode(wire)]);
  const bare = suite.framing === "sse" ? wire.replaceAll(/^:[^\n]*\n\n/gm, "") : wire;
  expect(messages.map(frame).join("")).toBe(bare);
  for (const message of messages) {
    const payload = typeof message === "string" ? message : message.data;
    if (payload !== "[DONE]") suite.checkMessage?.(JSON.parse(payload));
  }
}

function frame(message: Message): string {
  if (typeof message === "string") return ndjsonLine(message);
  return message.event === undefined
    ? sseData(message.data)
    : sseEvent(message.event, message.data);
}

function expectSameMessages(framing: GoldenSuite["framing"], wire: string): void {
  const whole = decode(framing, [new TextEncoder().encode(wire)]);
  expect(whole).not.toBeEmpty();
  const lineEnds = framing === "sse" ? ["\n", "\r\n", "\r"] : ["\n", "\r\n"];
  for (const lineEnd of lineEnds) {
    const bytes = new TextEncoder().encode(wire.replaceAll("\n", lineEnd));
    expect(decode(framing, cutEvery(bytes, 1))).toEqual(whole);
    expect(decode(framing, cutEvery(bytes, 7))).toEqual(whole);
    expect(decode(framing, cutInsideCharacters(bytes))).toEqual(whole);
  }
}

/** Decodes bytes that arrive in these pieces. */
function decode(framing: GoldenSuite["framing"], pieces: readonly Uint8Array[]): Message[] {
  const utf8 = createUtf8Decoder();
  const decoder: { push(text: string): Message[]; end(): Message[] } =
    framing === "sse" ? createSseDecoder() : createNdjsonDecoder();
  const messages = pieces.flatMap((piece) => decoder.push(utf8.push(piece)));
  return [...messages, ...decoder.push(utf8.end()), ...decoder.end()];
}

function cutEvery(bytes: Uint8Array, size: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return pieces;
}

/** Cuts before every continuation byte of UTF-8, and nowhere else. */
function cutInsideCharacters(bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (let at = 1; at < bytes.length; at += 1) {
    if ((bytes[at]! & 0xc0) !== 0x80) continue;
    pieces.push(bytes.subarray(from, at));
    from = at;
  }
  return [...pieces, bytes.subarray(from)];
}

/** Compares values and the order of their fields, not white space: the formatter owns that. */
async function expectJson(path: string, actual: unknown): Promise<void> {
  const text = JSON.stringify(actual, null, 2);
  if (UPDATE) await Bun.write(path, `${text}\n`);
  const expected: unknown = await Bun.file(path).json();
  expect(text).toBe(JSON.stringify(expected, null, 2));
}

async function expectText(path: string, actual: string): Promise<void> {
  if (UPDATE) await Bun.write(path, actual);
  expect(actual).toBe(await Bun.file(path).text());
}
