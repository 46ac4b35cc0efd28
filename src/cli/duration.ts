// `8h`, `30m`, `90s`, `7d` as seconds. Strict: a time to live is never guessed.

const SECONDS_PER_UNIT: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
const YEAR = 365 * 86_400;

/** In seconds. Throws a `SyntaxError` that says what is expected. */
export function parseDuration(text: string): number {
  const match = /^([1-9]\d{0,8})([smhd])$/.exec(text);
  const seconds = Number(match?.[1]) * (SECONDS_PER_UNIT[match?.[2] ?? ""] ?? Number.NaN);
  if (seconds > 0 && seconds <= YEAR) return seconds;
  throw new SyntaxError("expected a time such as 8h, 30m, 90s or 7d, of a year at most");
}

/** The two largest units: `7h 59m`, `90s` as `1m 30s`. */
export function formatDuration(seconds: number): string {
  const parts = Object.entries(SECONDS_PER_UNIT).toReversed();
  const shown: string[] = [];
  let rest = Math.max(0, Math.round(seconds));
  for (const [unit, size] of parts) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0 && shown.length < 2) shown.push(`${count}${unit}`);
    else if (shown.length > 0) break;
  }
  return shown.join(" ") || "0s";
}
