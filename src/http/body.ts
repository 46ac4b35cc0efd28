// Request bodies of the hot routes: read once, decoded strictly, parsed once, checked by a compiled schema.
// The framework's own parsing is not used there: it accepts forms and text as JSON, and echoes what it refuses.

import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import type { TypeCheck, ValueError } from "@sinclair/typebox/compiler";
import type { Static, TSchema } from "@sinclair/typebox";
import { AppError } from "../core/error.ts";
import type { Buffers, Hold } from "../engine/buffers.ts";

export interface BodyLimits {
  /** Of the decoded body, in bytes. */
  readonly bodyBytes: number;
  readonly jsonDepth: number;
  /** Where that size is set, for whoever sent more. */
  readonly setting?: string;
  /** Counts what is being read; what it is read for counts it from then on. */
  readonly buffers?: Buffers;
}

/** A body that passed its check, and the bytes it was read from. */
export interface CheckedBody<T> {
  readonly value: T;
  readonly bytes: Uint8Array;
}

export interface BodyReader<T> {
  /** @throws AppError invalid_json, invalid_request, payload_too_large, unsupported_media_type */
  read(request: Request): Promise<CheckedBody<T>>;
}

/** To find out where a body is wrong takes a hundred times as long as to find out that it is: seconds, for the largest. */
const MOST_SEARCHED_BYTES = 1024 * 1024;

const RESERVED_KEYS = ["__proto__", "constructor", "prototype"] as const;

export function createBodyReader<S extends TSchema>(
  schema: S,
  limits: BodyLimits,
): BodyReader<Static<S>> {
  // Compiled when the first body comes: most routes of a server are never asked, and it is to be there at once.
  let compiled: TypeCheck<S> | undefined;
  const strictUtf8 = new TextDecoder("utf-8", { fatal: true });
  return {
    read: async (request) => {
      const held = limits.buffers?.open(declaredSize(request));
      try {
        const bytes = inflate(await readBytes(request, limits, held), request, limits);
        const value = parse(bytes, strictUtf8);
        refuseShape(value, limits.jsonDepth);
        const check = (compiled ??= TypeCompiler.Compile(schema));
        if (check.Check(value)) return { value, bytes };
        if (bytes.byteLength > MOST_SEARCHED_BYTES) throw formless();
        throw mismatch(check.Errors(value).First());
      } finally {
        held?.release();
      }
    },
  };
}

/** 0 where none is declared; the guard has judged it. */
function declaredSize({ headers }: Request): number {
  return Number(headers.get("content-length")) || 0;
}

async function readBytes(
  request: Request,
  limits: BodyLimits,
  held: Hold | undefined,
): Promise<Uint8Array> {
  try {
    // A declared size has been judged by the guard; a body without one is counted as it comes.
    if (request.headers.has("content-length")) return await request.bytes();
    return await readCounted(request.body, limits, held);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError("client_cancelled", "The client hung up before its request was whole.", {
      cause,
    });
  }
}

