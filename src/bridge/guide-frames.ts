// What a foreign bridge may say, in the forms of both implementation guides at once: `nested` and `flat`. Tolerant:
// unknown fields pass, `null` is absent, and what we do not know is told apart from what is broken. Pure; never throws.

import { type Static, type TProperties, type TSchema, Type } from "@sinclair/typebox";
import { type TypeCheck, TypeCompiler } from "@sinclair/typebox/compiler";
import { isJsonObject, type JsonObject, parseJson } from "../core/json.ts";

/** Which guide's frames a bridge hears from us. From it, both are understood. */
export type GuideDialect = "nested" | "flat";

/** Whatever else is in it is not ours to know. */
function open<P extends TProperties>(properties: P) {
  return Type.Object(properties, { additionalProperties: true });
}

function maybe<S extends TSchema>(schema: S) {
  return Type.Optional(Type.Union([schema, Type.Null()]));
}

const Text = Type.String();
const Id = Type.String({ minLength: 1, maxLength: 256 });

const GuideUsage = open({
  prompt_tokens: maybe(Type.Number()),
  completion_tokens: maybe(Type.Number()),
});
export type GuideUsage = Static<typeof GuideUsage>;

/** A call of a tool, or a piece of one (OpenAI chat completions: `tool_calls` of a message and of a delta). */
const GuideCall = open({
  index: maybe(Type.Integer()),
  id: maybe(Text),
  function: maybe(open({ name: maybe(Text), arguments: maybe(Type.Union([Text, open({})])) })),
});
export type GuideCall = Static<typeof GuideCall>;

/** A delta of a stream, or the message of a whole answer. */
const GuideDelta = open({
  content: maybe(Type.Union([Text, Type.Array(open({ text: maybe(Text) }))])),
  reasoning: maybe(Text),
  reasoning_content: maybe(Text),
  tool_calls: maybe(Type.Array(GuideCall)),
});
export type GuideDelta = Static<typeof GuideDelta>;

/** `error{message}` in the nested guide, plain text in the flat one. */
const GuideError = Type.Union([Text, open({ message: maybe(Text) })]);
export type GuideError = Static<typeof GuideError>;

/** Nested: `chunk_index, delta, finish_reason`. Flat: `chunk{delta, finish_reason}, finished`. */
const GuideChunk = open({
  type: Type.Literal("model_stream_chunk"),
  id: Id,
  chunk_index: maybe(Type.Integer()),
  delta: maybe(GuideDelta),
  finish_reason: maybe(Text),
  chunk: maybe(open({ delta: maybe(GuideDelta), finish_reason: maybe(Text) })),
  finished: maybe(Type.Boolean()),
  usage: maybe(GuideUsage),
  error: maybe(GuideError),
});
export type GuideChunk = Static<typeof GuideChunk>;

const Choices = Type.Array(
  open({ message: maybe(GuideDelta), text: maybe(Text), finish_reason: maybe(Text) }),
);
const Vectors = Type.Array(Type.Array(Type.Number()));

const answer = {
  choices: maybe(Choices),
  usage: maybe(GuideUsage),
  /** No guide says how embeddings come back: as plain vectors, or as OpenAI's `data`. */
  embeddings: maybe(Vectors),
  data: maybe(Type.Array(open({ embedding: Type.Array(Type.Number()) }))),
};

const GuideAnswer = open(answer);
export type GuideAnswer = Static<typeof GuideAnswer>;

/** Nested: `status` and a `result` around the answer. Flat: the answer itself. */
const GuideResult = open({
  type: Type.Literal("model_result"),
  id: Id,
  status: maybe(Text),
  result: maybe(GuideAnswer),
  ...answer,
  error: maybe(GuideError),
});
export type GuideResult = Static<typeof GuideResult>;

/** With `id` it ends that turn; without, it is about the link. */
const GuideFailure = open({
  type: Type.Literal("error"),
  id: maybe(Id),
  error: maybe(GuideError),
  message: maybe(Text),
});
export type GuideFailure = Static<typeof GuideFailure>;

const FRAMES = {
  model_stream_chunk: GuideChunk,
  model_result: GuideResult,
  error: GuideFailure,
} as const;
type FrameType = keyof typeof FRAMES;

export type GuideFrame = GuideChunk | GuideResult | GuideFailure;

/** `broken` names the turn that has to pay for it, where it names one. */
export type GuideMessage =
  | { readonly kind: "frame"; readonly frame: GuideFrame }
  /** `ping`, `pong`: a sign of life and nothing else. */
  | { readonly kind: "sign" }
  | { readonly kind: "unknown" }
  | { readonly kind: "broken"; readonly id: string | undefined };

export interface GuideDecoder {
  decode(text: string): GuideMessage;
}

/** Compiles each schema once, when the first frame of its type arrives: share it between links. */
export function createGuideDecoder(): GuideDecoder {
  const compiled = new Map<FrameType, TypeCheck<TSchema>>();

  function fits(type: FrameType, value: JsonObject): boolean {
    let check = compiled.get(type);
    if (check === undefined) {
      check = TypeCompiler.Compile<TSchema>(FRAMES[type]);
      compiled.set(type, check);
    }
    return check.Check(value);
  }

  function decode(text: string): GuideMessage {
    const value = parseJson(text);
    if (!isJsonObject(value)) return { kind: "broken", id: undefined };
    const { type, id } = value;
    if (type === "ping" || type === "pong") return { kind: "sign" };
    if (typeof type !== "string" || !isFrameType(type)) return { kind: "unknown" };
    if (fits(type, value)) return { kind: "frame", frame: asFrame(value) };
    return { kind: "broken", id: typeof id === "string" ? id : undefined };
  }

  return { decode };
}

function isFrameType(type: string): type is FrameType {
  return Object.hasOwn(FRAMES, type);
}

/** The one place where a checked value becomes a frame. */
function asFrame(checked: JsonObject): GuideFrame {
  return checked as unknown as GuideFrame;
}
