// MCP over Streamable HTTP, both generations at one address. Up to 2025-11-25 a client has a session: one server, one
// transport, one chat. From 2026-07-28 on every request stands for itself, and a chat goes by the name it got at its
// first call. Who may call was decided before; nothing here reads a token.

import type { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/server";
import { AppError } from "../../core/error.ts";
import type { Clock, Log, Random } from "../../core/ports.ts";
import { createMcpChat, type McpChat, type TakeSeat } from "./chat.ts";
import { createGuests, type Guest } from "./guests.ts";
import type { InboxSettings } from "./inbox-parts.ts";
import { createLine, createSampler } from "./sampler.ts";
import { loadMcpSdk, type McpSdk } from "./sdk.ts";
import { clientOf, createMcpServer, type McpCaller } from "./server.ts";

export interface McpHttpOptions {
  readonly takeSeat: TakeSeat;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Of one request, in bytes. */
  readonly bodyBytes: number;
  /** Clients at once, over both generations; default 32. */
  readonly most?: number;
  /** A client that is silent this long, and holds no stream open, is forgotten; default 10 minutes. */
  readonly idleMs?: number;
  readonly inbox?: InboxSettings;
}

export interface McpHttp {
  handle(request: Request): Promise<Response>;
  /** Clients that are there. */
  readonly clients: number;
  close(): void;
}

/** A client's session, or a chat of the generation without sessions. */
interface McpGuest extends Guest {
  readonly chat: () => McpChat | undefined;
  handle?(request: Request): Promise<Response>;
}

const MOST_CLIENTS = 32;
const IDLE_MS = 10 * 60_000;

export function createMcpHttp(options: McpHttpOptions): McpHttp {
  const { clock, random, log, version, bodyBytes } = options;
  const { most = MOST_CLIENTS } = options;
  /** Clients that are just being taken in: they count as well. */
  let opening = 0;
  const guests = createGuests<McpGuest>({
    clock,
    most,
    idleMs: options.idleMs ?? IDLE_MS,
  });
  const bound = { maxRequestBodySize: bodyBytes };
  let loaded: Promise<{ sdk: McpSdk; later: (request: Request) => Promise<Response> }> | undefined;
  let closed = false;

  async function load() {
    const sdk = await loadMcpSdk();
    const later = sdk.createMcpHandler(
      () => createMcpServer({ sdk, version, namesChats: true, chatOf: namedChat }),
      { legacy: "reject", ...bound },
    );
    return { sdk, later: later.fetch };
  }

  /** The chat that a call names; the first call names none, and gets one. */
  function namedChat({ client, chat: name, isWait }: McpCaller) {
    const known = name === undefined ? undefined : guests.get(name)?.chat();
    if (name !== undefined && known !== undefined) return { chat: known, name };
    if (name !== undefined) {
      throw new AppError(
        "session_not_found",
        "There is no such chat any more. Call wait_for_request without chat to begin anew.",
      );
    }
    if (!isWait) throw new AppError("invalid_request", "Name the chat that wait_for_request gave.");
    if (guests.isFull || closed) throw full();
    const chat = createMcpChat({ ...options, client });
    const given = random.id("chat_");
    guests.add(given, { chat: () => chat, idleSince: chat.idleSince, close: () => chat.close() });
    return { chat, name: given, forget: () => guests.remove(given) };
  }

  async function open(sdk: McpSdk, request: Request): Promise<Response> {
    if (guests.size + opening >= most || closed) return problem(503, full().message);
    opening += 1;
    try {
      return await greet(sdk, request);
    } finally {
      opening -= 1;
    }
  }

  async function greet(sdk: McpSdk, request: Request): Promise<Response> {
    const line = createLine();
    let chat: McpChat | undefined;
    let lastSeen = clock.monotonic();
    let stream: Request | undefined;
    const transport: WebStandardStreamableHTTPServerTransport =
      new sdk.WebStandardStreamableHTTPServerTransport({
        sessionIdGenerator: () => random.id("mcp_"),
        onsessioninitialized: (id) => guests.add(id, guest),
        ...bound,
      });
    const server = createMcpServer({
      sdk,
      version,
      namesChats: false,
      chatOf: () => ({ chat: chatHere() }),
    });

    function chatHere(): McpChat {
      const { sampling } = server.getClientCapabilities() ?? {};
      const samplesTools = sampling?.tools !== undefined;
      const more =
        sampling === undefined
          ? {}
          : { sampler: createSampler({ sdk, server, line, withTools: samplesTools, clock }) };
      chat ??= createMcpChat({ ...options, client: clientOf(server), samplesTools, ...more });
      return chat;
    }

    const guest: McpGuest = {
      chat: () => chat,
      idleSince: () => {
        if (line.isOpen) return undefined;
        const since = chat === undefined ? lastSeen : chat.idleSince();
        return since === undefined ? undefined : Math.max(since, lastSeen);
      },
      handle: async (request) => {
        lastSeen = clock.monotonic();
        const response = await transport.handleRequest(request);
        if (request.method === "GET" && response.status === 200) listen(request);
        return response;
      },
      close: () => {
        chat?.close();
        void transport.close();
      },
    };

    /** A client with a model of its own answers by itself: its agent is there as soon as it listens. */
    function listen(request: Request): void {
      stream = request;
      line.open();
      // A stream that ends after its successor began ends nothing.
      const shut = (): void => (stream === request ? line.shut() : undefined);
      request.signal.addEventListener("abort", shut, { once: true });
      if (server.getClientCapabilities()?.sampling === undefined) return;
      chatHere()
        .join()
        .catch(() => undefined);
    }

    transport.onclose = () => {
      if (transport.sessionId !== undefined) guests.remove(transport.sessionId);
    };
    transport.onerror = (error) => log.debug({ err: error }, "an MCP client's request failed");
    await server.connect(transport);
    return await transport.handleRequest(request);
  }

  return {
    handle: async (request) => {
      const id = request.headers.get("mcp-session-id");
      const guest = id === null ? undefined : guests.get(id);
      if (guest?.handle !== undefined) return await guest.handle(request);
      if (id !== null) return problem(404, "There is no such session. Initialize anew.");
      loaded ??= load();
      const { sdk, later } = await loaded;
      if (!(await sdk.isLegacyRequest(request, undefined, bound))) return await later(request);
      if (request.method !== "POST") return problem(400, "A session begins with initialize.");
      return await open(sdk, request);
    },
    get clients() {
      return guests.size;
    },
    close: () => {
      closed = true;
      guests.close();
    },
  };
}

function full(): AppError {
  return new AppError("too_busy", "Too many MCP clients are connected. Close some.");
}

/** JSON-RPC's form, as the transport itself uses it for what is no answer to a message. */
function problem(status: number, message: string): Response {
  return Response.json({ jsonrpc: "2.0", error: { code: -32_000, message }, id: null }, { status });
}
