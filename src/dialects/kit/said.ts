// Requests say null and leave out alike; the core knows only what was said.

type Said<Fields> = { [Key in keyof Fields]?: NonNullable<Fields[Key]> };

/** The fields that are neither undefined nor null. A loop, since it runs for every message of a request. */
export function said<Fields extends object>(fields: Fields): Said<Fields> {
  const result: Said<Fields> = {};
  for (const key in fields) {
    const value = fields[key];
    if (value !== null && value !== undefined) result[key] = value;
  }
  return result;
}
