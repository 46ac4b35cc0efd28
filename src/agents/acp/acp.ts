// The `acp` connector: turns answered by any agent that speaks the Agent Client Protocol on its standard streams. The
// agent runs with the rights of our user; what it asks for is granted by the turn's scopes. Knows no bridge and no dialect.

import { AppError } from "../../core/error.ts";
import type { TurnEvent } from "../../core/event.ts";
import type { Model } from "../../core/model.ts";
import type { Agent, Clock, Log } from "../../core/ports.ts";
import type { Message, Turn } from "../../core/turn.ts";
import { orAbort, throwIfAborted } from "../abort.ts";
import { createAcpErrors } from "./errors.ts";
import { createAcpHost } from "./host.ts";
import { modelsOf, shownName } from "./models.ts";
import type { AcpProcess } from "./process.ts";
import { startProcess } from "./process.ts";
import { toPrompt } from "./prompt.ts";
import type { AcpSession } from "./session.ts";
import { closeSession, openSession, prepareSession, reopenSession } from "./session.ts";
import { runPrompt } from "./turn.ts";
import type { VendorAnswers } from "./vendor.ts";
import type { Workspace } from "../process/workspace.ts";
import { createConversations, createSaid, holderOf } from "../conversations.ts";
import { programName } from "../process/program-name.ts";
import type { McpServer, ToolRunner } from "../tool-runner.ts";

export interface AcpOptions {
  readonly agentId: string;
  readonly label?: string;
  /** Default `acp`. */
  readonly connector?: string;
  /** The agent's program and its arguments. */
  readonly command: readonly string[];
  /** Our environment: the agent gets it without what is ours, and `extraEnv` besides. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly extraEnv?: Readonly<Record<string, string>>;
  /** Where it works. Closed with the agent. */
  readonly workspace: Workspace;
  /** Ours, for the agent's ears. */
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Takes secrets out of a text. */
  readonly redact: (text: string) => string;
  /** SHA-256 in hex. */
  readonly sha256: (text: string) => string;
  /** Answers to requests beside the protocol, over the ones that are known anyway. */
  readonly vendorAnswers?: VendorAnswers;
  /** Ways to log in that need nobody to be there, in the order of preference, by the agent's ids. */
  readonly logins?: readonly string[];
  /** Whether its models are offered with tools: when something brings the editor's tools to `runner`. */
  readonly hasTools?: boolean;
  /** Of each chat without tools: whether its conversation went on in a session that was there, and what that saved. */
  readonly onSession?: (news: { readonly hit: boolean; readonly savedMs: number }) => void;
  readonly limits?: Partial<AcpLimits>;
}

/** Times in milliseconds. */
export interface AcpLimits {
  /** For the start of the agent, and for the opening of a session. */
  readonly startMs: number;
  /** For a login by one of `logins`; some agents wait for a human there. Default `startMs`. */
  readonly loginMs?: number;
  /** How long the process is kept without a turn. */
  readonly idleMs: number;
  /** For the end of a turn that was cancelled, before the process is ended. */
  readonly cancelMs: number;
  /** Conversations that can be gone on with. */
  readonly conversations: number;
}

export const ACP_LIMITS: AcpLimits = {
  startMs: 60_000,
  idleMs: 30 * 60_000,
  cancelMs: 800,
  conversations: 32,
};

export interface Acp extends Agent {
  readonly runner: ToolRunner;
  /** The ids of its modes, once it has started; empty where it has none. */
  readonly modes: readonly string[];
  /** Starts the agent and learns its models. @throws AppError saying what to do */
  start(): Promise<void>;
  /** Ends the agent and all that it started; removes its scratch folder. */
  close(): Promise<void>;
}

/** What a turn runs in, and which of its messages the session does not know yet. */
interface Place {
  readonly session: AcpSession;
  readonly messages: readonly Message[];
}

