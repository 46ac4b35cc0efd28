// The editor's tools of one run, spoken as MCP: one server and transport of the SDK for each connection of the agent.
// Knows nothing of turns: every call is handed to `onCall` and answered when that is.

import type { Server } from "@modelcontextprotocol/sdk/server/index.js";
import type { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import { type JsonObject, type JsonValue, isJsonObject, parseJson } from "../../core/json.ts";
import type { Clock, Random } from "../../core/ports.ts";
import type { Tool } from "../../core/turn.ts";
import { rpcRefusal } from "./http-gate.ts";
import { toInputSchema } from "./input-schema.ts";
import type { McpSdk } from "./mcp-sdk.ts";
import { type CallAnswer, type OnCall, failed } from "./tool-call.ts";
import { SERVER_INSTRUCTIONS, STILL_WAITING } from "./words.ts";

export interface McpEndpointDeps {
  readonly sdk: McpSdk;
  readonly clock: Clock;
  readonly random: Random;
  /** How often an agent that waits hears that we are still there, in milliseconds. */
  readonly progressMs: number;
  readonly tools: readonly Tool[];
  readonly onCall: OnCall;
}

export interface McpEndpoint {
  /** Whoever calls has checked who asks. */
  handle(request: Request): Promise<Response>;
  /** Ends every connection; calls that are open are aborted. */
  close(): void;
}

interface Connection {
  readonly server: Server;
  readonly transport: WebStandardStreamableHTTPServerTransport;
  /** JSON-RPC ids of the calls that are open → the way to give them up. */
  readonly open: Map<JsonRpcId, AbortController>;
}

type JsonRpcId = string | number;

/** What a handler of the SDK is told of a request, as far as it is needed here. */
interface CallContext {
  readonly signal: AbortSignal;
  readonly requestId: JsonRpcId;
  sendNotification(notification: ProgressNotification): Promise<void>;
}

interface ProgressNotification {
  readonly method: "notifications/progress";
  readonly params: { progressToken: JsonRpcId; progress: number; message: string };
}

/** Agents connect once or twice a run; one that keeps connecting is out of order. */
const MAX_CONNECTIONS = 32;

export function createMcpEndpoint(deps: McpEndpointDeps): McpEndpoint {
  const { sdk, clock, random, tools, onCall } = deps;
  const names = new Set(tools.map(({ name }) => name));
  const connections = new Map<string, Connection>();
  const listed = tools.map(({ name, description, parameters }) => {
    const inputSchema = toInputSchema(parameters);
    return description === undefined ? { name, inputSchema } : { name, description, inputSchema };
  });

  async function connect(): Promise<Connection> {
    const open: Connection["open"] = new Map();
    const server = new sdk.Server(
      { name: "editor", version: "1" },
      { capabilities: { tools: {} }, instructions: SERVER_INSTRUCTIONS },
    );
    server.setRequestHandler(sdk.ListToolsRequestSchema, () => ({ tools: listed }));
    server.setRequestHandler(sdk.CallToolRequestSchema, async ({ params }, context) => {
      const { text, isError } = await answer(params, context, open);
      return { content: [{ type: "text", text }], isError };
    });
    const transport = new sdk.WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => random.id("mcp_"),
      onsessioninitialized: (id) => void connections.set(id, connection),
      onsessionclosed: (id) => void connections.delete(id),
    });
    const connection = { server, transport, open };
    await server.connect(transport);
    return connection;
  }

  async function answer(
    params: {
      readonly name: string;
      readonly arguments?: Record<string, unknown> | undefined;
      readonly _meta?: { readonly progressToken?: JsonRpcId | undefined } | undefined;
    },
    context: CallContext,
    open: Connection["open"],
  ): Promise<CallAnswer> {
    const { name } = params;
    if (!names.has(name)) return failed(`The editor has no tool of the name "${name}".`);
    const token = params._meta?.progressToken;
    const givenUp = new AbortController();
    open.set(context.requestId, givenUp);
    const stopBeating = token === undefined ? () => undefined : beat(context, token);
    try {
      return await onCall({
        name,
        arguments: JSON.stringify(params.arguments ?? {}),
        patient: token !== undefined,
        signal: AbortSignal.any([context.signal, givenUp.signal]),
      });
    } finally {
      stopBeating();
      open.delete(context.requestId);
    }
  }

  /** Clients count the silence of a call from its last progress; without it most give up within a minute. */
  function beat(context: CallContext, progressToken: JsonRpcId): () => void {
    let progress = 0;
    let stop: () => void;
    const again = (): void => {
      stop = clock.timer(deps.progressMs, () => {
        progress += 1;
        const params = { progressToken, progress, message: STILL_WAITING };
        // An agent that has gone away is noticed by its connection, not by this.
        context.sendNotification({ method: "notifications/progress", params }).catch(() => {});
        again();
      });
    };
    again();
    return () => stop();
  }

  async function handle(request: Request): Promise<Response> {
    const id = request.headers.get("mcp-session-id");
    const known = id === null ? undefined : connections.get(id);
    if (id !== null && known === undefined) return rpcRefusal(404, "Session not found");
    if (request.method !== "POST") {
      return (
        (await known?.transport.handleRequest(request)) ??
        rpcRefusal(400, "Mcp-Session-Id header is required")
      );
    }
    const body = parseJson(await request.text());
    if (body === undefined) return rpcRefusal(400, "The body is no JSON.");
    if (known === undefined && !isInitialize(body)) {
      return rpcRefusal(400, "Mcp-Session-Id header is required");
    }
    if (known === undefined && connections.size >= MAX_CONNECTIONS) {
      return rpcRefusal(429, "This run has too many connections.");
    }
    const { transport, open } = known ?? (await connect());
    // The answer to a call travels on the connection that brought it: with that gone, nobody waits any more.
    request.signal.addEventListener("abort", () => {
      for (const id of callIdsOf(body)) open.get(id)?.abort();
    });
    return await transport.handleRequest(request, { parsedBody: body });
  }

  function close(): void {
    for (const { server } of connections.values()) void server.close();
    connections.clear();
  }

  return { handle, close };
}

function messagesOf(body: JsonValue): readonly JsonObject[] {
  const all: readonly unknown[] = Array.isArray(body) ? body : [body];
  return all.filter(isJsonObject);
}

function isInitialize(body: JsonValue): boolean {
  return messagesOf(body).some(({ method }) => method === "initialize");
}

function callIdsOf(body: JsonValue): readonly JsonRpcId[] {
  return messagesOf(body).flatMap(({ method, id }) => {
    if (method !== "tools/call") return [];
    return typeof id === "string" || typeof id === "number" ? [id] : [];
  });
}
