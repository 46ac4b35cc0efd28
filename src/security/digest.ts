// Secrets are compared by their SHA-256, in a time that tells nothing of where two differ.

import { createHash, timingSafeEqual } from "node:crypto";

export function digestOf(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

/** Both of `digestOf`: of the same length. */
export function sameDigest(a: Uint8Array, b: Uint8Array): boolean {
  return timingSafeEqual(a, b);
}