async function readCounted(
  body: ReadableStream<Uint8Array> | null,
  limits: BodyLimits,
  held: Hold | undefined,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body ?? []) {
    size += piece.byteLength;
    if (size > limits.bodyBytes) throw tooLarge(limits);
    held?.grow(piece.byteLength);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function inflate(bytes: Uint8Array, request: Request, limits: BodyLimits): Uint8Array {
  const encoding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  const plain = encoding === "identity" ? bytes : unpack(bytes, encoding, limits);
  if (plain.byteLength > limits.bodyBytes) throw tooLarge(limits);
  return plain;
}

function unpack(bytes: Uint8Array, encoding: string, limits: BodyLimits): Uint8Array {
  const bounded = { maxOutputLength: limits.bodyBytes };
  try {
    if (encoding === "gzip") return gunzipSync(bytes, bounded);
    if (encoding === "zstd") return zstdDecompressSync(bytes, bounded);
  } catch (cause) {
    if (cause instanceof RangeError) throw tooLarge(limits);
    throw new AppError("invalid_request", `The body is not valid ${encoding}.`, { cause });
  }
  throw new AppError("unsupported_media_type", "A body may be encoded with gzip or zstd only.");
}

function parse(bytes: Uint8Array, strictUtf8: TextDecoder): unknown {
  let text: string;
  try {
    text = strictUtf8.decode(bytes);
  } catch (cause) {
    throw new AppError("invalid_json", "The body is not valid UTF-8.", { cause });
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new AppError("invalid_json", "The body is not valid JSON.");
  }
}

/** Depth, and keys that could reach a prototype. Level by level: a deep body must not end in a stack overflow. */
function refuseShape(root: unknown, depth: number): void {
  let level: object[] = isNode(root) ? [root] : [];
  for (let at = 1; level.length > 0; at += 1) {
    if (at > depth) throw new AppError("invalid_request", "The body is nested too deeply.");
    const next: object[] = [];
    for (const node of level) {
      refuseReservedKeys(node);
      for (const child of childrenOf(node)) if (isNode(child)) next.push(child);
    }
    level = next;
  }
}

function isNode(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function childrenOf(node: object): readonly unknown[] {
  return Array.isArray(node) ? node : Object.values(node);
}

function refuseReservedKeys(node: object): void {
  if (Array.isArray(node)) return;
  for (const key of RESERVED_KEYS) {
    if (!Object.hasOwn(node, key)) continue;
    throw new AppError("invalid_request", `The body has a key named ${key}.`);
  }
}

/** Says where and what was expected; never what was found. */
function mismatch(found: ValueError | undefined): AppError {
  const error = found && innermost(found);
  const path = (error?.path ?? "").split("/").slice(1).map(unescapePointer);
  const param = path
    .map((step, index) => (/^\d+$/.test(step) ? `[${step}]` : `${index > 0 ? "." : ""}${step}`))
    .join("")
    .slice(0, 200);
  const expected = wordsFor(error?.message ?? "expected a different shape");
  if (param === "") return new AppError("invalid_request", `The body: ${expected}.`);
  return new AppError("invalid_request", `${param}: ${expected}.`, { param });
}

/** A checker's words for what users meet most: a field that is not there, and one that was left empty. */
function wordsFor(complaint: string): string {
  if (complaint === "Expected required property") return "it is required";
  if (complaint === "Expected string length greater or equal to 1") return "it must not be empty";
  return complaint.replace(/^Expected /, "expected ");
}

function formless(): AppError {
  return new AppError(
    "invalid_request",
    "The body is not of this route's form, and too large to be searched for the place.",
  );
}

interface Complaint {
  readonly path: string;
  /** As in `Expected string`. */
  readonly message: string;
}

/**
 * Of a union that nothing fits, the complaint that lies deepest: it is about the form that was meant. Of several that lie
 * equally deep, what each form expects. Only the first of each form is looked at: there may be a million.
 */
function innermost(error: ValueError): Complaint {
  const complaints = error.errors.flatMap((form) => {
    const first = form.First();
    return first === undefined || first.schema["type"] === "null" ? [] : [innermost(first)];
  });
  const depth = Math.max(0, ...complaints.map(({ path }) => depthOf(path)));
  const [deepest, ...others] = complaints.filter(({ path }) => depthOf(path) === depth);
  if (deepest === undefined) return error;
  const messages = others
    .filter(({ path }) => path === deepest.path)
    .map(({ message }) => message.replace(/^Expected /, ""));
  return { ...deepest, message: [...new Set([deepest.message, ...messages])].join(" or ") };
}

function depthOf(path: string): number {
  return path.split("/").length;
}

function unescapePointer(step: string): string {
  return step.replaceAll("~1", "/").replaceAll("~0", "~");
}

function tooLarge({ bodyBytes, setting = "limits.body_bytes" }: BodyLimits): AppError {
  return new AppError(
    "payload_too_large",
    `The body is larger than ${bodyBytes} bytes. The limit is ${setting} in the configuration.`,
  );
}
