// A model server on loopback that answers as it is told, byte for byte, well or badly; it remembers what it was asked
// and says when a client has hung up. For tests of the openai connector, in this process and end to end.

export interface RecordedRequest {
  readonly method: string;
  /** Without the address, such as `/v1/chat/completions`. */
  readonly path: string;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON, `undefined` without one. */
  readonly body: unknown;
  /** Of the client's socket: requests with the same port share a connection. */
  readonly port: number;
  /** Resolves when the client hangs up before the answer is complete. */
  readonly closed: Promise<void>;
}

export type Piece =
  | { readonly send: string | Uint8Array }
  /** Goes on when the promise settles. */
  | { readonly wait: Promise<unknown> }
  /** Says nothing more and keeps the socket open. */
  | { readonly hang: true }
  /** Drops the connection in mid-answer. */
  | { readonly cut: true };

export interface Reply {
  /** Default 200. */
  readonly status?: number;
  /** Default `text/event-stream`. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly pieces: readonly Piece[];
}

export interface ScriptedUpstream {
  /** `http://127.0.0.1:PORT/v1` */
  readonly url: string;
  /** Everything but `GET /models`, in order of arrival. */
  readonly requests: readonly RecordedRequest[];
  /** Answers from now on, `GET /models` excepted: a reply, or what makes one of a request. */
  reply(reply: Reply | ((request: RecordedRequest) => Reply)): void;
  /** What `GET /models` answers, and LM Studio's own list. Without it: the model `scripted`. */
  replyToModels(reply: Reply | ((request: RecordedRequest) => Reply)): void;
  readonly modelRequests: readonly RecordedRequest[];
  /** The next request that arrives, or one that has and was not given out yet. */
  nextRequest(): Promise<RecordedRequest>;
  readonly stop: () => Promise<void>;
}

/** `port` 0 (the default) finds a free one; another takes over from a server that stopped. */
export function startScriptedUpstream(port = 0): ScriptedUpstream {
  const requests: RecordedRequest[] = [];
  const modelRequests: RecordedRequest[] = [];
  const unread: RecordedRequest[] = [];
  const readers: ((request: RecordedRequest) => void)[] = [];
  let reply: (request: RecordedRequest) => Reply = () => sse(textChunk("ok"), finishChunk(), DONE);
  let modelReply: (request: RecordedRequest) => Reply = () => modelList("scripted");

  const server = Bun.serve({
    port,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    development: false,
    error: () => new Response("cut", { status: 500 }),
    async fetch(request, server) {
      const recorded = await record(request, server.requestIP(request)?.port ?? 0);
      if (recorded.path.endsWith("/models")) {
        modelRequests.push(recorded);
        return toResponse(modelReply(recorded));
      }
      requests.push(recorded);
      const reader = readers.shift();
      if (reader === undefined) unread.push(recorded);
      else reader(recorded);
      return toResponse(reply(recorded));
    },
  });

  return {
    url: `http://127.0.0.1:${server.port}/v1`,
    requests,
    modelRequests,
    reply(next) {
      reply = typeof next === "function" ? next : () => next;
    },
    replyToModels(next) {
      modelReply = typeof next === "function" ? next : () => next;
    },
    async nextRequest() {
      const request = unread.shift();
      if (request !== undefined) return request;
      const { promise, resolve } = Promise.withResolvers<RecordedRequest>();
      readers.push(resolve);
      return await promise;
    },
    async stop() {
      await server.stop(true);
    },
  };
}

async function record(request: Request, port: number): Promise<RecordedRequest> {
  const closed = Promise.withResolvers<void>();
  request.signal.addEventListener("abort", () => closed.resolve());
  const text = await request.text();
  return {
    method: request.method,
    path: new URL(request.url).pathname,
    headers: request.headers,
    text,
    body: text === "" ? undefined : JSON.parse(text),
    port,
    closed: closed.promise,
  };
}

function toResponse({ status = 200, type = "text/event-stream", headers, pieces }: Reply) {
  const init = { status, headers: { "content-type": type, ...headers } };
  if (pieces.every((piece) => "send" in piece)) {
    return new Response(new Blob(pieces.map(({ send }) => send)), init);
  }
  const stream = new ReadableStream<Uint8Array>({ start: async (body) => await act(pieces, body) });
  return new Response(stream, init);
}

/** Each piece is a write of its own, so the client sees them as they were cut. */
async function act(
  pieces: readonly Piece[],
  body: ReadableStreamDefaultController<Uint8Array>,
): Promise<void> {
  const encoder = new TextEncoder();
  for (const piece of pieces) {
    if ("send" in piece) {
      body.enqueue(typeof piece.send === "string" ? encoder.encode(piece.send) : piece.send);
      await new Promise(setImmediate);
    } else if ("wait" in piece) await piece.wait;
    else if ("hang" in piece) return;
    else {
      // After the head has gone out, and no `Error`: the server would print it.
      await new Promise(setImmediate);
      body.error("the script cuts the connection");
      return;
    }
  }
  body.close();
}

// What to answer.

export const DONE = "[DONE]";

/** A stream of chunks; a string is sent as the data itself. */
export function sse(...messages: readonly (object | string)[]): Reply {
  return { pieces: ssePieces(...messages) };
}

export function ssePieces(...messages: readonly (object | string)[]): readonly Piece[] {
  return messages.map((message) => {
    const data = typeof message === "string" ? message : JSON.stringify(message);
    return { send: `data: ${data}\n\n` };
  });
}

export function json(body: unknown, status = 200): Reply {
  return { status, type: "application/json", pieces: [{ send: JSON.stringify(body) }] };
}

export function modelList(...ids: readonly string[]): Reply {
  const data = ids.map((id) => ({ id, object: "model", created: 1, owned_by: "test" }));
  return json({ object: "list", data });
}

/** A chat completion chunk with this delta. */
export function chunk(delta: object, finish: string | null = null, more: object = {}): object {
  return {
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1,
    model: "scripted",
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...more,
  };
}

export const textChunk = (content: string): object => chunk({ content });
export const finishChunk = (reason = "stop"): object => chunk({}, reason);

export function usageChunk(prompt: number, completion: number, more: object = {}): object {
  const usage = {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
  };
  return { ...chunk({}), choices: [], usage: { ...usage, ...more } };
}

/** A fragment of the call number `index`; with `id` and `name` its first one. */
export function callChunk(index: number, text: string, id?: string, name?: string): object {
  const called = name === undefined ? { arguments: text } : { name, arguments: text };
  const first = id === undefined ? {} : { id, type: "function" };
  return chunk({ tool_calls: [{ index, ...first, function: called }] });
}
