// Frames → text. Chunks are written by hand: they are the hot path, and all but their last part is known beforehand.

import type { Frame } from "./frame.ts";

export function encodeFrame(frame: Frame): string {
  return JSON.stringify(frame);
}

/** The beginning of every chunk of the turn `id`; `encodeChunk` adds the rest. */
export function chunkPrefix(id: string): string {
  return `{"type":"model_stream_chunk","id":${JSON.stringify(id)},"chunk_index":`;
}

/** `body` is the fields after the index as JSON text without braces: `"delta":{…}` and what may follow it. */
export function encodeChunk(prefix: string, index: number, body: string): string {
  return `${prefix}${index},${body}}`;
}

/** Bytes of the frame on the wire: what limits and credit count. */
export function frameBytes(text: string): number {
  return Buffer.byteLength(text);
}
