// Building an object whose absent fields are really absent, as closed schemas and exact optional types want it.

type Optional<T> = { [K in keyof T]: undefined extends T[K] ? K : never }[keyof T];

export type Present<T> = { [K in Exclude<keyof T, Optional<T>>]: T[K] } & {
  [K in Optional<T>]?: Exclude<T[K], undefined>;
};

/** The fields that are not `undefined`. */
export function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Present<T>;
}
