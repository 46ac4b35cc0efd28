// Scripted agents that use the editor's tools as a real one would: through the official MCP client, of one generation or
// the other.

import {
  Client as LaterClient,
  StreamableHTTPClientTransport as LaterTransport,
} from "@modelcontextprotocol/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import type { McpServer, ToolRunner } from "../../../src/agents/tool-runner.ts";
import { type EditorTools, withEditorTools } from "../../../src/agents/tool-bridge/tool-bridge.ts";
import type { EditorToolsDeps } from "../../../src/agents/tool-bridge/tool-bridge.ts";
import { AppError } from "../../../src/core/error.ts";
import type { TurnEvent } from "../../../src/core/event.ts";
import type { Random } from "../../../src/core/ports.ts";
import type { Part, ResumeRequest, Tool, Turn } from "../../../src/core/turn.ts";
import { collectTurn } from "../../contract/collect-turn.ts";
import { chatRequest, createFakeClock, turnOf } from "../support.ts";
import type { FakeClock } from "../support.ts";

export const READ: Tool = {
  name: "read_file",
  description: "Reads a file.",
  parameters: { type: "object", properties: { path: { type: "string" } }, required: ["path"] },
};
export const LIST: Tool = { name: "list_files" };

/** What one run of a scripted agent has. */
export interface Script {
  readonly turn: Turn;
  readonly signal: AbortSignal;
  readonly server: McpServer | undefined;
  /** Connected on first use, gone with the run. */
  client(): Promise<Client | LaterClient>;
  /** The text of a tool's result; an error of the tool's is marked by `!`. */
  call(name: string, values?: object, options?: CallOptions): Promise<string>;
}

interface CallOptions {
  readonly onProgress?: (message: string) => void;
  readonly signal?: AbortSignal;
}

/** The newest protocol that an agent speaks. */
export type Speaks = "2025-11-25" | "2026-07-28";

export type Play = (script: Script) => AsyncIterable<TurnEvent>;

export interface ScriptedRunner extends ToolRunner {
  /** How often a run was cut short: aborted or abandoned. */
  readonly stopped: number;
  readonly turns: readonly Turn[];
  /** The server of each run that was given one. */
  readonly servers: readonly McpServer[];
  /** Resolves when a run is cut short, at once if one was. */
  whenStopped(): Promise<void>;
  /** Resolves when a run has ended, however it did. */
  readonly ended: Promise<void>;
}

export function scriptedRunner(
  play: Play,
  takesServers = true,
  speaks: Speaks = "2025-11-25",
): ScriptedRunner {
  const turns: Turn[] = [];
  const servers: McpServer[] = [];
  const firstStop = Promise.withResolvers<void>();
  const firstEnd = Promise.withResolvers<void>();
  let stopped = 0;

  async function* run(
    turn: Turn,
    signal: AbortSignal,
    given: readonly McpServer[],
  ): AsyncGenerator<TurnEvent> {
    turns.push(turn);
    servers.push(...given);
    const [server] = given;
    let connected: Promise<Client | LaterClient> | undefined;
    const client: Script["client"] = () =>
      (connected ??= speaks === "2025-11-25" ? connect(server!) : connectLater(server!));
    const call: Script["call"] = async (name, values, options = {}) =>
      await callTool(await client(), {
        name,
        values,
        options: {
          ...options,
          signal: AbortSignal.any([signal, ...(options.signal ? [options.signal] : [])]),
        },
      });
    let ended = false;
    try {
      if (signal.aborted) throw signal.reason;
      for await (const event of play({ turn, signal, server, client, call })) {
        ended = event.type === "finish";
        yield event;
        if (signal.aborted && !ended) throw signal.reason;
      }
    } catch (error) {
      if (!signal.aborted) ended = true;
      throw signal.aborted ? abortReason(signal) : error;
    } finally {
      if (!ended) {
        stopped += 1;
        firstStop.resolve();
      }
      await connected?.then((client) => client.close());
      firstEnd.resolve();
    }
  }

  return {
    run,
    takesServers: () => takesServers,
    get stopped() {
      return stopped;
    },
    turns,
    servers,
    whenStopped: () => firstStop.promise,
    ended: firstEnd.promise,
  };
}

function abortReason(signal: AbortSignal): AppError {
  return signal.reason instanceof AppError
    ? signal.reason
    : new AppError("client_cancelled", "The turn was cancelled.");
}

export async function connect(
  server: McpServer,
  headers: Readonly<Record<string, string>> = server.headers,
): Promise<Client> {
  const client = new Client({ name: "scripted agent", version: "1" });
  const transport = new StreamableHTTPClientTransport(new URL(server.url), {
    requestInit: { headers },
  });
  await client.connect(transport);
  return client;
}

export async function connectLater({ url, headers }: McpServer): Promise<LaterClient> {
  const client = new LaterClient(
    { name: "scripted agent", version: "2" },
    { versionNegotiation: { mode: { pin: "2026-07-28" } } },
  );
  await client.connect(new LaterTransport(new URL(url), { requestInit: { headers } }));
  return client;
}

