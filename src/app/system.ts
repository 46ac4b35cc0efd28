// The machine behind the ports: time, chance, hashes. The only adapters that every process of ours needs.

import { randomBytes } from "node:crypto";
import type { Clock, Random } from "../core/ports.ts";

export interface System {
  readonly clock: Clock;
  readonly random: Random;
  /** SHA-256 in hex. */
  readonly sha256: (text: string) => string;
}

/** Random bytes are drawn in blocks: a system call per id would cost more than the rest of the id. */
const BLOCK_BYTES = 4_096;
const ID_BYTES = 16;
const SECRET_BYTES = 32;

export function createSystem(): System {
  return { clock: createClock(), random: createRandom(), sha256 };
}

function createClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    timer: (ms, callback) => {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
    soon: (callback) => void setImmediate(callback),
  } satisfies Clock;
}

function createRandom(): Random {
  let block = randomBytes(BLOCK_BYTES);
  let used = 0;

  function id(prefix: string): string {
    if (used + ID_BYTES > block.length) {
      block = randomBytes(BLOCK_BYTES);
      used = 0;
    }
    used += ID_BYTES;
    return prefix + block.toString("base64url", used - ID_BYTES, used);
  }

  return {
    id,
    secret: () => `mlp_${randomBytes(SECRET_BYTES).toString("base64url")}`,
    fraction: () => Math.random(),
  } satisfies Random;
}

function sha256(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}
