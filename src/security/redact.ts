// Takes secrets out of text that is about to be logged or shown. Pure; rather takes too much than too little.

const RULES: readonly (readonly [secret: RegExp, replacement: string])[] = [
  // The secret base path, plain or percent-encoded, wherever in a URL it stands.
  [/((?:\/|%2f)k(?:\/|%2f))(?:(?!%2f)[^\s/?#"'<>&\\])+/gi, "$1***"],
  // What the Authorization header carries; the scheme stays, so that a reader sees what it was.
  [/\b(bearer)(\s+|%20|\+)[^\s,;"'<>\\]+/gi, "$1$2***"],
  // The other headers a key may come in, as a line or as JSON.
  [/((?:x-)?api-key["']?\s*[:=]\s*["']?)[^\s,;"'<>\\]+/gi, "$1***"],
  // Keys and tokens of ours by their prefix, cut short ones too.
  [/mlp_[A-Za-z0-9_-]{8,}/g, "mlp_***"],
];

/** What the rules need to be there, one each: most lines have none of it. In one expression they take four times as long. */
const SUSPICIONS = [/[/f]k[/%]/i, /earer[\s%+]/i, /api-key/i, /mlp_/] as const;

/** The text with `***` in the place of client keys, tokens and what looks like one. In linear time. */
export function redact(text: string): string {
  if (!SUSPICIONS.some((suspicion) => suspicion.test(text))) return text;
  return RULES.reduce((clean, [secret, replacement]) => clean.replace(secret, replacement), text);
}
