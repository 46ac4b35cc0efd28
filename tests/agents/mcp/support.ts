// A chat of the `mcp` connector with an official MCP client at its other end, in this process. The client's part is
// played by the tests.

import { Client } from "@modelcontextprotocol/client";
import type { ClientOptions } from "@modelcontextprotocol/client";
import { InMemoryTransport } from "@modelcontextprotocol/server";
import { createMcpChat } from "../../../src/agents/mcp/chat.ts";
import type { McpChat, Seat } from "../../../src/agents/mcp/chat.ts";
import type { InboxSettings } from "../../../src/agents/mcp/inbox-parts.ts";
import { createLine, createSampler } from "../../../src/agents/mcp/sampler.ts";
import type { Line } from "../../../src/agents/mcp/sampler.ts";
import { loadMcpSdk } from "../../../src/agents/mcp/sdk.ts";
import { createMcpServer } from "../../../src/agents/mcp/server.ts";
import type { Random } from "../../../src/core/ports.ts";
import { createCountingRandom, createFakeClock, createMemoryLog } from "../support.ts";
import type { FakeClock } from "../support.ts";

export interface Told {
  /** The line of JSON that a wait answers with; empty for the other tools. */
  readonly head: Readonly<Record<string, string | undefined>>;
  readonly text: string;
  readonly isError: boolean;
  readonly images: readonly { readonly data: string; readonly mimeType: string }[];
}

export interface PlayedChat {
  readonly chat: McpChat;
  readonly client: Client;
  readonly clock: FakeClock;
  readonly line: Line;
  call(name: string, given?: Record<string, unknown>, options?: CallOptions): Promise<Told>;
  close(): Promise<void>;
}

type CallOptions = Parameters<Client["callTool"]>[1];

export interface PlaySettings {
  readonly capabilities?: NonNullable<ClientOptions["capabilities"]>;
  readonly inbox?: InboxSettings;
  readonly random?: Random;
  readonly seat?: Partial<Seat>;
  /** Hears of each time that the chat takes its seat. */
  readonly onSeat?: () => void;
  /** Prepares the client before it connects. */
  readonly prepare?: (client: Client) => void;
}

export const ACTIVE: Seat = {
  status: () => "active",
  howToApprove: () => "",
  renewsItself: false,
  leave: () => undefined,
};

export async function playChat(settings: PlaySettings = {}): Promise<PlayedChat> {
  const { capabilities = {}, prepare, inbox } = settings;
  const sdk = await loadMcpSdk();
  const clock = createFakeClock();
  const line = createLine(true);
  const { sampling } = capabilities;
  const server = createMcpServer({
    sdk,
    version: "1.2.3",
    namesChats: false,
    chatOf: () => ({ chat }),
  });
  const samplesTools = sampling?.tools !== undefined;
  const sampler = createSampler({ sdk, server, line, withTools: samplesTools, clock });
  const chat = createMcpChat({
    client: { name: "Test Client", version: "9" },
    takeSeat: () => {
      settings.onSeat?.();
      return Promise.resolve({ ...ACTIVE, ...settings.seat });
    },
    clock,
    random: settings.random ?? createCountingRandom(),
    log: createMemoryLog(),
    samplesTools,
    ...(sampling !== undefined && { sampler }),
    ...(inbox !== undefined && { inbox }),
  });
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  ours.onclose = () => chat.close();
  await server.connect(ours);
  const client = new Client({ name: "test", version: "1" }, { capabilities });
  prepare?.(client);
  await client.connect(theirs);
  return {
    chat,
    client,
    clock,
    line,
    call: (name, given = {}, options = {}) => callTool(client, name, given, options),
    close: () => client.close(),
  };
}

/** Calls a tool of ours and reads what it said. */
export async function callTool(
  client: Client,
  name: string,
  given: Record<string, unknown> = {},
  options: CallOptions = {},
): Promise<Told> {
  const { content, isError } = await client.callTool({ name, arguments: given }, options);
  const texts = content.flatMap((part) => (part.type === "text" ? [part.text] : []));
  const images = content.flatMap((part) => (part.type === "image" ? [part] : []));
  const [first = "", ...others] = texts;
  const isHead = first.startsWith('{"status"');
  return {
    head: isHead ? (JSON.parse(first) as Told["head"]) : {},
    text: (isHead ? others : texts).join("\n"),
    isError: isError === true,
    images,
  };
}

/** Waits until a chat that is asked to wait is really waiting. */
export async function settled({ client }: Pick<PlayedChat, "client">): Promise<void> {
  await client.listTools();
  await client.listTools();
}
