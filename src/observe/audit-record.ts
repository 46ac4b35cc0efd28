// One audit record as one line of JSON, and back. Pure but for the hash. Knows no file; what a line holds is safe to
// print as it is: control characters and marks of text direction are escaped.

import { isJsonObject, parseJson } from "../core/json.ts";
import type { JsonObject } from "../core/json.ts";
import type { AuditEntry } from "../core/ports.ts";
import { visible } from "./visible.ts";

/** An entry with the time it happened at. */
export interface StampedEntry {
  readonly entry: AuditEntry;
  /** Wall clock, ms since the epoch. */
  readonly at: number;
  /** Ms since the process started. */
  readonly monotonic: number;
}

/** Where a chain stands: the last record's number, and the SHA-256 of its line in hex. */
export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
}

/** What every record has, whatever wrote it. */
export interface RecordLink {
  readonly seq: number;
  readonly prev: string;
}

export const CHAIN_START: ChainHead = { seq: 0, hash: "0".repeat(64) };

/** Longest line, its line feed included. */
export const LONGEST_LINE_BYTES = 8_192;

interface Room {
  /** Characters of one text. */
  readonly text: number;
  readonly flags: number;
}

const USUAL_ROOM: Room = { text: 512, flags: 16 };
/** A character takes at most 6 bytes, so even thirteen texts and four flags of nothing but escapes fit. */
const TIGHT_ROOM: Room = { text: 64, flags: 4 };

/** The line of the record that follows `head`, without its line feed. Texts that are too long end in `…`. */
export function encodeRecord(stamped: StampedEntry, head: ChainHead): string {
  const line = encode(stamped, head, USUAL_ROOM);
  // Three bytes is the most that a character of the line takes in UTF-8.
  if (line.length * 3 < LONGEST_LINE_BYTES) return line;
  return Buffer.byteLength(line) < LONGEST_LINE_BYTES ? line : encode(stamped, head, TIGHT_ROOM);
}

function encode({ entry, at, monotonic }: StampedEntry, head: ChainHead, room: Room): string {
  const text = (value: string | undefined): string | undefined => cut(value, room.text);
  // JSON leaves out what is undefined. The names are those of the guides' audit record.
  const record = {
    seq: head.seq + 1,
    timestamp: new Date(at).toISOString(),
    monotonic_ms: number(monotonic),
    prev: head.hash,
    event_type: entry.eventType,
    event: text(entry.event),
    session_id: text(entry.sessionId),
    client_ip: text(entry.clientIp),
    user_agent: text(entry.userAgent),
    request_id: text(entry.requestId),
    endpoint: text(entry.endpoint),
    method: text(entry.method),
    status_code: number(entry.statusCode),
    processing_time_ms: number(entry.processingTimeMs),
    request_size_bytes: number(entry.requestSizeBytes),
    response_size_bytes: number(entry.responseSizeBytes),
    prompt_hash: text(entry.promptHash),
    repeats: text(entry.repeats),
    error_details: text(entry.errorDetails),
    security_flags: entry.securityFlags?.slice(0, room.flags).map((flag) => cut(flag, room.text)),
    outcome: text(entry.outcome),
    key_id: text(entry.keyId),
    model: text(entry.model),
    prompt_tokens: number(entry.promptTokens),
    completion_tokens: number(entry.completionTokens),
    tokens_estimated: entry.tokensEstimated,
  };
  // What has to be escaped stands inside a string, where JSON has the same escape.
  return visible(JSON.stringify(record));
}

function cut(value: string | undefined, length: number): string | undefined {
  if (value === undefined || value.length <= length) return value;
  return `${value.slice(0, length - 1)}…`;
}

/** To a microsecond: more is noise. JSON has no infinity, so what is none is left out. */
function number(value: number | undefined): number | undefined {
  if (value === undefined || !Number.isFinite(value)) return undefined;
  return Math.round(value * 1_000) / 1_000;
}

/** The SHA-256 of a line without its line feed, as UTF-8, in hex: what the next record holds as `prev`. */
export function hashLine(line: Uint8Array | string): string {
  return Bun.CryptoHasher.hash("sha256", line, "hex");
}

/** The lines of the records that follow `head`, line feeds included, and the head after them. */
export function encodeChain(
  records: readonly StampedEntry[],
  head: ChainHead,
  censor: (line: string) => string,
): { readonly bytes: Uint8Array; readonly head: ChainHead } {
  let end = head;
  let lines = "";
  for (const record of records) {
    const line = censor(encodeRecord(record, end));
    end = { seq: end.seq + 1, hash: hashLine(line) };
    lines += `${line}\n`;
  }
  return { bytes: Buffer.from(lines), head: end };
}

const HASH = /^[0-9a-f]{64}$/;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** `undefined` for a line that is no record: not UTF-8, not a JSON object, without number or link. */
export function readLink(line: Uint8Array): RecordLink | undefined {
  const record = readRecord(line);
  const { seq, prev } = record ?? {};
  if (typeof seq !== "number" || !Number.isSafeInteger(seq) || seq < 1) return undefined;
  return typeof prev === "string" && HASH.test(prev) ? { seq, prev } : undefined;
}

function readRecord(line: Uint8Array): JsonObject | undefined {
  if (line.length >= LONGEST_LINE_BYTES) return undefined;
  try {
    const record = parseJson(UTF8.decode(line));
    return isJsonObject(record) ? record : undefined;
  } catch {
    return undefined;
  }
}
