// A prompt as the audit knows it: its HMAC with the installation's own key. The same prompt can be recognised here and
// nowhere else; a plain hash of a short prompt could be guessed.

const SHORTEST_KEY_BYTES = 32;

export interface PromptHasherSettings {
  /** 32 random bytes or more, of this installation only. Without it old hashes cannot be recognised any more. */
  readonly key: Uint8Array;
}

/** HMAC-SHA-256 in hex, 64 characters. */
export type PromptHasher = (body: Uint8Array | string) => string;

/** @throws Error for a key that is too short */
export function createPromptHasher({ key }: PromptHasherSettings): PromptHasher {
  if (key.length < SHORTEST_KEY_BYTES) {
    throw new Error(
      `the key for prompts has ${key.length} bytes, fewer than ${SHORTEST_KEY_BYTES}`,
    );
  }
  const own = Uint8Array.from(key);
  return (body) => new Bun.CryptoHasher("sha256", own).update(body).digest("hex");
}
