// Requests of a command to a running server, and its refusals as messages. Sends the secret to that address only.

import { isJsonObject, parseJson } from "../core/json.ts";
import type { JsonValue } from "../core/json.ts";
import { CommandError } from "./failure.ts";
import type { Secret } from "./read-secret.ts";

export interface ClientSettings {
  /** The base address, without a slash at its end. */
  readonly base: string;
  /** Without it, for routes that need none. */
  readonly secret?: Secret;
}

interface RequestSettings {
  readonly body?: object;
  readonly signal?: AbortSignal;
}

export interface Client {
  /** The JSON of a good answer. Throws `CommandError` for a refusal, or when nothing answers. */
  call(method: string, path: string, body?: object): Promise<JsonValue>;
  /** A good answer, its body still to be read. */
  open(method: string, path: string, request: RequestSettings): Promise<Response>;
}

const TIMEOUT_MS = 15_000;

const UNAUTHORIZED = 401;

export function createClient({ base, secret }: ClientSettings): Client {
  async function open(method: string, path: string, request: RequestSettings): Promise<Response> {
    const { body, signal } = request;
    const headers = new Headers({ accept: "application/json" });
    if (secret !== undefined) headers.set("authorization", `Bearer ${secret.value}`);
    if (body !== undefined) headers.set("content-type", "application/json");
    const response = await send(`${base}${path}`, {
      method,
      headers,
      // Elsewhere would get the secret.
      redirect: "error",
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
    });
    if (response.ok) return response;
    if (response.status === UNAUTHORIZED && secret !== undefined) {
      throw new CommandError(
        `${base} does not take the secret in ${secret.place}; set ${secret.variable} to its own`,
      );
    }
    throw new CommandError(refusal(response.status, await response.text()));
  }

  async function call(method: string, path: string, body?: object): Promise<JsonValue> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await open(method, path, { signal, ...(body !== undefined && { body }) });
    const content = parseJson(await response.text());
    if (content === undefined) throw new CommandError(`${base} did not answer in JSON; is it mlp?`);
    return content;
  }

  return { call, open };
}

/** A caller's abort is thrown as it is; everything else becomes a message. */
async function send(url: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(url, request);
  } catch (error) {
    const { origin } = new URL(url);
    if (error instanceof Error && error.name === "TimeoutError") {
      throw new CommandError(`${origin} did not answer within ${TIMEOUT_MS / 1000} s`, {
        cause: error,
      });
    }
    if (error instanceof Error && error.name === "AbortError") throw error;
    throw new CommandError(`nothing answers at ${origin}; is the server running?`, {
      cause: error,
    });
  }
}

/** The server's own words, in any of the shapes that its routes have. */
function refusal(status: number, text: string): string {
  const body = parseJson(text);
  const error = isJsonObject(body) ? body["error"] : undefined;
  if (typeof error === "string") return error;
  if (isJsonObject(error) && typeof error["message"] === "string") return error["message"];
  return `the server refused with status ${status}`;
}
