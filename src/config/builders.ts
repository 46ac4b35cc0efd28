// The few forms that a setting can have, so that each states its meaning, default and range. Pure.

import { Type } from "@sinclair/typebox";
import type { TProperties, TSchema } from "@sinclair/typebox";

/** A misspelt key must never be ignored, so each object says that it is closed. */
export function closed<P extends TProperties>(properties: P, description: string) {
  return Type.Object(properties, { additionalProperties: false, description });
}

export function nullable<S extends TSchema>(schema: S, description: string) {
  return Type.Union([schema, Type.Null()], { description, default: null });
}

export function whole(
  description: string,
  value: number,
  [minimum, maximum]: readonly [number, number],
) {
  return Type.Integer({ description, default: value, minimum, maximum });
}

export function flag(description: string, value: boolean) {
  return Type.Boolean({ description, default: value });
}

export function text(description: string, value: string, options: TextOptions = {}) {
  return Type.String({ description, default: value, minLength: 1, ...options });
}

/** `expects` is what an error message says instead of quoting the pattern. */
interface TextOptions {
  readonly pattern?: string;
  readonly expects?: string;
}

export function texts(description: string, item: TextOptions & { readonly minLength?: number }) {
  return Type.Array(Type.String({ minLength: 1, ...item }), { description, default: [] });
}
