// The environment of a process that we start for somebody: the user's own, without what is ours. Pure.

/** Variables of ours: four of them are secrets, and none is an agent's business. */
const OURS = /^(?:MLP_|LOCAL_PROVIDER_)/i;
/** A key or token of ours, under whatever name somebody exported it. */
const OUR_SECRET = /mlp_[A-Za-z0-9_-]{16,}/;

/** PATH, HOME and the agent's own keys stay. `more` is set last, as it is. */
export function childEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const clean: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || OURS.test(name) || OUR_SECRET.test(value)) continue;
    clean[name] = value;
  }
  return { ...clean, ...more };
}
