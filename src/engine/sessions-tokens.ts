// What opens a session, as its record keeps it: the hash of its newest token; beside it, for as long as that token may
// have been lost on its way to its agent, what opened the session before. Pure: knows no token, only hashes.

import type { StoredSession } from "../core/ports.ts";

/** How an agent came in: by the hash of a token, or by its claims alone. */
export type Opener = string;

/** In the place of an older hash: the agent has no token yet, and shows the very claims that were approved. */
export const BY_CLAIMS: Opener = "claims";

const BESIDE = " ";

type Tokens = StoredSession["tokenHash"];

/** A new token, and `before` until it is known to have arrived. */
export function offerBeside(newest: string, before: Opener): string {
  return `${newest}${BESIDE}${before}`;
}

/** Hashes of all tokens that open the session. */
export function openingHashes(tokens: Tokens): readonly string[] {
  return openers(tokens).filter((opener) => opener !== BY_CLAIMS);
}

export function opensByClaims(tokens: Tokens): boolean {
  return openers(tokens).includes(BY_CLAIMS);
}

export function newestHash(tokens: Tokens): string | undefined {
  return openers(tokens)[0];
}

/** Whether nothing but the newest token opens it. */
export function isSettled(tokens: Tokens): boolean {
  return openers(tokens).length === 1;
}

function openers(tokens: Tokens): readonly Opener[] {
  return tokens === null ? [] : tokens.split(BESIDE);
}
