// Opening a port on both loopback addresses, since `localhost` means either; and closing it again.

import type { Server, WebSocketHandler } from "bun";
import { AppError } from "../core/error.ts";
import type { Log } from "../core/ports.ts";
import type { Gate } from "./gate.ts";

export interface Listening {
  readonly port: number;
  /**
   * Requests that have no whole answer yet, and WebSocket links, over all addresses. Connections on which nothing is
   * asked are not among them: Bun does not show them.
   */
  open(): number;
  /** Ends every connection. */
  kill(): Promise<void>;
}

export interface ListenSettings<Data> {
  /** Which of our two ports: its settings are named in what goes wrong. */
  readonly name: "provider" | "bridge";
  readonly host: string;
  /** 0: any free port, the same on both addresses. */
  readonly port: number;
  /** Made once the port is known: Host and Origin are judged by it. */
  readonly gateFor: (port: number) => Gate<Data>;
  readonly websocket?: WebSocketHandler<Data>;
  readonly log: Log;
}

/** Seconds a connection may stay silent: longer than the heartbeat of a stream, short enough against slow senders. */
const IDLE_SECONDS = 30;
const PORT_ATTEMPTS = 20;
const FLUSH_MS = 200;

/** @throws AppError conflict: which address cannot be had, why, and which flag or setting names another */
export function listen<Data>(settings: ListenSettings<Data>): Listening {
  const hosts = settings.host === "127.0.0.1" ? ["127.0.0.1", "::1"] : [settings.host];
  for (let attempt = 1; ; attempt += 1) {
    const servers: Server<Data>[] = [];
    // No request can arrive before this turn of the event loop ends, and by then it is set.
    let gate: Gate<Data> = () => new Response(null, { status: 503 });
    try {
      for (const host of hosts) {
        const port = servers[0]?.port ?? settings.port;
        const address = { hostname: host, port };
        const server = open(settings, address, (request, server) => gate(request, server));
        if (server !== undefined) servers.push(server);
      }
      const bound = listening(servers);
      gate = settings.gateFor(bound.port);
      return bound;
    } catch (error) {
      for (const server of servers) void server.stop(true);
      // A free port on one address may be taken on the other: another one is picked.
      if (settings.port === 0 && attempt < PORT_ATTEMPTS) continue;
      throw error;
    }
  }
}

function open<Data>(
  settings: ListenSettings<Data>,
  { hostname, port }: { readonly hostname: string; readonly port: number },
  fetch: Gate<Data>,
): Server<Data> | undefined {
  try {
    return Bun.serve<Data>({
      hostname,
      port,
      fetch,
      idleTimeout: IDLE_SECONDS,
      // Sizes are the guard's and the body reader's to judge: the platform's own 413 has no body and no id.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      development: false,
      // Outside of development Bun would otherwise share a taken port with whoever has it.
      reusePort: false,
      ...(settings.websocket === undefined ? {} : { websocket: settings.websocket }),
    } as Bun.Serve.Options<Data>);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (hostname === "::1" && (code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT")) {
      settings.log.info({ port }, "no IPv6 loopback on this machine; listening on 127.0.0.1 only");
      return undefined;
    }
    const message = whyNot(code, { name: settings.name, hostname, port });
    throw new AppError("conflict", message, { cause: error });
  }
}

/** How another address is chosen. `mlp bridge` takes `--bridge-port` too, and `--host` of `mlp up` is the provider's. */
const CHOICES = {
  provider: { port: "--port or provider.port", host: "--host or provider.host" },
  bridge: { port: "--bridge-port or bridge.port", host: "bridge.host" },
} as const;

/** `code`: the system's. */
function whyNot(
  code: unknown,
  { name, hostname, port }: { name: keyof typeof CHOICES; hostname: string; port: number },
): string {
  const by = CHOICES[name];
  const place = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  switch (code) {
    case "EADDRINUSE":
      return `Port ${port} of ${hostname} is taken. Stop what is using it, or choose another port with ${by.port}.`;
    case "EACCES":
      return `Cannot listen on ${place}: it needs rights that this user does not have. Choose a port above 1023 with ${by.port}.`;
    case "EADDRNOTAVAIL":
      return `Cannot listen on ${place}: this machine has no such address. Choose one that it has with ${by.host}.`;
    default:
      return `Cannot listen on ${place}${typeof code === "string" ? ` (${code})` : ""}. Choose another address with ${by.host}.`;
  }
}

function listening<Data>(servers: readonly Server<Data>[]): Listening {
  const port = servers[0]?.port;
  if (port === undefined) throw new AppError("internal", "No address to listen on.");
  return {
    port,
    open: () =>
      servers.reduce((sum, each) => sum + each.pendingRequests + each.pendingWebSockets, 0),
    kill: async () => {
      // What was written last, such as an error frame, has to reach its clients before the sockets are cut.
      const gone = Promise.all(servers.map((server) => server.stop(false)));
      await Promise.race([gone, Bun.sleep(FLUSH_MS)]);
      await Promise.all(servers.map((server) => server.stop(true)));
    },
  };
}
