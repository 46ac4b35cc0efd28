// Which mode an ACP agent works in, by what the turn may do. Pure. Ids and names are the agents' own: `plan` and `build`,
// `default` and `yolo`, `read-only` and `full-access`.

import type { AcpChoice } from "./answers.ts";

/** In the order in which they are wanted. */
const LOOKS_ONLY = [/\bread[-_ ]?only\b/i, /\bask\b/i];
const EDITS = [/\b(?:accept|auto)[-_ ]?edits?\b/i, /\bautoEdit\b/];
/** Asks a human before anything that matters, which here is us. */
const ASKS = [/^(?:default|approve)$/i, /\bmanual\b/i];
/**
 * After the ones that ask: Claude Code plans without asking for anything where its user could have it skip permissions, and
 * Gemini's plans hide the editor's tools.
 */
const PLANS = [/\bplan\b/i];
const ASKS_NOBODY =
  /yolo|bypass|full[-_ ]?access|danger|\bauto\b|(?:don.?t|never|no)[-_ ]?ask|allow[-_ ]?all/i;

/**
 * The id of the mode to work in. `undefined`: the one that it is in asks nobody, and there is none that is narrower; or it
 * did not say which one it is in.
 * @param initial the mode that the session came with
 */
export function modeFor(
  modes: AcpChoice,
  initial: string | undefined,
  scopes: readonly string[],
): string | undefined {
  const writes = scopes.includes("agent:write");
  if (writes && scopes.includes("agent:exec")) return initial;
  const found = find(modes, [...(writes ? EDITS : []), ...LOOKS_ONLY, ...ASKS, ...PLANS]);
  if (found !== undefined) return found;
  const isLoose = modes.options.some(
    ({ id, label }) => id === initial && (ASKS_NOBODY.test(id) || ASKS_NOBODY.test(label)),
  );
  return isLoose ? undefined : initial;
}

function find({ options }: AcpChoice, patterns: readonly RegExp[]): string | undefined {
  for (const pattern of patterns) {
    const found =
      options.find(({ id }) => pattern.test(id) && !ASKS_NOBODY.test(id)) ??
      options.find(({ label }) => pattern.test(label) && !ASKS_NOBODY.test(label));
    if (found !== undefined) return found.id;
  }
  return undefined;
}
