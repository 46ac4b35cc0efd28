// The server under judgement, over plain `fetch`: what was sent and what came back, bytes and headers included.

import { SPOKEN, say } from "./prompts.ts";

const PATIENCE_MILLISECONDS = 60_000;

export interface Call {
  readonly method?: string;
  /** Sent as JSON; text and bytes as they are. */
  readonly body?: object | string | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
  /** `null`: none. The server's own without it. */
  readonly key?: string | null;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Without parameters, in lower case. */
  readonly type: string;
  readonly text: string;
  /** The text as JSON, `undefined` where it is none. */
  readonly json: unknown;
}

export interface Server {
  /** Without a slash at its end, and without `/v1`. */
  readonly base: string;
  readonly key: string;
  readonly model: string;
  /** Whether it does as the lines in the prompts say. */
  readonly rehearses: boolean;
  send(path: string, call?: Call): Promise<Answer>;
}

interface Options {
  readonly base: string;
  readonly key: string;
  /** The first that the server lists without it. */
  readonly model?: string;
}

/** Asks the server who it is. @throws Error when it cannot be reached or lists no model */
export async function reach({ base, key, model }: Options): Promise<Server> {
  const address = base.replace(/\/+(?:v1\/*)?$/, "");
  const send = (path: string, call: Call = {}) => ask(address, key, path, call);
  const chosen = model ?? firstModel((await send("/v1/models")).json);
  if (chosen === undefined) throw new Error("The server lists no models: name one with --model.");
  const greeting = { model: chosen, messages: [{ role: "user", content: say(SPOKEN) }] };
  const { text } = await send("/v1/chat/completions", { body: greeting });
  const proof = { model: chosen, messages: [{ role: "user", content: "/rehearse say 4711" }] };
  const proven = text.includes(SPOKEN) ? await send("/v1/chat/completions", { body: proof }) : null;
  const rehearses = /"content":\s*"4711"/.test(proven?.text ?? "");
  return { base: address, key, model: chosen, rehearses, send };
}

function firstModel(list: unknown): string | undefined {
  const { data } = Object(list) as { data?: readonly { id?: string }[] };
  return Array.isArray(data) ? data[0]?.id : undefined;
}

async function ask(base: string, own: string, path: string, call: Call): Promise<Answer> {
  const { body, key = own, method = body === undefined ? "GET" : "POST" } = call;
  const headers: Record<string, string> = {
    ...(key !== null && { authorization: `Bearer ${key}` }),
    ...(body !== undefined && { "content-type": "application/json" }),
    ...call.headers,
  };
  const response = await fetch(`${base}${path}`, {
    method,
    headers,
    redirect: "manual",
    signal: AbortSignal.timeout(PATIENCE_MILLISECONDS),
    ...(body !== undefined && { body: bytesOf(body) }),
  });
  const text = await response.text();
  const type = (response.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  return {
    status: response.status,
    headers: response.headers,
    type: type ?? "",
    text,
    json: parsed(text),
  };
}

function bytesOf(body: object | string | Uint8Array<ArrayBuffer>) {
  return typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
