// The schema as a flat list of settings, each with its name in the file and in the environment.
// Pure; knows nothing of where a value comes from.

import type { TSchema } from "@sinclair/typebox";

import { Config } from "./schema.ts";

export interface Setting {
  /** As in `provider.port`; a list at the top of the file has no dot. */
  readonly path: string;
  readonly schema: TSchema;
  /** As in `MLP_PROVIDER_PORT`. */
  readonly variable: string;
}

export const SECTIONS: readonly string[] = Object.keys(Config.properties);

export const SETTINGS: readonly Setting[] = Object.entries(Config.properties).flatMap(
  ([section, schema]: [string, TSchema]) =>
    isBlock(schema)
      ? Object.entries(schema.properties).map(([key, inner]) => setting(`${section}.${key}`, inner))
      : [setting(section, schema)],
);

/** The keys of a section, without its name. */
export function keysOf(section: string): readonly string[] {
  const start = `${section}.`;
  return SETTINGS.filter(({ path }) => path.startsWith(start)).map(({ path }) =>
    path.slice(start.length),
  );
}

/** Whether `schema` is a section with keys of its own, rather than a value. */
export function isBlock(
  schema: TSchema,
): schema is TSchema & { readonly properties: Readonly<Record<string, TSchema>> } {
  return schema["type"] === "object" && "properties" in schema;
}

function setting(path: string, schema: TSchema): Setting {
  return { path, schema, variable: `MLP_${path.replace(".", "_").toUpperCase()}` };
}
