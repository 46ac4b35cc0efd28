// Bytes that arrive in pieces, as text. Strict: a byte that is not UTF-8 is an error, never a replacement character.

import { AppError } from "../core/error.ts";

export interface Utf8Decoder {
  /** The characters that `bytes` completed; a character cut in two waits for its rest. Throws `AppError` `agent_error`. */
  push(bytes: Uint8Array): string;
  /** Throws `AppError` `agent_error` when the stream stopped within a character. */
  end(): string;
}

/** A byte order mark at the start is dropped. */
export function createUtf8Decoder(): Utf8Decoder {
  const decoder = new TextDecoder("utf-8", { fatal: true });

  function decode(bytes: Uint8Array, stream: boolean): string {
    try {
      return decoder.decode(bytes, { stream });
    } catch (cause) {
      throw new AppError("agent_error", "The stream is not valid UTF-8.", { cause });
    }
  }

  return {
    push: (bytes) => decode(bytes, true),
    end: () => decode(new Uint8Array(0), false),
  };
}
