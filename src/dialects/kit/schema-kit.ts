// The shapes that the dialects' schemas are made of. Every object says whether it takes unknown fields.

import { Type } from "@sinclair/typebox";
import type { ObjectOptions, SchemaOptions, TProperties, TSchema } from "@sinclair/typebox";
import type { JsonObject } from "../../core/json.ts";

/** An object that a client sends: fields we do not know are let through, since every client has some. */
export function open<Fields extends TProperties>(
  fields: Fields,
  about: ObjectOptions | string = {},
) {
  return Type.Object(fields, { ...options(about), additionalProperties: true });
}

/** An object that we send: these fields and no others. */
export function closed<Fields extends TProperties>(fields: Fields, options: ObjectOptions = {}) {
  return Type.Object(fields, { ...options, additionalProperties: false });
}

/** A field that a client may leave out or send as null, which mean the same. */
export function maybe<Schema extends TSchema>(schema: Schema, about: SchemaOptions | string = {}) {
  return Type.Optional(Type.Union([schema, Type.Null()], options(about)));
}

/** A JSON object that is passed on untouched. */
export function anyObject(options: ObjectOptions = {}) {
  return Type.Unsafe<JsonObject>(Type.Object({}, { ...options, additionalProperties: true }));
}

/** A text alone is the description. */
function options<Options extends SchemaOptions>(about: Options | string): Options | SchemaOptions {
  return typeof about === "string" ? { description: about } : about;
}
