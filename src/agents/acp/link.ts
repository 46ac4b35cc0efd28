// One running ACP agent: the SDK's connection over the process' pipes. Knows processes by the `Child` port and nothing of
// turns.
//
// Updates are taken off the stream before the SDK sees them. It hands notifications on by themselves, so that the answer
// that ends a turn could overtake the turn's last words; and it checks them against its schema, which newer agents outgrow.

import { AppError } from "../../core/error.ts";
import { isJsonObject } from "../../core/json.ts";
import type { Clock, Log } from "../../core/ports.ts";
import type { AcpErrors } from "./errors.ts";
import type { PermissionOutcome } from "./permission.ts";
import type { VendorAnswers } from "./vendor.ts";
import type { Child } from "../process/child.ts";

/** What a session hears while a turn runs in it. */
export interface AcpListener {
  update(update: unknown): void;
  permission(request: { readonly toolCall: unknown; readonly options: unknown }): PermissionOutcome;
}

export interface AcpLink {
  /** Resolves with the exit code when the agent is gone, for whatever reason. */
  readonly gone: Promise<number>;
  readonly isOpen: boolean;
  /** @throws AppError; `agent_timeout` after `ms` */
  request(method: string, params: object, ms?: number): Promise<unknown>;
  /** Lost when the agent is gone. */
  notify(method: string, params: object): void;
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
const PROMPT = "session/prompt";
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

export async function openAcpLink(options: AcpLinkOptions): Promise<AcpLink> {
  const { child, clock, log, errors, answers } = options;
  // Loaded with the first agent: most commands never need it.
  const sdk = await import("@agentclientprotocol/sdk");
  const listeners = new Map<string, AcpListener>();
  let isOpen = true;
  let hadPrompt = false;

  function hear(params: unknown): void {
    if (!isJsonObject(params) || typeof params["sessionId"] !== "string") return;
    listeners.get(params["sessionId"])?.update(params["update"]);
  }

  const { readable, writable } = sdk.ndJsonStream(child.input, child.output, {
    maxMessageBytes: MAX_MESSAGE_BYTES,
  });
  type Message = typeof readable extends ReadableStream<infer M> ? M : never;
  const updates = new TransformStream<Message, Message>({
    transform(message, controller) {
      if ("method" in message && message.method === UPDATE) hear(message.params);
      else controller.enqueue(message);
    },
  });
  const connection = sdk
    .client({ name: "mlp" })
    .onRequest(sdk.methods.client.session.requestPermission, ({ params }) => {
      const { sessionId, toolCall, options } = params;
      const outcome = listeners.get(sessionId)?.permission({ toolCall, options });
      return { outcome: outcome ?? { outcome: "cancelled" } };
    })
    .onRequest("*", ({ method, params }) => {
      const answer = Object.hasOwn(answers, method) ? answers[method] : undefined;
      log.debug({ method, known: answer !== undefined }, "agent asked its client");
      if (answer === undefined) throw sdk.RequestError.methodNotFound(method);
      return answer(params);
    })
    .onNotification("*", () => undefined)
    .connect({ readable: readable.pipeThrough(updates), writable });

  // Whichever ends first ends the other: half an agent is none.
  const gone = child.exited.then((code) => {
    isOpen = false;
    connection.close();
    return code;
  });
  void connection.closed.then(() => {
    isOpen = false;
    return child.end();
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
      if (error instanceof sdk.RequestError && isOpen) throw errors.refused(method, error);
      throw errors.ended(await gone, hadPrompt ? [] : child.lastWords());
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
