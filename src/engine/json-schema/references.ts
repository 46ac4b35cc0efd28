// Where the references of a schema lead: JSON Pointers, anchors, and the `$id`s of its parts. Nothing is ever fetched.

import { isJsonObject } from "../../core/json.ts";
import type { JsonObject, JsonValue } from "../../core/json.ts";

export interface Found {
  readonly schema: JsonValue;
  readonly base: string;
}

export interface Reference {
  readonly schema: JsonObject;
  /** The address that the reference is relative to. */
  readonly from: string;
  readonly reference: string;
}

export interface References {
  /** The address of a schema that says none of itself. */
  readonly base: string;
  /** Takes note of what a schema is called and what it refers to; the address that its parts are relative to. */
  enter(schema: JsonObject, base: string): string;
  /** Those entered meanwhile included. */
  all(): Iterable<Reference>;
  find(from: string, reference: string): Found | undefined;
  /** Whether a `$dynamicRef` has several places to lead to. */
  areAmbiguous(): boolean;
}

const BASE = "https://schema.invalid/";

export function createReferences(root: JsonObject, refStandsAlone: boolean): References {
  const resources = new Map<string, JsonObject>([[BASE, root]]);
  const anchors = new Map<string, Found>();
  const bases = new Map<JsonObject, string>();
  const references: Reference[] = [];
  const dynamicNames: string[] = [];
  let hasDynamic = false;

  function enter(schema: JsonObject, outer: string): string {
    const base = refStandsAlone && "$ref" in schema ? outer : baseOf(schema, outer);
    bases.set(schema, base);
    if (base !== outer) resources.set(base, schema);
    for (const keyword of ["$anchor", "$dynamicAnchor"]) {
      const name = schema[keyword];
      if (typeof name === "string") anchors.set(`${base}#${name}`, { schema, base });
    }
    if (typeof schema["$dynamicAnchor"] === "string") dynamicNames.push(schema["$dynamicAnchor"]);
    hasDynamic ||= "$dynamicRef" in schema;
    const id = schema["$id"] ?? schema["id"];
    if (typeof id === "string" && id.startsWith("#")) anchors.set(base + id, { schema, base });
    for (const keyword of ["$ref", "$dynamicRef", "$recursiveRef"]) {
      const reference = schema[keyword];
      if (typeof reference === "string") references.push({ schema, from: base, reference });
    }
    return base;
  }

  function find(from: string, reference: string): Found | undefined {
    const target = resolve(reference, from);
    if (target === undefined) return undefined;
    const [address = "", fragment = ""] = target.split("#");
    const anchor = anchors.get(`${address}#${fragment}`);
    if (anchor !== undefined) return anchor;
    const resource = resources.get(address);
    if (resource === undefined || (fragment !== "" && !fragment.startsWith("/"))) return undefined;
    return follow(resource, address, fragment);
  }

  function follow(resource: JsonObject, address: string, pointer: string): Found | undefined {
    let schema: JsonValue | undefined = resource;
    let base = address;
    for (const step of pointer.split("/").slice(1)) {
      const key = unescape(step);
      if (Array.isArray(schema)) schema = schema[Number(key)] as JsonValue | undefined;
      else if (isJsonObject(schema) && Object.hasOwn(schema, key)) schema = schema[key];
      else return undefined;
      if (isJsonObject(schema)) base = bases.get(schema) ?? baseOf(schema, base);
    }
    return schema === undefined ? undefined : { schema, base };
  }

  function areAmbiguous(): boolean {
    return hasDynamic && new Set(dynamicNames).size < dynamicNames.length;
  }

  return { base: BASE, enter, all: () => references, find, areAmbiguous };
}

function baseOf(schema: JsonObject, outer: string): string {
  const id = schema["$id"];
  if (typeof id !== "string" || id.startsWith("#")) return outer;
  return resolve(id, outer)?.split("#")[0] ?? outer;
}

function resolve(reference: string, base: string): string | undefined {
  return URL.parse(reference, base)?.href;
}

/** A step of a pointer inside a fragment: percent encoding first, then the pointer's own (RFC 6901). */
function unescape(step: string): string {
  let text = step;
  try {
    text = decodeURIComponent(step);
  } catch {
    // A bare percent sign means itself.
  }
  return text.replaceAll("~1", "/").replaceAll("~0", "~");
}
