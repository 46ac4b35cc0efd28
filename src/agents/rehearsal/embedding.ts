// Vectors for the rehearsal agent: the same text always has the same vector, and texts that share words are near
// each other, so that an editor's search can be wired and tried. They know nothing of meaning.

import { AppError } from "../../core/error.ts";

const DEFAULT_DIMENSIONS = 64;
const MOST_DIMENSIONS = 4096;

/** Unit vectors by feature hashing: each word adds 1 or -1 in one dimension. Throws `invalid_request` for an odd size. */
export function embedTexts(
  inputs: readonly string[],
  dimensions: number = DEFAULT_DIMENSIONS,
): readonly (readonly number[])[] {
  if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > MOST_DIMENSIONS) {
    const message = `The rehearsal agent makes vectors of 1 to ${MOST_DIMENSIONS} dimensions.`;
    throw new AppError("invalid_request", message, { param: "dimensions" });
  }
  return inputs.map((input) => embedText(input, dimensions));
}

function embedText(text: string, dimensions: number): readonly number[] {
  const vector = Array.from<number>({ length: dimensions }).fill(0);
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  for (const word of words) add(vector, hash(word));
  // A text without words, or whose words cancel out, still has a direction: its own.
  if (vector.every((value) => value === 0)) add(vector, hash(`text:${text}`));
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

function add(vector: number[], hash: number): void {
  const index = (hash >>> 1) % vector.length;
  vector[index] = (vector[index] ?? 0) + ((hash & 1) === 0 ? 1 : -1);
}

/** FNV-1a, 32 bits, over UTF-16 code units. */
function hash(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash;
}
