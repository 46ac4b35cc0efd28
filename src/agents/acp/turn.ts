// One prompt in one session of an ACP agent, as the events of a turn. The answer to `session/prompt` is the turn's end.

import { AppError } from "../../core/error.ts";
import type { FinishEvent, FinishReason, TurnEvent, Usage } from "../../core/event.ts";
import { isJsonObject } from "../../core/json.ts";
import type { Clock, Log } from "../../core/ports.ts";
import { abortError, throwIfAborted } from "../abort.ts";
import type { AcpErrors } from "./errors.ts";
import type { AcpListener } from "./link.ts";
import type { AcpToolCall, ServerTools } from "./permission.ts";
import {
  choosePermission,
  isAnnouncedServerTool,
  isServerTool,
  missingScope,
  toolCallOf,
} from "./permission.ts";
import type { AcpBlock } from "./prompt.ts";
import { type AcpSession, learn } from "./session.ts";
import { decodeUpdate, short } from "./updates.ts";
import { usageOfAnswer } from "./usage.ts";
import type { EventQueue } from "../event-queue.ts";
import { createEventQueue } from "../event-queue.ts";
import { within } from "../within.ts";

export interface AcpTurn {
  readonly session: AcpSession;
  readonly prompt: readonly AcpBlock[];
  readonly scopes: readonly string[];
  /** The servers that the session was given: their tools are no tools of the agent's. */
  readonly servers: readonly ServerTools[];
  readonly signal: AbortSignal;
}

export interface TurnDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly errors: AcpErrors;
  /** How long the agent may take to end a turn that was cancelled, in milliseconds. */
  readonly cancelMs: number;
  /** The agent did not. */
  readonly onDeaf: (session: AcpSession) => void;
}

/** UTF-16 code units that may wait for a slow reader. */
const MOST_WAITING = 8 * 1024 * 1024;
const MOST_CALLS = 1_000;

