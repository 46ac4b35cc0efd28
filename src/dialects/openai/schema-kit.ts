// The shapes that the schemas of this dialect are made of. Every object says whether it takes unknown fields.

import { Type } from "@sinclair/typebox";
import type { ObjectOptions, SchemaOptions, TProperties, TSchema } from "@sinclair/typebox";
import type { JsonObject } from "../../core/json.ts";

/** An object that a client sends: fields we do not know are let through, since every client has some. */
export function open<Fields extends TProperties>(fields: Fields, options: ObjectOptions = {}) {
  return Type.Object(fields, { ...options, additionalProperties: true });
}

/** An object that we send: these fields and no others. */
export function closed<Fields extends TProperties>(fields: Fields, options: ObjectOptions = {}) {
  return Type.Object(fields, { ...options, additionalProperties: false });
}

/** A field that a client may leave out or send as null, which mean the same. */
export function maybe<Schema extends TSchema>(schema: Schema, options: SchemaOptions = {}) {
  return Type.Optional(Type.Union([schema, Type.Null()], options));
}

/** A JSON object that is passed on untouched. */
export function anyObject(options: ObjectOptions = {}) {
  return Type.Unsafe<JsonObject>(Type.Object({}, { ...options, additionalProperties: true }));
}
