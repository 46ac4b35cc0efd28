// Settings as they may be shown: what is a secret is not. By name, so that a new setting is masked before anybody
// thinks of it. Pure.

export const MASK = "***";

const SECRET_NAME = /(?:^|_)(?:key|token|secret|password)$/;
/** The part of an address that says who asks. */
const USER_INFO = /(:\/\/)[^/?#@\s]+@/g;

/** `name` is the key that the value stands at. */
export function masked(name: string, value: unknown): unknown {
  if (value === null) return null;
  if (SECRET_NAME.test(name)) return MASK;
  if (typeof value === "string") return value.replaceAll(USER_INFO, `$1${MASK}@`);
  if (Array.isArray(value)) return value.map((item) => masked("", item));
  if (typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, masked(key, inner)]));
}