export function createAcp(options: AcpOptions): Acp {
  const { clock, log, redact, sha256, workspace, onSession } = options;
  const limits = { ...ACP_LIMITS, ...options.limits };
  const errors = createAcpErrors({ command: options.command, redact });
  const deps = { clock, log, errors, startMs: limits.startMs, cancelMs: limits.cancelMs };
  const program = programName(options.command);
  let models: readonly Model[] = [];
  let modes: readonly string[] = [];
  let label = options.label ?? program;

  const conversations = createConversations<AcpSession>({
    sha256,
    most: limits.conversations,
    onDrop: closeSession,
  });
  const host = createAcpHost({
    ...deps,
    idleMs: limits.idleMs,
    start: async (signal) => {
      const process = await startProcess({ ...options, ...deps, signal });
      modes = (process.spare?.modes?.options ?? []).map(({ id }) => id);
      models = modelsOf(process, program, options.hasTools === true);
      label = options.label ?? (shownName(process.abilities.name) || program);
      return process;
    },
  });
  const promptDeps = { ...deps, onDeaf: ({ process }: AcpSession) => host.retire(process) };

  /** A session that knows the conversation, a fresh one for what none knows or what brings servers. */
  async function placeFor(
    process: AcpProcess,
    turn: Turn,
    servers: readonly McpServer[],
  ): Promise<Place> {
    const messages = messagesOf(turn);
    if (servers.length > 0) return { session: await openSession(process, servers, deps), messages };
    const known = conversations.take(holderOf(turn), messages);
    const session =
      known === undefined || known.value.process === process
        ? known?.value
        : await reopenSession(process, known.value, deps);
    if (turn.request.kind === "chat") {
      const hit = session !== undefined;
      const savedMs = hit ? Math.round(process.openMs) : 0;
      log.debug({ turn: turn.id, hit, savedMs }, "agent session");
      onSession?.({ hit, savedMs });
    }
    if (session !== undefined && known !== undefined) return { session, messages: known.rest };
    const { spare } = process;
    process.spare = undefined;
    return { session: spare ?? (await openSession(process, [], deps)), messages };
  }

  /** The session that was being opened for a turn is closed when the turn did not wait for it. */
  async function place(
    process: AcpProcess,
    turn: Turn,
    servers: readonly McpServer[],
    signal: AbortSignal,
  ): Promise<Place> {
    const placing = placeFor(process, turn, servers);
    try {
      return await orAbort(placing, signal);
    } catch (error) {
      placing.then(
        ({ session }) => closeSession(session),
        () => undefined,
      );
      throw error;
    }
  }

  /** The next conversation need not wait for its session. */
  function replenish(process: AcpProcess): void {
    if (process.spare !== undefined || process.isRetired || !process.link.isOpen) return;
    openSession(process, [], deps).then(
      (session) => {
        if (process.spare === undefined) process.spare = session;
        else closeSession(session);
      },
      () => undefined,
    );
  }

  async function* run(
    turn: Turn,
    signal: AbortSignal,
    servers: readonly McpServer[],
  ): AsyncGenerator<TurnEvent> {
    throwIfAborted(signal);
    const { request, scopes } = turn;
    refuse(request.kind);
    const process = await orAbort(host.get(), signal);
    host.begin(process);
    const said = createSaid();
    let session: AcpSession | undefined;
    let hasAnswered = false;
    try {
      const found = await place(process, turn, servers, signal);
      ({ session } = found);
      const prompt = toPrompt(found.messages, process.abilities.takesImages);
      await orAbort(prepareSession(session, request.model, scopes), signal);
      for await (const event of runPrompt(
        { session, prompt, scopes, servers, signal },
        promptDeps,
      )) {
        if (event.type === "text-delta") said.add(event.text);
        hasAnswered = event.type === "finish";
        yield event;
      }
    } finally {
      const isKept = hasAnswered && servers.length === 0 && request.kind === "chat";
      const answer = isKept ? said.text : undefined;
      if (session !== undefined) {
        if (answer === undefined) closeSession(session);
        else conversations.keep(holderOf(turn), messagesOf(turn), answer, session);
      }
      host.end(process, hasAnswered);
      if (hasAnswered && servers.length === 0) replenish(process);
    }
  }

  const runner: ToolRunner = {
    run,
    takesServers: async () => (await host.get()).abilities.takesHttpServers,
  };
  const info = {
    agentId: options.agentId,
    get label() {
      return label;
    },
    connector: options.connector ?? "acp",
    get models() {
      return models;
    },
    requestedScopes: ["inference", "tools", "agent:read"] as const,
  };
  return {
    info,
    run: (turn, signal) => run(turn, signal, []),
    runner,
    get modes() {
      return modes;
    },
    start: async () => void (await host.get()),
    close: async () => {
      await host.close();
      workspace.close();
    },
  } satisfies Acp;
}

function refuse(kind: Turn["request"]["kind"]): void {
  if (kind === "resume") {
    const message = "This agent keeps no turn waiting for tool results: send them as messages.";
    throw new AppError("parked_turn_unknown", message);
  }
  if (kind !== "embedding") return;
  throw new AppError("unsupported", "This agent makes no embeddings.", { param: "model" });
}

/** A text to go on from is what its user says. */
function messagesOf({ request }: Turn): readonly Message[] {
  if (request.kind === "chat") return request.messages;
  if (request.kind !== "completion") return [];
  return [{ role: "user", content: [{ type: "text", text: request.prompt }] }];
}
