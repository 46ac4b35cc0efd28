// The messages of an ACP agent on its pipes: JSON-RPC, each a line of JSON (agentclientprotocol.com/protocol/v1,
// "Transports"). Knows what makes a message, and nothing of what it asks for.
//
// The SDK's own reader answers each line that is no message, and reads on once that is written: an agent that writes its
// log to its output, and looks at its input later, would wait for us as we for it. Such lines are passed over here. So is
// an answer to nothing that was asked, which the SDK would print.

import type { AnyMessage } from "@agentclientprotocol/sdk";
import { AppError } from "../../core/error.ts";
import { isJsonObject, parseJson } from "../../core/json.ts";
import type { Clock, Log } from "../../core/ports.ts";
import { createNdjsonDecoder, ndjsonLine } from "../../wire/ndjson.ts";
import type { Child } from "../process/child.ts";
import { breathe } from "../within.ts";

export interface AcpMessages {
  /** Fails with an `AppError` when a line is too long, or when what comes is no conversation. */
  readonly readable: ReadableStream<AnyMessage>;
  readonly writable: WritableStream<AnyMessage>;
}

export interface AcpMessagesOptions {
  readonly child: Pick<Child, "input" | "output">;
  readonly clock: Pick<Clock, "soon">;
  readonly log: Log;
  /** Hears of what comes, in order, before the reader does. `true`: the reader is not to hear of it. */
  readonly take: (method: string, params: unknown) => boolean;
}

/** Of one line, in UTF-16 code units. */
const MAX_MESSAGE_LENGTH = 32 * 1024 * 1024;
/** Lines in a row that are no messages: far more than any start or tool logs. */
const MOST_OTHER_LINES = 100_000;
/** Requests of the agent's whose answers it has not taken yet. */
const MOST_UNANSWERED = 1_000;

export function openMessages({ child, clock, log, take }: AcpMessagesOptions): AcpMessages {
  const asked = new Set<unknown>();
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const lines = createNdjsonDecoder({ maxLength: MAX_MESSAGE_LENGTH });
  const writer = child.input.getWriter();
  let others = 0;
  let unanswered = 0;

  function read(line: string): AnyMessage | undefined {
    // Most other lines are seen by their beginning: to try to parse each would take long.
    const message: unknown = line.trimStart().startsWith("{") ? parseJson(line) : undefined;
    if (!isMessage(message) || (!("method" in message) && !asked.delete(message.id))) {
      others += 1;
      if (others > MOST_OTHER_LINES) throw noMessages();
      log.debug({ length: line.length }, "agent wrote a line that is no message");
      return undefined;
    }
    others = 0;
    if ("method" in message && "id" in message) unanswered += 1;
    if (unanswered > MOST_UNANSWERED) throw deaf();
    const isTaken = "method" in message && take(message.method, message.params);
    // Whoever asks is answered, also for what needs no answer.
    return isTaken && !("id" in message) ? undefined : message;
  }

  function pass(
    complete: readonly string[],
    to: Pick<TransformStreamDefaultController<AnyMessage>, "enqueue">,
  ): void {
    for (const line of complete) {
      const message = read(line);
      if (message !== undefined) to.enqueue(message);
    }
  }

  const readable = child.output.pipeThrough(
    new TransformStream<Uint8Array, AnyMessage>({
      transform: async (bytes, controller) => {
        pass(lines.push(decoder.decode(bytes, { stream: true })), controller);
        await breathe(clock);
      },
      flush: (controller) => pass(lines.end(), controller),
    }),
  );
  const writable = new WritableStream<AnyMessage>({
    write: async (message) => {
      const isAnswer = !("method" in message);
      if (!isAnswer && "id" in message) asked.add(message.id);
      await writer.write(encoder.encode(ndjsonLine(JSON.stringify(message))));
      if (isAnswer) unanswered -= 1;
    },
  });
  return { readable, writable };
}

function noMessages(): AppError {
  const message =
    "What the agent writes is not the Agent Client Protocol: check its command, which may lack an argument such as --acp.";
  return new AppError("agent_error", message);
}

function deaf(): AppError {
  return new AppError("agent_error", "The agent asks and asks, and takes no answers.");
}

/** A request, a notification, or an answer: whether that has a sense is for whoever asked to say. */
function isMessage(value: unknown): value is AnyMessage {
  return (
    isJsonObject(value) && ("method" in value ? typeof value["method"] === "string" : "id" in value)
  );
}
