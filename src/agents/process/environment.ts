// The environment of a process that we start for somebody: the user's own, without what is ours. Pure.

/** Variables of ours: four of them are secrets, and none is an agent's business. */
const OURS = /^(?:MLP_|LOCAL_PROVIDER_)/i;
/** A key or token that we made, under whatever name somebody exported it. One that somebody chose is known by its own. */
const OUR_SECRET = /mlp_[A-Za-z0-9_-]{16,}/;
const NAMES_A_SECRET = /(?:KEY|TOKEN)$/i;

/** PATH, HOME and the agent's own keys stay. `more` is set last, as it is. */
export function childEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const ours = Object.entries(env).filter(([name]) => OURS.test(name));
  const chosen = new Set(ours.flatMap(([name, value]) => (NAMES_A_SECRET.test(name) ? value : [])));
  const clean: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || OURS.test(name) || OUR_SECRET.test(value)) continue;
    if (value !== "" && chosen.has(value)) continue;
    clean[name] = value;
  }
  return { ...clean, ...more };
}
