// Requests as a client on the wire makes them, for tests that look at the bytes: an answer is read as far as a test wants,
// and a connection that breaks is a finding, not an exception.

import type { Mlp } from "./mlp.ts";

export interface Call {
  readonly method?: string;
  /** Sent as JSON; a string as it is. */
  readonly body?: object | string;
  readonly headers?: Readonly<Record<string, string>>;
  /** `null`: no key. The server's client key without it. */
  readonly key?: string | null;
  readonly signal?: AbortSignal;
}

export async function call(server: Mlp, path: string, options: Call = {}): Promise<Response> {
  const { body, key = server.secrets.apiKey, signal } = options;
  const headers: Record<string, string> = {
    ...(key !== null && { authorization: `Bearer ${key}` }),
    ...(body !== undefined && { "content-type": "application/json" }),
    ...options.headers,
  };
  return await fetch(`${server.api}${path}`, {
    method: options.method ?? (body === undefined ? "GET" : "POST"),
    headers,
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    ...(signal !== undefined && { signal }),
  });
}

/** What `JSON.parse` returns: tests look into it freely, and fail where it is not what they expect. */
export type Json = ReturnType<JSON["parse"]>;

export interface Answer {
  readonly status: number;
  readonly requestId: string;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON, `undefined` where it is none. */
  readonly json: Json;
}

export async function ask(server: Mlp, path: string, options: Call = {}): Promise<Answer> {
  const response = await call(server, path, options);
  const text = await response.text();
  return {
    status: response.status,
    requestId: response.headers.get("x-request-id") ?? "",
    headers: response.headers,
    text,
    json: parsed(text),
  };
}

/** A control route, with the control token. On the bridge's port where the server has no provider. */
export async function control(server: Mlp, path: string, body?: object): Promise<Answer> {
  const key = server.secrets.controlToken;
  return await ask(server, `/control/${path}`, { key, ...(body !== undefined && { body }) });
}

export interface OpenStream {
  readonly status: number;
  readonly requestId: string;
  readonly headers: Headers;
  /** What came so far. */
  text(): string;
  /** Resolves once `part` has come; rejects when the answer ends without it. */
  until(part: string): Promise<void>;
  /** Reads to the end. `broken`: the connection was lost before the answer was whole. */
  rest(): Promise<{ readonly text: string; readonly broken: boolean }>;
  hangUp(): void;
}

export async function openStream(
  server: Mlp,
  path: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<OpenStream> {
  const controller = new AbortController();
  const response = await call(server, path, { body, headers, signal: controller.signal });
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let broken = false;

  async function more(): Promise<boolean> {
    try {
      const next = await reader?.read();
      if (next === undefined || next.done) return false;
      text += decoder.decode(next.value, { stream: true });
      return true;
    } catch {
      broken = true;
      return false;
    }
  }

  return {
    status: response.status,
    requestId: response.headers.get("x-request-id") ?? "",
    headers: response.headers,
    text: () => text,
    async until(part) {
      while (!text.includes(part)) {
        if (!(await more())) throw new Error(`the answer ended without "${part}": ${text}`);
      }
    },
    async rest() {
      while (await more());
      return { text, broken };
    },
    hangUp: () => controller.abort(),
  };
}

/**
 * Has the server's rehearsal agent answer once more and waits until that is in the log: all that was logged before is
 * then there, too. Answers with the number of lines.
 */
export async function mark(server: Mlp): Promise<number> {
  const { requestId } = await ask(server, "/v1/chat/completions", { body: chatBody("Mark.") });
  await server.log.until(({ msg, turnId }) => msg === "turn ended" && turnId === requestId, {
    what: "the mark's end",
  });
  return server.log.lines.length;
}

export function parsed(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The data of each event of an SSE answer; comments are left out. */
export function sseData(text: string): readonly string[] {
  return text
    .split("\n\n")
    .filter((event) => event.startsWith("data: "))
    .map((event) => event.slice("data: ".length));
}

/** One user message for the OpenAI dialect. */
export function chatBody(prompt: string, more: object = {}): object {
  return { model: "cursor-agent", messages: [{ role: "user", content: prompt }], ...more };
}
