// Optional fields, from values that may be missing or null. Knows nothing of what they mean.

/** The fields that have a value: in what we hand on, absent and null are the same, and absent is how it is written. */
export function compact<T extends object>(fields: {
  readonly [K in keyof T]?: T[K] | null | undefined;
}): Partial<T> {
  const present = Object.entries(fields).filter(
    ([, value]) => value !== undefined && value !== null,
  );
  return Object.fromEntries(present) as Partial<T>;
}
