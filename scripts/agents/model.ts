// The model behind the agents: a server on loopback that answers each task as its play says, as OpenAI's chat completions
// or as Gemini's. It counts what is being answered, and hears when the other side hangs up.

import type { Asked, Move, Play } from "./play.ts";
import { say } from "./play.ts";
import { fromGemini, toGemini } from "./wire-gemini.ts";
import { fromOpenAi, toOpenAi } from "./wire-openai.ts";

export const MODEL = "mock-1";
/** Of a model that it does not know Codex expects no patches, and says so in its answers. */
export const KNOWN_MODEL = "gpt-5.5";

/** What the model saw of one task. */
export interface Seen {
  readonly asked: readonly Asked[];
  /** Answers that are being sent. */
  readonly open: number;
  /** Answers that the other side did not want to hear to their end. */
  readonly brokenOff: number;
  /** When the last piece was sent, as `performance.now()` has it. */
  readonly lastPieceAt: number;
}

export interface ScriptedModel {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** From now on a request that mentions `task` is answered so. */
  plan(task: string, play: Play): void;
  seen(task: string): Seen;
  /** Resolves when `holds` does for what was seen of the task. */
  until(task: string, holds: (seen: Seen) => boolean): Promise<Seen>;
  /** Requests that no task was found in, or no tools: titles, summaries, checks of the connection. */
  readonly others: () => number;
  stop(): Promise<void>;
}

/** A protocol: how a request is read, and how an answer is written. */
export interface Wire {
  readonly isStream: boolean;
  readonly asked: Asked;
  readonly frames: (move: Move) => readonly Frame[];
  readonly whole: (move: Move) => object;
}

/** Sent after `afterMs` of waiting. */
export interface Frame {
  readonly text: string;
  readonly afterMs: number;
}

interface Task {
  readonly play: Play;
  seen: Seen;
}

interface Watcher {
  readonly task: string;
  readonly holds: (seen: Seen) => boolean;
  readonly resolve: (seen: Seen) => void;
}

const NONE: Seen = { asked: [], open: 0, brokenOff: 0, lastPieceAt: 0 };

export function startModel(): ScriptedModel {
  const tasks = new Map<string, Task>();
  let watchers: readonly Watcher[] = [];
  let others = 0;

  const seen = (task: string): Seen => tasks.get(task)?.seen ?? NONE;

  function note(task: string, change: (seen: Seen) => Partial<Seen>): void {
    const found = tasks.get(task);
    if (found === undefined) return;
    found.seen = { ...found.seen, ...change(found.seen) };
    const now = found.seen;
    for (const each of watchers) if (each.task === task && each.holds(now)) each.resolve(now);
  }

  /** The task that was mentioned last: agents send what went before along. */
  function taskOf({ text, tools }: Asked): string | undefined {
    if (tools.length === 0) return undefined;
    const last = [...tasks.keys()]
      .map((task) => ({ task, at: text.lastIndexOf(task) }))
      .filter(({ at }) => at >= 0)
      .sort((one, other) => other.at - one.at);
    return last[0]?.task;
  }

  function answer(wire: Wire, signal: AbortSignal): Response {
    const task = taskOf(wire.asked);
    if (task === undefined) others += 1;
    else note(task, ({ asked }) => ({ asked: [...asked, wire.asked] }));
    const play = task === undefined ? undefined : tasks.get(task)?.play;
    const move = play?.(wire.asked) ?? say("A small task");
    if (!wire.isStream) return Response.json(wire.whole(move));
    const body = stream(wire.frames(move), signal, {
      onOpen: () => note(task ?? "", ({ open }) => ({ open: open + 1 })),
      onPiece: () => note(task ?? "", () => ({ lastPieceAt: performance.now() })),
      onEnd: (isBroken) =>
        note(task ?? "", ({ open, brokenOff }) => ({
          open: open - 1,
          brokenOff: brokenOff + (isBroken ? 1 : 0),
        })),
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, searchParams } = new URL(request.url);
      if (request.method === "GET") {
        const data = [MODEL, KNOWN_MODEL].map((id) => ({ id, object: "model" }));
        return Response.json({ object: "list", data });
      }
      const body: unknown = await request.json();
      if (pathname.endsWith(":countTokens")) return Response.json({ totalTokens: 100 });
      if (pathname.endsWith("/chat/completions")) return answer(fromTo(body), request.signal);
      if (!/:(?:streamG|g)enerateContent$/.test(pathname))
        return new Response(null, { status: 404 });
      const isStream = pathname.includes(":stream") || searchParams.get("alt") === "sse";
      return answer({ isStream, asked: fromGemini(body), ...toGemini }, request.signal);
    },
  });

  return {
    url: `http://127.0.0.1:${server.port}`,
    plan: (task, play) => void tasks.set(task, { play, seen: NONE }),
    seen,
    until: async (task, holds) => {
      if (holds(seen(task))) return seen(task);
      const { promise, resolve } = Promise.withResolvers<Seen>();
      const watcher = { task, holds, resolve };
      watchers = [...watchers, watcher];
      const now = await promise;
      watchers = watchers.filter((each) => each !== watcher);
      return now;
    },
    others: () => others,
    stop: () => server.stop(true),
  };
}

function fromTo(body: unknown): Wire {
  return { isStream: Object(body).stream === true, asked: fromOpenAi(body), ...toOpenAi };
}

interface StreamNotes {
  readonly onOpen: () => void;
  readonly onPiece: () => void;
  /** `isBroken`: the other side hung up. */
  readonly onEnd: (isBroken: boolean) => void;
}

function stream(
  frames: readonly Frame[],
  signal: AbortSignal,
  notes: StreamNotes,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let isOver = false;
  const end = (isBroken: boolean): void => {
    if (isOver) return;
    isOver = true;
    notes.onEnd(isBroken);
  };
  return new ReadableStream({
    async start(controller) {
      notes.onOpen();
      signal.addEventListener("abort", () => end(true), { once: true });
      for (const { text, afterMs } of frames) {
        if (afterMs > 0) await Bun.sleep(afterMs);
        if (isOver) return;
        controller.enqueue(encoder.encode(text));
        notes.onPiece();
      }
      end(false);
      controller.close();
    },
    cancel: () => end(true),
  });
}