export async function* runPrompt(turn: AcpTurn, deps: TurnDeps): AsyncGenerator<TurnEvent> {
  const { session, prompt, signal } = turn;
  throwIfAborted(signal);
  const { link } = session.process;
  const queue = createEventQueue(MOST_WAITING);
  const hearing = listener(turn, queue, deps.log);
  const deafen = link.listen(session.id, hearing);
  let isSettled = false;
  let stopping: Promise<void> | undefined;

  async function cancel(): Promise<void> {
    hearing.cancel();
    if (isSettled || !link.isOpen) return;
    link.notify("session/cancel", { sessionId: session.id });
    if (!(await within(settled, deps.cancelMs, deps.clock))) deps.onDeaf(session);
  }

  const stop = (): Promise<void> => (stopping ??= cancel());
  /** At once: whoever reads the turn may not come back to it for long. */
  const onAbort = (): void => {
    queue.abort(abortError(signal));
    void stop();
  };
  signal.addEventListener("abort", onAbort, { once: true });
  const settled = link
    .request("session/prompt", { sessionId: session.id, prompt })
    .then(
      (answer) => queue.finish(finishOf(answer, hearing)),
      (error: unknown) => queue.fail(error as AppError),
    )
    // An answer that makes no sense is a failure, too.
    .catch((error: unknown) => queue.fail(error as AppError))
    .finally(() => {
      isSettled = true;
    });
  try {
    while (true) {
      for (const event of await queue.take()) {
        yield event;
        if (signal.aborted) throw abortError(signal);
        if (event.type === "finish") return;
      }
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    await stop();
    deafen();
  }
}

interface TurnListener extends AcpListener {
  usage(): Usage | undefined;
  /** The scope that something was refused for, as long as nothing has been said since. */
  stopped(): string | undefined;
  /** From here on nothing is granted. */
  cancel(): void;
}

function listener(
  { session, scopes, servers }: AcpTurn,
  queue: EventQueue,
  log: Log,
): TurnListener {
  const calls = new Map<string, AcpToolCall>();
  let usage: Usage | undefined;
  let stopped: string | undefined;
  let isCancelled = false;
  let lineIsOpen = false;

  const isServers = (call: AcpToolCall): boolean =>
    servers.some((server) => isServerTool(call, server));

  /** Notes stand on lines of their own among the reasoning. */
  function note(text: string): void {
    queue.push({ type: "reasoning-delta", text: `${lineIsOpen ? "\n" : ""}${text}\n` });
    lineIsOpen = false;
  }

  /** A permission request and later updates may name a call by its id alone. */
  function remember(value: unknown): AcpToolCall {
    const call = toolCallOf(value);
    const id = callId(value);
    if (id === undefined) return call;
    // Some count their calls anew, and a call that begins is never the one before it.
    const before = hasBegun(value) ? undefined : calls.get(id);
    const known = {
      kind: saysKind(value) ? call.kind : (before?.kind ?? call.kind),
      title: call.title || (before?.title ?? ""),
      names: call.names.length > 0 ? call.names : (before?.names ?? []),
    };
    if (calls.has(id) || calls.size < MOST_CALLS) calls.set(id, known);
    return known;
  }

  const view = { callOf: remember, isHidden: isServers };
  return {
    update: (update) => {
      const news = decodeUpdate(update, view);
      learn(session, update);
      if (news.usage !== undefined) ({ usage } = news);
      if (news.text !== undefined) {
        queue.push({ type: "text-delta", text: news.text });
        stopped = undefined;
      }
      if (news.thought !== undefined) {
        queue.push({ type: "reasoning-delta", text: news.thought });
        lineIsOpen = !news.thought.endsWith("\n");
      }
      if (news.note !== undefined) note(news.note);
    },
    permission: ({ toolCall, options }) => {
      if (isCancelled) return { outcome: "cancelled" };
      const announced = calls.get(callId(toolCall) ?? "");
      const asked = toolCallOf(toolCall);
      const call = remember(toolCall);
      // A title that came before is judged by the kind that it came with.
      const kind = asked.title === "" ? (announced?.kind ?? call.kind) : call.kind;
      const isOurs =
        isServers({ ...call, kind }) ||
        // Codex asks with a title of its own, for the call that it named when it began.
        (announced !== undefined && !saysKind(toolCall) && isServers(announced)) ||
        servers.some((server) => isAnnouncedServerTool(asked, announced, server));
      const missing = isOurs ? undefined : missingScope(call, scopes);
      log.debug({ kind: call.kind, missing }, "agent asked for permission");
      if (missing !== undefined) {
        stopped = missing;
        note(`[refused] ${short(call.title || call.kind)} (needs the scope ${missing})`);
      }
      return choosePermission(options, missing === undefined);
    },
    usage: () => usage,
    stopped: () => stopped,
    cancel: () => {
      isCancelled = true;
    },
  };
}

function hasBegun(call: unknown): boolean {
  return isJsonObject(call) && call["sessionUpdate"] === "tool_call";
}

/** `other` is a kind, too: what needs the widest scope does not pass for what the call was at first. */
function saysKind(call: unknown): boolean {
  return isJsonObject(call) && typeof call["kind"] === "string" && call["kind"] !== "";
}

function callId(call: unknown): string | undefined {
  const id = isJsonObject(call) ? call["toolCallId"] : undefined;
  return typeof id === "string" ? id : undefined;
}

const REASONS: Readonly<Record<string, FinishReason>> = {
  end_turn: "stop",
  max_tokens: "length",
  max_turn_requests: "length",
  refusal: "content_filter",
};

/** Some agents take a refusal for the end of the turn, and have no words for it. */
function finishOf(answer: unknown, hearing: TurnListener): FinishEvent {
  const said = isJsonObject(answer) ? answer["stopReason"] : undefined;
  const stop = typeof said === "string" ? said : "";
  const scope = hearing.stopped();
  if (scope !== undefined && (stop === "cancelled" || stop === "end_turn")) {
    const message = `The agent stopped when it was refused what needs the scope ${scope}: ask for something else, or grant it.`;
    throw new AppError("agent_error", message);
  }
  if (stop === "cancelled") {
    throw new AppError("agent_error", "The agent cancelled the turn by itself: ask again.");
  }
  const usage = usageOfAnswer(answer) ?? hearing.usage();
  const reason = Object.hasOwn(REASONS, stop) ? REASONS[stop] : undefined;
  return { type: "finish", reason: reason ?? "stop", ...(usage !== undefined && { usage }) };
}
