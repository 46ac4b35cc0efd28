// An agent that can be given MCP servers for a turn: what the editor's tools ride on. Knows no protocol of an agent.

import type { TurnEvent } from "../core/event.ts";
import type { Turn } from "../core/turn.ts";

/** An MCP server over Streamable HTTP, for one turn. Its name is `editor` when it offers the editor's tools. */
export interface McpServer {
  readonly name: string;
  /** The names of its tools: what an agent calls otherwise is none of them, whatever its server is called. */
  readonly tools: readonly string[];
  readonly url: string;
  /** Sent with every request to it; they hold its secret. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Runs one turn as `Agent.run` does, with `servers` connected for as long as the run lasts. While the agent waits for
 * an answer of one of them the run just does not end.
 */
export interface ToolRunner {
  run(turn: Turn, signal: AbortSignal, servers: readonly McpServer[]): AsyncIterable<TurnEvent>;
  /** Whether the agent connects to the servers it is given. Asking may start it. */
  readonly takesServers: () => Promise<boolean> | boolean;
}
