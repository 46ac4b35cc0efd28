// The door for agents to the editor's tools: one loopback listener for all runs of a process, opened for the first run
// that has tools. Each run has an address nobody can guess and a secret of its own, both gone with it.

import { AppError } from "../../core/error.ts";
import type { Clock, Log, Random } from "../../core/ports.ts";
import type { Tool } from "../../core/turn.ts";
import { loadMcpSdk } from "../mcp/sdk.ts";
import type { McpServer } from "../tool-runner.ts";
import { hasBearer, notFound, refuseStranger, rpcRefusal, unauthorized } from "./http-gate.ts";
import { distinctTools } from "./input-schema.ts";
import { type McpEndpoint, createMcpEndpoint } from "./mcp-endpoint.ts";
import type { OnCall } from "./tool-call.ts";

export interface ToolServerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Log | undefined;
  /** See `EditorToolLimits`. */
  readonly progressMs: number;
}

export interface OpenTools {
  readonly server: McpServer;
  /** From now on the address is nobody's. */
  close(): void;
}

export interface ToolServer {
  /** @throws AppError shutdown once it is closed */
  open(tools: readonly Tool[], onCall: OnCall): Promise<OpenTools>;
  close(): Promise<void>;
}

interface Run {
  readonly secret: string;
  readonly endpoint: McpEndpoint;
}

type Listener = Bun.Server<undefined>;

/** Arguments of a call can hold a whole file. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

export function createToolServer(deps: ToolServerDeps): ToolServer {
  const { random, log } = deps;
  const runs = new Map<string, Run>();
  let listener: Listener | undefined;
  let closed = false;

  function listen(): Listener {
    return Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      // A call is open for as long as the editor takes.
      idleTimeout: 0,
      maxRequestBodySize: MAX_BODY_BYTES,
      development: false,
      fetch: route,
      error: () => rpcRefusal(500, "Something went wrong inside the tool server."),
    });
  }

  async function route(request: Request, { port }: { readonly port?: number | undefined }) {
    const stranger = refuseStranger(request, `127.0.0.1:${port}`);
    if (stranger !== undefined) return stranger;
    const run = runs.get(new URL(request.url).pathname);
    if (run === undefined) return notFound();
    if (!hasBearer(request, run.secret)) return unauthorized();
    try {
      return await run.endpoint.handle(request);
    } catch (error) {
      log?.warn({ err: error }, "the tool server failed a request of an agent");
      return rpcRefusal(500, "Something went wrong inside the tool server.");
    }
  }

  async function open(tools: readonly Tool[], onCall: OnCall): Promise<OpenTools> {
    const sdk = await loadMcpSdk();
    if (closed) throw new AppError("shutdown", "The agent is shutting down.");
    listener ??= listen();
    const path = `/${random.id("tools_")}`;
    const secret = random.secret();
    const distinct = distinctTools(tools);
    const endpoint = createMcpEndpoint({ ...deps, sdk, tools: distinct, onCall });
    runs.set(path, { secret, endpoint });
    return {
      server: {
        name: "editor",
        tools: distinct.map(({ name }) => name),
        url: `http://127.0.0.1:${listener.port}${path}`,
        headers: { authorization: `Bearer ${secret}` },
      },
      close: () => {
        if (runs.delete(path)) endpoint.close();
      },
    };
  }

  async function close(): Promise<void> {
    closed = true;
    for (const { endpoint } of runs.values()) endpoint.close();
    runs.clear();
    await listener?.stop(true);
    listener = undefined;
  }

  return { open, close };
}
