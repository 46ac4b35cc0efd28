// How every schema of the link is built: closed objects, choices of words, and what they say to readers.

import { type TProperties, type TSchema, Type } from "@sinclair/typebox";

/** An object with these fields and no others. */
export function closed<P extends TProperties>(properties: P) {
  return Type.Object(properties, { additionalProperties: false });
}

export function oneOf<const T extends string>(...values: readonly T[]) {
  return Type.Unsafe<T>(Type.Union(values.map((value) => Type.Literal(value))));
}

/** The schema with a sentence for people, which the AsyncAPI document shows. */
export function described<S extends TSchema>(schema: S, description: string): S {
  return { ...schema, description };
}

/** A whole number from 0 that JavaScript holds exactly. */
export const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
