// MCP over this process's stdin and stdout, both generations: the client that started us is the chat. Writes nothing but
// MCP to stdout, and ends when stdin does.

import type { Transport } from "@modelcontextprotocol/server";
import { createMcpChat, type McpChat, type McpChatOptions } from "./chat.ts";
import { createLine, createSampler } from "./sampler.ts";
import { loadMcpSdk } from "./sdk.ts";
import { clientOf, createMcpServer } from "./server.ts";

export interface McpStdioOptions extends Omit<
  McpChatOptions,
  "client" | "sampler" | "samplesTools"
> {
  readonly version: string;
  /** In place of the process's own streams. */
  readonly transport?: Transport;
}

export interface McpStdio {
  /** Resolves when the client has gone. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

export async function serveMcpStdio(options: McpStdioOptions): Promise<McpStdio> {
  const { clock, log, version } = options;
  const sdk = await loadMcpSdk();
  const stdio = await import("@modelcontextprotocol/server/stdio");
  const transport = options.transport ?? new stdio.StdioServerTransport();
  const ended = Promise.withResolvers<void>();
  let chat: McpChat | undefined;
  function serve() {
    const server = createMcpServer({
      sdk,
      version,
      namesChats: false,
      chatOf: ({ client }) => ({ chat: chatOf(client) }),
    });
    const line = createLine(true);

    function chatOf(client = clientOf(server)): McpChat {
      const { sampling } = server.getClientCapabilities() ?? {};
      const samplesTools = sampling?.tools !== undefined;
      const isOlder = server.getNegotiatedProtocolVersion()?.startsWith("2026") !== true;
      const more =
        sampling === undefined || !isOlder
          ? {}
          : { sampler: createSampler({ sdk, server, line, withTools: samplesTools, clock }) };
      chat ??= createMcpChat({ ...options, client, samplesTools, ...more });
      return chat;
    }

    /** Said by clients of the older generation only: one with a model of its own answers by itself. */
    server.oninitialized = () => {
      if (server.getClientCapabilities()?.sampling === undefined) return;
      chatOf()
        .join()
        .catch(() => undefined);
    };
    return server;
  }

  const handle = stdio.serveStdio(serve, {
    transport,
    onerror: (error) => log.debug({ err: error }, "an MCP message failed"),
  });
  // Serving has put its own listener there, for which the end of stdin is only the end of a connection.
  const onClose = transport.onclose;
  transport.onclose = () => {
    onClose?.();
    chat?.close();
    ended.resolve();
  };
  return {
    ended: ended.promise,
    close: async () => {
      chat?.close();
      await handle.close();
      ended.resolve();
    },
  };
}
