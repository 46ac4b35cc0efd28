// Text of a message → a frame that its sender may say, or what is wrong with it. Pure; never throws.
// The schemas are in frame.ts; what a violation leads to is decided by the link machine.

import { type TypeCheck, TypeCompiler } from "@sinclair/typebox/compiler";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../core/json.ts";
import { type ChunkFrame, type Frame, FRAMES, type FrameType } from "./frame.ts";

/** Who is at an end of a link. */
export type Party = "hub" | "agent" | "provider";

/** Something a peer must not say. `id` is there when it names a turn, which alone may then pay for it. */
export interface Violation {
  readonly violation: string;
  readonly type?: FrameType;
  readonly id?: string;
}

export function isViolation(value: Frame | Violation): value is Violation {
  return "violation" in value;
}

export interface Decoder {
  decode(text: string, from: Party, to: Party): Frame | Violation;
}

/** Deepest nesting taken inside a tool's parameters or a response format's schema. */
const MAX_DEPTH = 64;

const ANSWERS: readonly FrameType[] = ["model_stream_chunk", "model_result"];
const ASKS: readonly FrameType[] = ["model_invoke", "tool_results", "cancel", "flow"];
const ALWAYS: readonly FrameType[] = ["error", "ping", "pong"];

const ALLOWED = {
  agent: new Set<FrameType>([...ALWAYS, ...ANSWERS, "hello"]),
  provider: new Set<FrameType>([...ALWAYS, ...ASKS, "hello"]),
  "hub to agent": new Set<FrameType>([...ALWAYS, ...ASKS, "welcome", "session"]),
  "hub to provider": new Set<FrameType>([...ALWAYS, ...ANSWERS, "welcome", "session"]),
} as const;

/** A decoder compiles each schema once, when the first frame of that type arrives: share it between links. */
export function createDecoder(): Decoder {
  const compiled = new Map<FrameType, TypeCheck<(typeof FRAMES)[FrameType]>>();

  function fits(type: FrameType, value: JsonObject): boolean {
    let check = compiled.get(type);
    if (check === undefined) {
      check = TypeCompiler.Compile(FRAMES[type]);
      compiled.set(type, check);
    }
    return check.Check(value);
  }

  function decode(text: string, from: Party, to: Party): Frame | Violation {
    const value = parseJson(text);
    if (!isJsonObject(value)) return { violation: "not a JSON object" };
    const type = value["type"];
    if (!isFrameType(type)) return { violation: "unknown type of frame" };
    if (!allowed(from, to).has(type)) return { violation: `${type} is not for ${from} to send` };
    if (type === "model_stream_chunk" && isPlainChunk(value)) return asFrame(value);
    if (fits(type, value) && shallow(type, value)) return asFrame(value);
    const id = value["id"];
    const violation = `${type} has a wrong, missing or unknown field`;
    return typeof id === "string" && id.length <= 128
      ? { violation, type, id }
      : { violation, type };
  }

  return { decode };
}

function allowed(from: Party, to: Party): ReadonlySet<FrameType> {
  if (from !== "hub") return ALLOWED[from];
  return to === "agent" ? ALLOWED["hub to agent"] : ALLOWED["hub to provider"];
}

function isFrameType(type: JsonValue | undefined): type is FrameType {
  return typeof type === "string" && Object.hasOwn(FRAMES, type);
}

/** The frame that arrives most by far: one piece of text and nothing else. Anything more takes the compiled check. */
function isPlainChunk(value: JsonObject): boolean {
  for (const key in value) {
    if (key !== "type" && key !== "id" && key !== "chunk_index" && key !== "delta") return false;
  }
  const { id, chunk_index: index, delta } = value as Partial<ChunkFrame>;
  if (typeof id !== "string" || id.length === 0 || id.length > 128) return false;
  if (!Number.isSafeInteger(index) || (index ?? -1) < 0) return false;
  if (typeof delta !== "object" || delta === null) return false;
  for (const key in delta) if (key !== "content") return false;
  return typeof delta.content === "string";
}

/** The one place where a checked value becomes a frame. */
function asFrame(checked: JsonObject): Frame {
  return checked as unknown as Frame;
}

/** Only the JSON Schemas that a request carries can be deep: everything else is closed. */
function shallow(type: FrameType, value: JsonObject): boolean {
  if (type !== "model_invoke") return true;
  const { payload } = value;
  if (!isJsonObject(payload)) return false;
  return (
    within(payload["tools"], MAX_DEPTH + 5) && within(payload["response_format"], MAX_DEPTH + 5)
  );
}

function within(value: JsonValue | undefined, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (depth === 0) return false;
  for (const inner of Object.values(value)) if (!within(inner, depth - 1)) return false;
  return true;
}
