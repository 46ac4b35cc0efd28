// The editor's tools of one run, spoken as MCP in both of its generations. Up to 2025-11-25 each connection of the agent
// has a server and transport of the SDK for itself; from 2026-07-28 on each request has. Knows nothing of turns: every
// call is handed to `onCall` and answered when that is.

import type {
  Server,
  ServerContext,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import { type JsonValue, isJsonObject, parseJson } from "../../core/json.ts";
import type { Clock, Random } from "../../core/ports.ts";
import type { Tool } from "../../core/turn.ts";
import { type McpSdk, progressOf, signalOf } from "../mcp/sdk.ts";
import { toCallContent } from "./call-content.ts";
import { rpcRefusal } from "./http-gate.ts";
import { toInputSchema } from "./input-schema.ts";
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

interface CallParams {
  readonly name: string;
  readonly arguments?: Record<string, unknown> | undefined;
}

/** Agents connect once or twice a run; one that keeps connecting is out of order. */
const MAX_CONNECTIONS = 32;

export function createMcpEndpoint(deps: McpEndpointDeps): McpEndpoint {
  const { sdk, clock, random, tools, onCall } = deps;
  const names = new Set(tools.map(({ name }) => name));
  const connections = new Map<string, WebStandardStreamableHTTPServerTransport>();
  const listed = tools.map(({ name, description, parameters }) => {
    const inputSchema = toInputSchema(parameters);
    return description === undefined ? { name, inputSchema } : { name, description, inputSchema };
  });
  const later = sdk.createMcpHandler(createServer, {
    legacy: "reject",
    // An answer that begins at once and is kept alive: clients give up on one that has not begun.
    responseMode: "sse",
    maxSubscriptions: MAX_CONNECTIONS,
  });

  function createServer(): Server {
    const server = new sdk.Server(
      { name: "editor", version: "1" },
      { capabilities: { tools: {} }, instructions: SERVER_INSTRUCTIONS },
    );
    server.setRequestHandler("tools/list", () => ({ tools: listed }));
    server.setRequestHandler("tools/call", async ({ params }, context) => {
      const given = await answer(params, context);
      return { content: toCallContent(given), isError: given.isError };
    });
    return server;
  }

  async function connect(): Promise<WebStandardStreamableHTTPServerTransport> {
    const transport: WebStandardStreamableHTTPServerTransport =
      new sdk.WebStandardStreamableHTTPServerTransport({
        sessionIdGenerator: () => random.id("mcp_"),
        onsessioninitialized: (id) => void connections.set(id, transport),
        onsessionclosed: (id) => void connections.delete(id),
      });
    await createServer().connect(transport);
    return transport;
  }

  async function answer(params: CallParams, context: ServerContext): Promise<CallAnswer> {
    const { name } = params;
    if (!names.has(name)) return failed(`The editor has no tool of the name "${name}".`);
    const progress = progressOf(context, STILL_WAITING);
    const stopBeating = progress === undefined ? () => undefined : beat(progress);
    try {
      return await onCall({
        name,
        arguments: JSON.stringify(params.arguments ?? {}),
        patient: progress !== undefined,
        signal: signalOf(context),
      });
    } finally {
      stopBeating();
    }
  }

  /** Clients count the silence of a call from its last progress; without it most give up within a minute. */
  function beat(progress: () => void): () => void {
    let stop: () => void;
    const again = (): void => {
      stop = clock.timer(deps.progressMs, () => {
        progress();
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
      return (await known?.handleRequest(request)) ?? noSession();
    }
    const parsedBody = parseJson(await request.text());
    if (parsedBody === undefined) return rpcRefusal(400, "The body is no JSON.");
    if (known !== undefined) return await known.handleRequest(request, { parsedBody });
    if (!(await sdk.isLegacyRequest(request, parsedBody))) {
      return await later.fetch(request, { parsedBody });
    }
    if (!isInitialize(parsedBody)) return noSession();
    if (connections.size >= MAX_CONNECTIONS) {
      return rpcRefusal(429, "This run has too many connections.");
    }
    const transport = await connect();
    return await transport.handleRequest(request, { parsedBody });
  }

  function close(): void {
    for (const transport of connections.values()) void transport.close();
    connections.clear();
    void later.close();
  }

  return { handle, close };
}

/** An agent that gets this begins a session, or one anew. */
function noSession(): Response {
  return rpcRefusal(400, "Mcp-Session-Id header is required");
}

function isInitialize(body: JsonValue): boolean {
  const messages: readonly unknown[] = Array.isArray(body) ? body : [body];
  return messages.some((message) => isJsonObject(message) && message["method"] === "initialize");
}
