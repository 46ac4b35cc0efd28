// Where an OpenAI-compatible server's routes are, from whatever address a user pastes. Pure.

import { AppError } from "../../core/error.ts";

/** `v1`, `v4`, `v1beta`: as a whole path segment. */
const VERSION_SEGMENT = /\/v\d+[a-z]*\d*(?=\/|$)/i;
/** A route pasted with the address. */
const ROUTE = /\/(?:chat\/completions|completions|embeddings|models)$/i;

/**
 * The address without a slash at its end, `http://127.0.0.1:1234/v1`: the version is added when the path has none.
 * Throws `AppError` `invalid_request` for what is no HTTP address; the message never repeats it, as it may hold a key.
 */
export function toBaseUrl(address: string): string {
  const url = URL.parse(address.trim());
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw refuse("is not an address such as http://127.0.0.1:1234/v1");
  }
  if (url.username !== "" || url.password !== "") {
    throw refuse("holds a user or password: give the key by itself");
  }
  if (url.search !== "" || url.hash !== "") {
    throw refuse("must end with its path, without ? or #");
  }
  const path = url.pathname
    .replace(/\/{2,}/g, "/")
    .replace(/\/$/, "")
    .replace(ROUTE, "");
  return `${url.origin}${VERSION_SEGMENT.test(path) ? path : `${path}/v1`}`;
}

/** Where a server has its own routes, beside the OpenAI ones: a base address without its version. */
export function toRootUrl(baseUrl: string): string {
  return baseUrl.replace(/\/v\d+[a-z]*\d*$/i, "");
}

function refuse(problem: string): AppError {
  return new AppError("invalid_request", `The upstream's base address ${problem}.`);
}
