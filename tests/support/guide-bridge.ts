// Foreign bridges as the two implementation guides describe them, made from their text alone: a real WebSocket server
// that speaks either form and does what a test tells it, good or bad. Knows nothing of our own frames.

import { createHash } from "node:crypto";
import { createWatch, type Watch } from "../bridge/support/bridge-house.ts";

type Json = Record<string, unknown>;
export type GuideForm = "nested" | "flat";

/** A `model_invoke` that arrived, both forms read alike. */
export interface Asked {
  readonly frame: Json;
  readonly id: string;
  readonly messages: readonly Json[];
  readonly stream: boolean;
  /** The text of the last user message. */
  readonly prompt: string;
}

/** No guide has a place for counts in a stream; `usage` is where real bridges put them. */
interface ChunkEnd {
  readonly finish?: string;
  readonly finished?: boolean;
  readonly index?: number;
  readonly usage?: Json;
}

/** What can be said about one turn, in the bridge's own form. `send` says anything at all. */
export interface Reply {
  readonly asked: Asked;
  /** One piece; nested ones are counted by themselves unless `index` says otherwise. */
  chunk(delta: Json, end?: ChunkEnd): void;
  text(...pieces: readonly string[]): void;
  finish(reason?: string): void;
  whole(message: Json, reason?: string, usage?: Json): void;
  error(message: string): void;
  send(frame: unknown): void;
  /** Cuts the link without a word. */
  cut(): void;
}

export interface GuideBridge {
  readonly url: string;
  readonly asked: Watch<Asked>;
  /** The frame of each `cancel`. */
  readonly cancelled: Watch<Json>;
  /** JSON pings, and the `Authorization` of each upgrade that was tried. */
  readonly pings: Watch<Json>;
  readonly upgrades: Watch<string | null>;
  /** Links that are open now. */
  readonly links: number;
  /** To every link. */
  send(frame: unknown): void;
  /** Cuts every link without a word. */
  cut(): void;
  /** Upgrades are refused with this status from now on; `undefined`: let in again. */
  refuseWith(status: number | undefined): void;
  close(): Promise<void>;
}

export interface GuideBridgeOptions {
  readonly form: GuideForm;
  /** Anybody else is refused with 401. */
  readonly token?: string;
  /** What each turn is answered. Default: `playPrompt`. */
  readonly answer?: (reply: Reply) => void;
  readonly port?: number;
}

export function startGuideBridge(options: GuideBridgeOptions): GuideBridge {
  const { form, token, answer = playPrompt } = options;
  const asked = createWatch<Asked>();
  const cancelled = createWatch<Json>();
  const pings = createWatch<Json>();
  const upgrades = createWatch<string | null>();
  const links = new Set<Bun.ServerWebSocket>();
  let refusal: number | undefined;

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: options.port ?? 0,
    fetch(request, server) {
      const given = request.headers.get("authorization");
      upgrades.push(given);
      if (refusal !== undefined) return new Response("no", { status: refusal });
      if (token !== undefined && given !== `Bearer ${token}`) {
        return new Response("no", { status: 401 });
      }
      const upgraded = server.upgrade(request, { data: undefined });
      return upgraded ? undefined : new Response("no", { status: 400 });
    },
    websocket: {
      open: (socket) => void links.add(socket),
      close: (socket) => void links.delete(socket),
      message: (socket, text) => {
        const frame = JSON.parse(String(text)) as Json;
        if (frame["type"] === "ping") return pings.push(frame);
        if (frame["type"] === "cancel") return cancelled.push(frame);
        const turn = readInvoke(form, frame);
        // The answer may be on its way before anybody else hears of the question.
        answer(replyTo(form, turn, socket));
        return asked.push(turn);
      },
    },
  });

  return {
    url: `ws://127.0.0.1:${server.port}`,
    asked,
    cancelled,
    pings,
    upgrades,
    get links() {
      return links.size;
    },
    send: (frame) => {
      for (const socket of links) socket.send(JSON.stringify(frame));
    },
    cut: () => {
      for (const socket of links) socket.terminate();
    },
    refuseWith: (status) => {
      refusal = status;
    },
    close: () => server.stop(true),
  };
}

function readInvoke(form: GuideForm, frame: Json): Asked {
  const nested = (frame["payload"] ?? {}) as Json;
  const at = form === "nested" ? nested : frame;
  const parameters = form === "nested" ? (nested["parameters"] as Json) : frame;
  const messages = (at["messages"] ?? []) as readonly Json[];
  const last = messages.findLast(({ role }) => role === "user")?.["content"];
  return {
    frame,
    id: String(frame["id"]),
    messages,
    stream: parameters["stream"] === true,
    prompt: typeof last === "string" ? last : "",
  };
}

function replyTo(form: GuideForm, asked: Asked, socket: Bun.ServerWebSocket): Reply {
  const { id } = asked;
  let index = -1;
  const send = (frame: unknown): void => {
    socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  };
  const chunk: Reply["chunk"] = (delta, end = {}) => {
    index = end.index ?? index + 1;
    const reason = end.finish ?? null;
    const begin = { type: "model_stream_chunk", id, ...(end.usage && { usage: end.usage }) };
    send(
      form === "nested"
        ? { ...begin, chunk_index: index, delta, finish_reason: reason }
        : { ...begin, chunk: { delta, finish_reason: reason }, finished: end.finished ?? false },
    );
  };
  return {
    asked,
    chunk,
    text: (...pieces) => {
      for (const content of pieces) chunk({ content });
    },
    finish: (finish = "stop") => chunk({}, { finish, finished: true }),
    whole: (message, finish_reason = "stop", usage = {}) => {
      const choices = [{ index: 0, message: { role: "assistant", ...message }, finish_reason }];
      const answer = { choices, usage };
      const type = "model_result";
      send(
        form === "nested"
          ? { type, id, status: "ok", result: answer, error: null }
          : { type, id, ...answer },
      );
    },
    error: (message) =>
      send({ type: "error", id, error: form === "nested" ? { message } : message }),
    send,
    cut: () => socket.terminate(),
  };
}

/** What a whole program can be asked for, where a test cannot reach into the bridge: the prompt says what happens. */
export function playPrompt(reply: Reply): void {
  const { asked } = reply;
  if (asked.prompt.startsWith("fail")) return reply.error("the foreign agent is out of order");
  if (!asked.stream) return reply.whole({ content: `You said: ${asked.prompt}` });
  switch (asked.prompt) {
    case "hold":
      return reply.text("first words ");
    case "half":
      reply.text("half ");
      return reply.error("the foreign agent broke");
    case "cut":
      reply.text("half ");
      return reply.cut();
    case "no reason":
      reply.text("no ");
      return reply.chunk({ content: "reason" }, { finished: true, finish: "" });
    case "twice":
      reply.text("once");
      reply.finish();
      reply.finish("length");
      return reply.error("too late");
    default:
      reply.text("You ", "said: ", asked.prompt);
      return reply.finish();
  }
}

/** A socket that shakes hands as a WebSocket and then is silent for ever: pings too go unanswered. */
export function startMuteBridge(): {
  readonly url: string;
  readonly opened: Watch<number>;
  close(): void;
} {
  const opened = createWatch<number>();
  let count = 0;
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, bytes) {
        const key = /sec-websocket-key: (\S+)/i.exec(bytes.toString())?.[1];
        if (key === undefined) return;
        const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept.digest("base64")}\r\n\r\n`,
        );
        opened.push((count += 1));
      },
    },
  });
  return { url: `ws://127.0.0.1:${server.port}`, opened, close: () => server.stop(true) };
}
