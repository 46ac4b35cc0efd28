// Schemas for a document: those with a title are named once under `components` and referred to. Pure.

import type { TSchema } from "@sinclair/typebox";

export interface Schemas {
  /** The schema itself, or where it is; what is in it is treated likewise. */
  place(schema: TSchema): object;
  /** By name, all that `place` met. */
  all(): Readonly<Record<string, object>>;
}

/** What is data rather than schema, whatever it looks like. */
const DATA = new Set(["examples", "default", "const", "enum"]);

/** `root`: where the named ones are, such as `#/components/schemas`. */
export function createSchemas(root: string): Schemas {
  const named = new Map<string, object>();

  function copy(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(copy);
    if (typeof value !== "object" || value === null) return value;
    const title = "title" in value ? value.title : undefined;
    return typeof title === "string" ? refer(title, value) : copyFields(value);
  }

  function copyFields(value: object): object {
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, DATA.has(key) ? inner : copy(inner)]),
    );
  }

  function refer(title: string, schema: object): object {
    const made = copyFields(schema);
    const before = named.get(title);
    // A second schema of the name would silently describe the wrong thing.
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(made)) {
      throw new Error(`two schemas are called ${title}`);
    }
    named.set(title, made);
    return { $ref: `${root}/${title}` };
  }

  return {
    place: (schema) => copy(schema) as object,
    all: () => Object.fromEntries([...named].toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
}
