// The link's limits and times with their defaults: what config sets and every end of a link shares.

import type { WireLimits } from "./frame.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** `bodyBytes`: the largest request body that the provider takes from an editor (images are the bulk of it). */
export function linkLimits(bodyBytes = 10 * MIB): WireLimits {
  return {
    invoke_bytes: bodyBytes + MIB,
    answer_bytes: MIB,
    credit_bytes: 256 * KIB,
    turns: 1000,
  };
}

/** How many milliseconds a dialled upgrade may take. */
export const CONNECT_MS = 10_000;
