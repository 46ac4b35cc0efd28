// One chat that serves editors: its tools, its agent, and its seat at a bridge, which it takes when it begins to wait. The
// same for every transport and protocol generation.

import { AppError } from "../../core/error.ts";
import type { Capability } from "../../core/model.ts";
import type { Agent, Clock, Log, Random } from "../../core/ports.ts";
import type { SessionStatus } from "../../core/session.ts";
import { createMcpAgent, type Sampler } from "./agent.ts";
import { createInbox } from "./inbox.ts";
import type { InboxSettings } from "./inbox-parts.ts";
import { LONGEST_WAIT, SHORTEST_WAIT, WaitArguments } from "./tool-list.ts";
import { answerWith, problemWith, type Said, sayNews, wrong } from "./tools.ts";

/** What the client says of itself. A claim. */
export interface McpClientFacts {
  /** As it calls itself, such as `cursor-vscode`. */
  readonly name: string;
  readonly version: string;
}

/** The session of a chat's agent, wherever its hub is. */
export interface Seat {
  readonly status: () => SessionStatus | "joining";
  /** How a human approves it, in a sentence; "" where there is nothing to say. */
  readonly howToApprove: () => string;
  /** Whether a session that is used up is asked for again by itself. */
  readonly renewsItself: boolean;
  /** A human's answer to the question whether this agent may join; only there where configuration lets it count. */
  readonly consent?: (allowed: boolean) => Promise<void>;
  leave(): void;
}

/** Brings an agent to a hub. A failure is for the log: the chat only hears that it waits. */
export type TakeSeat = (agent: Agent) => Promise<Seat>;

export interface McpChatOptions {
  readonly client: McpClientFacts;
  readonly takeSeat: TakeSeat;
  readonly sampler?: Sampler;
  /** Whether tools can be called in sampling. */
  readonly samplesTools?: boolean;
  readonly identity?: McpIdentity;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly inbox?: InboxSettings;
}

/** What the user calls it, in place of what the client calls itself. */
export interface McpIdentity {
  readonly agentId?: string;
  readonly label?: string;
  readonly model?: string;
}

export interface Wait {
  readonly arguments: unknown;
  /** Aborts when the client has hung up or no longer wants the answer. */
  readonly signal: AbortSignal;
  /** Tells the client that the call is alive; absent where it did not ask for that. */
  readonly progress?: () => void;
}

export interface McpChat {
  readonly agent: Agent;
  /** The model's name, for people. */
  readonly model: string;
  /** Takes a seat if there is none. @throws AppError why the hub takes it not */
  join(): Promise<Seat | undefined>;
  readonly seat: () => Seat | undefined;
  /** After `join`. */
  wait(wait: Wait): Promise<Said>;
  answer(name: string, given: unknown): Promise<Said>;
  /** Monotonic milliseconds of the last call; `undefined` while one is open. */
  readonly idleSince: () => number | undefined;
  /** Ends what is open as `agent_lost` and leaves the hub. */
  close(): void;
}

const PROGRESS_MS = 8_000;

export function createMcpChat(options: McpChatOptions): McpChat {
  const { clock, random, log, sampler } = options;
  const inbox = createInbox(clock, options.inbox);
  const agent = createMcpAgent({
    info: infoOf(options),
    inbox,
    clock,
    ...(sampler !== undefined && { sampler }),
  });
  let seat: Seat | undefined;
  let joining: Promise<Seat | undefined> | undefined;
  let isClosed = false;
  let calls = 0;
  let lastCall = clock.monotonic();

  async function sitDown(): Promise<Seat | undefined> {
    try {
      const taken = await options.takeSeat(agent);
      if (isClosed) taken.leave();
      else seat = taken;
      return seat;
    } catch (error) {
      log.warn({ err: error, agentId: agent.info.agentId }, "an MCP client could not join");
      joining = undefined;
      if (error instanceof AppError) throw error;
      throw new AppError("internal", "The bridge could not take you in.", { cause: error });
    }
  }

  async function join(): Promise<Seat | undefined> {
    if (isClosed) return undefined;
    const isSpent = seat?.status() === "expired" || seat?.status() === "exhausted";
    if (isSpent && seat?.renewsItself === false) standUp();
    joining ??= sitDown();
    return await joining;
  }

  function standUp(): void {
    seat?.leave();
    seat = undefined;
    joining = undefined;
  }

  async function counted<T>(call: () => Promise<T>): Promise<T> {
    calls += 1;
    try {
      return await call();
    } finally {
      calls -= 1;
      lastCall = clock.monotonic();
    }
  }

  async function wait({ arguments: given, signal, progress }: Wait): Promise<Said> {
    const problem = problemWith(WaitArguments, given);
    if (problem !== undefined) return wrong(problem);
    const over = overText(seat?.status());
    if (over !== undefined) return wrong(over);
    const stop = progress === undefined ? undefined : every(PROGRESS_MS, clock, progress);
    const { max_wait_s: asked = LONGEST_WAIT } = given as { max_wait_s?: number };
    const seconds = Math.min(LONGEST_WAIT, Math.max(SHORTEST_WAIT, asked));
    const news = await inbox.wait(seconds * 1_000, signal);
    stop?.();
    if (signal.aborted) inbox.putBack(news);
    return sayNews(news, noteOf(seat));
  }

  return {
    agent,
    model: agent.info.models[0]?.id ?? "",
    join,
    seat: () => seat,
    wait: (call) => counted(() => wait(call)),
    answer: (name, given) => counted(() => answerWith(inbox, random, name, given)),
    idleSince: () => (calls > 0 ? undefined : lastCall),
    close: () => {
      if (isClosed) return;
      isClosed = true;
      inbox.close(new AppError("agent_lost", "The MCP client that answers here has gone."));
      seat?.leave();
    },
  };
}

function overText(status: SessionStatus | "joining" | undefined): string | undefined {
  if (status !== "denied" && status !== "revoked") return undefined;
  return `A human has ${status} this chat's session. Stop waiting, and tell the user.`;
}

function noteOf(seat: Seat | undefined): string {
  switch (seat?.status()) {
    case "pending":
      return `No requests come before a human approves this chat. ${seat.howToApprove()}`.trim();
    case "joining":
      return "The bridge has not been reached yet.";
    case "suspended":
      return "A human has suspended this chat's session; no requests come until it is resumed.";
    case "expired":
    case "exhausted":
      return "This chat's session is used up; a human has to approve it anew.";
    default:
      return "";
  }
}

function infoOf({ client, identity = {}, sampler, samplesTools }: McpChatOptions): Agent["info"] {
  const name = slugOf(client.name);
  const hasTools = sampler === undefined || samplesTools === true;
  const capabilities: readonly Capability[] = hasTools
    ? ["completion", "tools", "vision", "insert"]
    : ["completion", "vision", "insert"];
  const version = client.version === "" ? "" : ` ${client.version}`;
  return {
    agentId: identity.agentId ?? `mcp:${name}`,
    label: identity.label ?? `${client.name}${version} (over MCP)`.slice(0, 128),
    connector: "mcp",
    models: [{ id: identity.model ?? `mcp:${name}`, capabilities }],
    requestedScopes: ["inference", "tools"],
  };
}

/** A client's name as part of a model's: it may call itself anything. */
function slugOf(name: string): string {
  const slug = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9._]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 48);
  return slug === "" ? "client" : slug;
}

/** Calls back again and again until stopped. */
function every(ms: number, clock: Clock, callback: () => void): () => void {
  let cancel = clock.timer(ms, again);
  function again(): void {
    callback();
    cancel = clock.timer(ms, again);
  }
  return () => cancel();
}
