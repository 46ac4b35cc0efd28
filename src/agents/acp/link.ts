// One running ACP agent: the SDK's connection over the process' pipes. Knows processes by the `Child` port and nothing of
// turns.
//
// Updates are taken off the stream before the SDK sees them. It hands notifications on by themselves, so that the answer
// that ends a turn could overtake the turn's last words; and it checks them against its schema, which newer agents outgrow.
// Requests are checked here for the same reason: one more kind of option is no reason to leave a permission unanswered.

import { AppError } from "../../core/error.ts";
import { isJsonObject } from "../../core/json.ts";
import type { Clock, Log } from "../../core/ports.ts";
import type { AcpErrors } from "./errors.ts";
import { openMessages } from "./messages.ts";
import { createMissed } from "./missed.ts";
import type { PermissionOutcome } from "./permission.ts";
import type { VendorAnswers } from "./vendor.ts";
import type { Child } from "../process/child.ts";
import { within } from "../within.ts";

/** What a session hears while a turn runs in it. */
export interface AcpListener {
  update(update: unknown): void;
  permission(request: { readonly toolCall: unknown; readonly options: unknown }): PermissionOutcome;
}

export interface AcpLink {
  /** Resolves with what happened when the agent is gone, for whatever reason. */
  readonly gone: Promise<AppError>;
  readonly isOpen: boolean;
  /** @throws AppError; `agent_timeout` after `ms` */
  request(method: string, params: object, ms?: number): Promise<unknown>;
  /** Lost when the agent is gone. */
  notify(method: string, params: object): void;
  /** What the agent said of the session's state while nobody listened, oldest first, each once. */
  missed(sessionId: string): readonly unknown[];
  /** Returns the way to stop hearing. */
  listen(sessionId: string, listener: AcpListener): () => void;
  close(): Promise<void>;
}

export interface AcpLinkOptions {
  readonly child: Child;
  readonly clock: Clock;
  readonly log: Log;
  readonly errors: AcpErrors;
  readonly answers: VendorAnswers;
}

const UPDATE = "session/update";
const PERMISSION = "session/request_permission";
const PROMPT = "session/prompt";
/** How long its output may last after its exit, and it after its output, in milliseconds. */
const DRAIN_MS = 500;
const CANCELLED: PermissionOutcome = { outcome: "cancelled" };

export async function openAcpLink(options: AcpLinkOptions): Promise<AcpLink> {
  const { child, clock, log, errors, answers } = options;
  // Loaded with the first agent: most commands never need it.
  const sdk = await import("@agentclientprotocol/sdk");
  const listeners = new Map<string, AcpListener>();
  const missed = createMissed();
  let isOpen = true;
  let hadPrompt = false;
  let brokeOff: AppError | undefined;

  function hear(method: string, params: unknown): boolean {
    if (method !== UPDATE) return false;
    if (!isJsonObject(params)) return true;
    const { sessionId, update } = params;
    const listener = listenerOf(params);
    if (listener !== undefined) listener.update(update);
    else if (typeof sessionId === "string") missed.keep(sessionId, update);
    return true;
  }

  function permit(params: unknown): { readonly outcome: PermissionOutcome } {
    const { toolCall, options, ...asked } = isJsonObject(params) ? params : {};
    return { outcome: listenerOf(asked)?.permission({ toolCall, options }) ?? CANCELLED };
  }

  function listenerOf({ sessionId }: Readonly<Record<string, unknown>>): AcpListener | undefined {
    return typeof sessionId === "string" ? listeners.get(sessionId) : undefined;
  }

  const connection = sdk
    .client({ name: "mlp" })
    .onRequest("*", ({ method, params }) => {
      if (method === PERMISSION) return permit(params);
      const answer = Object.hasOwn(answers, method) ? answers[method] : undefined;
      log.debug({ method, known: answer !== undefined }, "agent asked its client");
      if (answer === undefined) throw sdk.RequestError.methodNotFound(method);
      return answer(params);
    })
    .onNotification("*", () => undefined)
    .connect(openMessages({ child, clock, log, take: hear }));

  // Whichever ends first ends the other: half an agent is none.
  const gone = child.exited.then(async (code) => {
    isOpen = false;
    // Its last words may still be on their way; what it left behind, in a group of its own, may hold its pipe open.
    await within(connection.closed, DRAIN_MS, clock);
    connection.close();
    return brokeOff ?? errors.ended(code, hadPrompt ? [] : child.lastWords());
  });
  void connection.closed.then(async () => {
    const wasOpen = isOpen;
    isOpen = false;
    const reason: unknown = connection.signal.reason;
    if (reason instanceof AppError) brokeOff = reason;
    // One that is about to exit may: its own code says more than that of our signal.
    else if (wasOpen && !(await within(child.exited, DRAIN_MS, clock))) {
      brokeOff = errors.brokenOff();
    }
    await child.end();
  });

  async function request(method: string, params: object, ms?: number): Promise<unknown> {
    // From here on its error output may quote what people wrote.
    if (method === PROMPT) hadPrompt = true;
    const late = Promise.withResolvers<never>();
    const cancel =
      ms === undefined ? undefined : clock.timer(ms, () => late.reject(errors.late(method, ms)));
    try {
      const answer = connection.agent.request(method, params);
      return await (ms === undefined ? answer : Promise.race([answer, late.promise]));
    } catch (error) {
      if (error instanceof AppError) throw error;
      if (error instanceof sdk.RequestError) throw errors.refused(method, error);
      throw await gone;
    } finally {
      cancel?.();
    }
  }

  return {
    gone,
    get isOpen() {
      return isOpen;
    },
    request,
    notify: (method, params) => {
      connection.agent.notify(method, params).catch(() => undefined);
    },
    missed: (sessionId) => missed.take(sessionId),
    listen: (sessionId, listener) => {
      listeners.set(sessionId, listener);
      return () => {
        if (listeners.get(sessionId) === listener) listeners.delete(sessionId);
      };
    },
    close: async () => {
      isOpen = false;
      connection.close();
      await child.end();
    },
  };
}
