// The floor: HTTP → WebSocket → agent and back with nothing but the moving of bytes. No key, no limits, no log, and no JSON
// in the relay: whatever a provider adds to this is its own cost. Two roles, two processes, like a provider and its agent.
//   bun bench/floor.ts relay [--port 0]
//   bun bench/floor.ts agent --bridge ws://127.0.0.1:PORT [--chunks 64]

import { parseArgs } from "node:util";
import type { ServerWebSocket } from "bun";
import { streamShape, wholeShape } from "./shape.ts";

// One frame, one text message: a letter for what it is, the request's number in base 36, a line feed, the bytes.
const WHOLE = "w";
const STREAM = "s";
const END = "e";

type Waiting =
  | { readonly kind: "whole"; resolve(response: Response): void }
  | { readonly kind: "stream"; readonly controller: ReadableStreamDirectController };

const JSON_HEADERS = { headers: { "content-type": "application/json" } };
const STREAM_HEADERS = {
  headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" },
};

function createRelay(port: number) {
  const waiting = new Map<string, Waiting>();
  const { start } = streamShape(0);
  let agent: ServerWebSocket | undefined;
  let count = 0;

  function nextId(): string {
    count += 1;
    return count.toString(36);
  }

  function stream(link: ServerWebSocket, body: string): Response {
    const id = nextId();
    const source = {
      type: "direct" as const,
      pull(controller: ReadableStreamDirectController): void {
        waiting.set(id, { kind: "stream", controller });
        void controller.write(start);
        link.send(`${STREAM}${id}\n${body}`);
      },
      cancel(): void {
        waiting.delete(id);
      },
    };
    return new Response(new ReadableStream(source), STREAM_HEADERS);
  }

  function whole(link: ServerWebSocket, body: string): Promise<Response> {
    const id = nextId();
    return new Promise((resolve) => {
      waiting.set(id, { kind: "whole", resolve });
      link.send(`${WHOLE}${id}\n${body}`);
    });
  }

  function deliver(frame: string): void {
    const line = frame.indexOf("\n");
    const id = frame.slice(1, line);
    const target = waiting.get(id);
    // The client has gone.
    if (target === undefined) return;
    const bytes = frame.slice(line + 1);
    if (target.kind === "whole") {
      waiting.delete(id);
      target.resolve(new Response(bytes, JSON_HEADERS));
      return;
    }
    void target.controller.write(bytes);
    if (!frame.startsWith(END)) return;
    waiting.delete(id);
    void target.controller.end();
  }

  return Bun.serve({
    hostname: "127.0.0.1",
    port,
    idleTimeout: 0,
    async fetch(request, server) {
      if (request.method === "GET") {
        if (request.headers.has("upgrade"))
          return server.upgrade(request) ? undefined : new Response(null, { status: 400 });
        return new Response("ok");
      }
      const body = await request.text();
      if (agent === undefined) return new Response("no agent", { status: 503 });
      // The client says in a header whether it streams, so that nobody has to read the body.
      return request.headers.get("accept") === "text/event-stream"
        ? stream(agent, body)
        : whole(agent, body);
    },
    websocket: {
      open(socket: ServerWebSocket) {
        agent = socket;
      },
      message(_socket, frame) {
        deliver(frame as string);
      },
      close() {
        agent = undefined;
      },
    },
  });
}

async function runAgent(bridge: string, chunks: number): Promise<void> {
  const answer = wholeShape();
  const { deltas, end } = streamShape(chunks);
  const socket = new WebSocket(bridge);
  socket.addEventListener("message", (event: MessageEvent<string>) => {
    const frame = event.data;
    const id = frame.slice(1, frame.indexOf("\n"));
    if (frame.startsWith(WHOLE)) {
      socket.send(`${WHOLE}${id}\n${answer}`);
      return;
    }
    for (const delta of deltas) socket.send(`${STREAM}${id}\n${delta}`);
    socket.send(`${END}${id}\n${end}`);
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", reject);
  });
  // A relay that goes away takes its agent with it.
  socket.addEventListener("close", () => process.exit(0));
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: "string", default: "0" },
    bridge: { type: "string" },
    chunks: { type: "string", default: "64" },
  },
});

if (positionals[0] === "relay") {
  const server = createRelay(Number(values.port));
  const ready = {
    event: "ready",
    api: `http://127.0.0.1:${server.port}`,
    bridge: `ws://127.0.0.1:${server.port}`,
  };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
} else if (positionals[0] === "agent" && values.bridge !== undefined) {
  await runAgent(values.bridge, Number(values.chunks));
  process.stdout.write(`${JSON.stringify({ event: "ready" })}\n`);
} else {
  process.stderr.write(
    "usage: bun bench/floor.ts relay [--port N] | agent --bridge URL [--chunks N]\n",
  );
  process.exit(2);
}
