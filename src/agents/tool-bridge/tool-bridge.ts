// The editor's tools over any agent: as an MCP server where the agent takes one, in the prompt where it does not. Makes
// of a `ToolRunner` what an `Agent` runs; knows neither the agent's protocol nor the editor's.

import type { TurnEvent } from "../../core/event.ts";
import type { Agent, Clock, Log, Random } from "../../core/ports.ts";
import type { ChatRequest, ResumeRequest, Turn } from "../../core/turn.ts";
import { orAbort } from "../abort.ts";
import { type ChatTurn, runEnvelope } from "./envelope.ts";
import { createMcpTurns, shutdown } from "./mcp-turns.ts";
import type { EditorToolLimits } from "./mcp-turns.ts";
import { createToolServer } from "./tool-server.ts";
import type { ToolRunner } from "../tool-runner.ts";

export type { EditorToolLimits } from "./mcp-turns.ts";

/**
 * How the editor's tools reach the agent: by an MCP server, by an envelope in the prompt, or (`auto`) as the agent says
 * that it can. For an agent that takes servers and then hides their tools from its model, say `envelope`.
 */
export type ToolServersChoice = "mcp" | "envelope" | "auto";

export interface EditorToolsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Log;
  /** Default `auto`. */
  readonly toolServers?: ToolServersChoice;
  readonly limits?: Partial<EditorToolLimits>;
}

export interface EditorTools {
  readonly run: Agent["run"];
  /** Cancels what runs and what is parked, and closes the tools' door. Afterwards every turn is refused. */
  close(): Promise<void>;
}

const LIMITS: EditorToolLimits = {
  gatherMs: 250,
  progressMs: 7_000,
  patientMs: 30 * 60_000,
  silentMs: 50_000,
  parkedRuns: 64,
};

export function withEditorTools(inner: ToolRunner, deps: EditorToolsDeps): EditorTools {
  const { clock, random, log, toolServers = "auto" } = deps;
  const limits = { ...LIMITS, ...deps.limits };
  const server = createToolServer({ clock, random, log, progressMs: limits.progressMs });
  const mcp = createMcpTurns({ clock, random, server, limits });
  let closed = false;

  function run(turn: Turn, signal: AbortSignal): AsyncIterable<TurnEvent> {
    if (closed) return refuse();
    if (isResume(turn)) return mcp.resume(turn, signal);
    if (!isChat(turn)) return inner.run(turn, signal, []);
    mcp.moveOn(turn);
    if (offersTools(turn.request)) return runWithTools(turn, signal);
    return inner.run(withoutTools(turn), signal, []);
  }

  async function* runWithTools(turn: ChatTurn, signal: AbortSignal): AsyncGenerator<TurnEvent> {
    if (await takesServer(signal)) yield* mcp.start(inner, turn, signal);
    else yield* runEnvelope(inner, { turn, signal, random });
  }

  async function takesServer(signal: AbortSignal): Promise<boolean> {
    if (toolServers !== "auto") return toolServers === "mcp";
    return await orAbort(Promise.resolve(inner.takesServers()), signal);
  }

  async function close(): Promise<void> {
    closed = true;
    await mcp.close();
    await server.close();
  }

  return { run, close };
}

// oxlint-disable-next-line require-yield -- a turn that is refused says nothing
async function* refuse(): AsyncGenerator<TurnEvent> {
  throw shutdown();
}

function isChat(turn: Turn): turn is ChatTurn {
  return turn.request.kind === "chat";
}

function isResume(turn: Turn): turn is Turn & { readonly request: ResumeRequest } {
  return turn.request.kind === "resume";
}

function offersTools({ tools = [], toolChoice }: ChatRequest): boolean {
  return tools.length > 0 && toolChoice !== "none";
}

/** Tools that are offered and not to be used are no concern of the agent's. */
function withoutTools(turn: ChatTurn): ChatTurn {
  if (turn.request.tools === undefined) return turn;
  const { tools: _tools, toolChoice: _choice, ...request } = turn.request;
  return { ...turn, request };
}