async function callTool(
  client: Client | LaterClient,
  { name, values, options }: { name: string; values: object | undefined; options: CallOptions },
): Promise<string> {
  const { onProgress, signal } = options;
  const params = { name, ...(values && { arguments: { ...values } }) };
  const more = {
    timeout: 60_000,
    ...(signal && { signal }),
    ...(onProgress && {
      onprogress: ({ message = "" }: { message?: string | undefined }) => onProgress(message),
    }),
  };
  const result =
    client instanceof LaterClient
      ? await client.callTool(params, more)
      : ((await client.callTool(params, undefined, more)) as CallToolResult);
  const text = result.content
    .map((part) => {
      if (part.type === "text") return part.text;
      if (part.type !== "image") return "?";
      return `[${part.mimeType}, ${Buffer.from(part.data, "base64").length} bytes]`;
    })
    .join("");
  return result.isError === true ? `!${text}` : text;
}

/** Never, until the run is stopped. */
export async function hang(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  if (signal.aborted) reject(signal.reason);
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return await promise;
}

export const say = (text: string): TurnEvent => ({ type: "text-delta", text });
export const STOP: TurnEvent = { type: "finish", reason: "stop" };

/** Ids that count up, and a promise for the moment at which the n-th call is on its way to the editor. */
export function watchedRandom(): Random & {
  readonly calls: readonly string[];
  called(count: number): Promise<void>;
} {
  let count = 0;
  const calls: string[] = [];
  const waiting = new Set<{ readonly count: number; resolve(): void }>();
  return {
    calls,
    id: (prefix) => {
      const id = `${prefix}${(count += 1)}`;
      if (prefix === "call_") {
        calls.push(id);
        for (const one of waiting) if (calls.length >= one.count) one.resolve();
      }
      return id;
    },
    secret: () => `mlp_secret_${(count += 1)}`,
    fraction: () => 0.5,
    called: async (count) => {
      if (calls.length >= count) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.add({ count, resolve });
      await promise;
    },
  };
}

/** Lets everything run that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let tick = 0; tick < 100; tick += 1) await Promise.resolve();
}

export const GATHER_MS = 250;

export interface Bench {
  readonly inner: ScriptedRunner;
  readonly tools: EditorTools;
  readonly clock: FakeClock;
  readonly random: ReturnType<typeof watchedRandom>;
  /** Reads a turn that parks: lets the gathering end once `calls` calls in all have been made. */
  readParked(turn: Turn, calls: number, signal?: AbortSignal): ReturnType<typeof collectTurn>;
  read(turn: Turn, signal?: AbortSignal): ReturnType<typeof collectTurn>;
}

/** An agent that plays a script, with the editor's tools over it. */
export function bench(
  play: Play,
  options: Partial<EditorToolsDeps> & {
    readonly takesServers?: boolean;
    readonly speaks?: Speaks;
  } = {},
): Bench {
  const { takesServers = true, speaks, ...deps } = options;
  const inner = scriptedRunner(play, takesServers, speaks);
  const clock = createFakeClock();
  const random = watchedRandom();
  const tools = withEditorTools(inner, { clock, random, ...deps });
  const read: Bench["read"] = (turn, signal = new AbortController().signal) =>
    collectTurn(tools.run(turn, signal));
  return {
    inner,
    tools,
    clock,
    random,
    read,
    readParked: async (turn, calls, signal) => {
      const reading = read(turn, signal);
      await Promise.race([random.called(calls), reading]);
      clock.advance(GATHER_MS);
      return await reading;
    },
  };
}

export function asks(
  fields: Parameters<typeof chatRequest>[1] = {},
  turn: Partial<Turn> = {},
): Turn {
  return turnOf(chatRequest("Go.", { tools: [READ, LIST], ...fields }), turn);
}

type Brought = string | readonly Part[];

function partsOf(brought: Brought): readonly Part[] {
  return typeof brought === "string" ? [{ type: "text", text: brought }] : brought;
}

/** The turn that brings results: call id → content, and what the user sent beside them. */
export function brings(
  resumes: Turn,
  results: Readonly<Record<string, Brought>>,
  turn: Partial<Turn> = {},
  message?: Brought,
): Turn {
  const request: ResumeRequest = {
    kind: "resume",
    model: "rehearsal",
    stream: true,
    resumes: resumes.id,
    results: Object.entries(results).map(([toolCallId, content]) => ({
      toolCallId,
      content: partsOf(content),
    })),
    ...(message !== undefined && { message: partsOf(message) }),
  };
  return turnOf(request, turn);
}

export function codeOf(error: unknown): string {
  return error instanceof AppError ? error.code : `no AppError: ${String(error)}`;
}

/** What reading the turn is refused with. */
export async function refusal(reading: Promise<unknown>): Promise<string> {
  return await reading.then(() => "not refused", codeOf);
}
