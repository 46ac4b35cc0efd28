// Cursor's print mode: one process for each turn, the prompt on its input, the answer as lines of JSON. For builds that do
// not speak ACP. Conversations go on by `--resume`; nothing is tried again.

import { AppError } from "../../core/error.ts";
import type { TurnEvent } from "../../core/event.ts";
import type { Clock, Log } from "../../core/ports.ts";
import type { Message, Turn } from "../../core/turn.ts";
import { createNdjsonDecoder } from "../../wire/ndjson.ts";
import { createUtf8Decoder } from "../../wire/utf8.ts";
import { abortError, orAbort, throwIfAborted } from "../abort.ts";
import { toPrompt } from "../acp/prompt.ts";
import { startChild } from "../process/child.ts";
import type { Child } from "../process/child.ts";
import { createConversations, holderOf } from "../conversations.ts";
import { modeFor, printArguments } from "./arguments.ts";
import { createCursorDecoder } from "./decode.ts";
import type { CursorDecoder } from "./decode.ts";
import { cursorFailure } from "./errors.ts";
import { createSlots } from "./slots.ts";
import type { ToolRunner } from "../tool-runner.ts";
import { breathe, within } from "../within.ts";

export interface CursorPrintOptions {
  /** Path of `cursor-agent`. */
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  /** The folder that it works in. */
  readonly workspace: () => string;
  /** The name to give to `--model` for the name that a client asked for. */
  readonly modelFor: (asked: string) => string;
  readonly clock: Clock;
  readonly log: Log;
  readonly redact: (text: string) => string;
  /** SHA-256 in hex. */
  readonly sha256: (text: string) => string;
  /** Whether a conversation was gone on with. What that saves is not seen: each turn starts a process. */
  readonly onSession?: ((news: { readonly hit: boolean; readonly savedMs: 0 }) => void) | undefined;
}

export interface CursorPrint extends ToolRunner {
  /** Ends every process. */
  close(): Promise<void>;
}

/** Each process takes some hundred megabytes. */
const MOST_PROCESSES = 8;
const MOST_CONVERSATIONS = 500;
/** A line repeats the whole answer. */
const MAX_LINE_LENGTH = 8 * 1024 * 1024;
/** After its result it still writes down the conversation; some builds then never end. */
const LINGER_MS = 2_000;
/** How long what it wrote before its end may take to come: what it left behind, in a group of its own, may hold its pipes. */
const DRAIN_MS = 500;
/** A conversation's name comes from the process and goes onto its command line again. */
const CHAT_ID = /^\w[\w-]{0,127}$/;

/** What one process is asked. */
interface Asked {
  readonly messages: readonly Message[];
  /** All of a conversation's requests have the same. */
  readonly conversation: string;
  readonly chatId: string | undefined;
  readonly prompt: string;
  readonly args: readonly string[];
}

export function createCursorPrint(options: CursorPrintOptions): CursorPrint {
  const { program, env, workspace, clock, log, redact } = options;
  const slots = createSlots(MOST_PROCESSES);
  const children = new Set<Child>();
  const conversations = createConversations<string>({
    sha256: options.sha256,
    most: MOST_CONVERSATIONS,
    onDrop: () => undefined,
  });

  function asked(turn: Turn): Asked {
    const { request, scopes } = turn;
    const messages = messagesOf(request);
    const mode = modeFor(scopes);
    const model = options.modelFor(request.model);
    const conversation = [holderOf(turn), mode, model].join("\n");
    // Refused before a conversation is taken up.
    const whole = promptText(messages);
    const known = conversations.take(conversation, messages);
    const chatId = known?.value;
    options.onSession?.({ hit: chatId !== undefined, savedMs: 0 });
    return {
      messages,
      conversation,
      chatId,
      prompt: known === undefined ? whole : promptText(known.rest),
      args: printArguments({ mode, model, workspace: workspace(), chatId }),
    };
  }

  function start(args: readonly string[]): Child {
    const child = startChild({
      command: [program, ...args],
      cwd: workspace(),
      env,
      clock,
      log,
      redact,
    });
    children.add(child);
    void child.exited.then(() => children.delete(child));
    return child;
  }

  /** Lets a process that has answered end by itself, for a moment. */
  async function letEnd(child: Child): Promise<void> {
    await within(child.exited, LINGER_MS, clock);
    await child.end();
  }

  async function* answer(asked: Asked, signal: AbortSignal): AsyncGenerator<TurnEvent> {
    const child = start(asked.args);
    // At once: whoever reads the turn may not come back to it for long.
    const stop = (): void => void child.end();
    signal.addEventListener("abort", stop, { once: true });
    const decoder = createCursorDecoder();
    let text = "";
    let isComplete = false;
    try {
      void ask(child, asked.prompt);
      for await (const event of read({ child, decoder, signal, clock })) {
        if (event.type === "text-delta") text += event.text;
        isComplete = event.type === "finish";
        if (isComplete) keep(asked, decoder.chatId, text);
        yield event;
        throwIfAborted(signal);
      }
    } finally {
      signal.removeEventListener("abort", stop);
      void (isComplete ? letEnd(child) : child.end());
    }
  }

  function keep({ messages, conversation }: Asked, chatId: string | undefined, text: string): void {
    if (chatId === undefined || !CHAT_ID.test(chatId)) return;
    conversations.keep(conversation, messages, text, chatId);
  }

  async function* run(turn: Turn, signal: AbortSignal): AsyncGenerator<TurnEvent> {
    throwIfAborted(signal);
    const wanted = asked(turn);
    const release = await slots.take(signal);
    try {
      yield* answer(wanted, signal);
    } catch (error) {
      if (signal.aborted) throw abortError(signal);
      throw error;
    } finally {
      release();
    }
  }

  async function close(): Promise<void> {
    await Promise.all([...children].map((child) => child.end()));
  }

  return { run, takesServers: () => false, close } satisfies CursorPrint;
}

interface Reading {
  readonly child: Child;
  readonly decoder: CursorDecoder;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** The events up to the finish. Throws what the process' end without one means. */
async function* read({ child, decoder, signal, clock }: Reading): AsyncGenerator<TurnEvent> {
  const utf8 = createUtf8Decoder();
  const lines = createNdjsonDecoder({ maxLength: MAX_LINE_LENGTH });
  const reader = child.output.getReader();
  const leave = (): void => void reader.cancel().catch(() => undefined);
  void child.exited.then(() => clock.timer(DRAIN_MS, leave));
  try {
    while (decoder.result === undefined) {
      const { done, value } = await orAbort(reader.read(), signal);
      const complete = done
        ? [...lines.push(utf8.end()), ...lines.end()]
        : lines.push(utf8.push(value));
      for (const line of complete) yield* decoder.line(line);
      if (done) break;
      await breathe(clock);
    }
  } finally {
    // What follows a result is nobody's; the pipe must not fill up.
    void drain(reader, clock);
  }
  if (decoder.result?.isError === false) return yield* decoder.end();
  const exitCode = await orAbort(exitCodeOf(child, decoder, clock), signal);
  const words = [decoder.result?.text ?? "", ...decoder.complaints, ...child.lastWords()];
  throw cursorFailure({ words: words.filter(isForPeople), exitCode });
}

/** A process that said that it failed need not end for it. Its last words may come after its end. */
async function exitCodeOf(child: Child, { result }: CursorDecoder, clock: Clock): Promise<number> {
  if (result !== undefined) return 1;
  const exitCode = await child.exited;
  await within(child.saidAll, DRAIN_MS, clock);
  return exitCode;
}

/** As much of a reader as it takes: its type has several homes. */
interface Readable {
  read(): Promise<{ readonly done: boolean }>;
}

async function drain(reader: Readable, clock: Clock): Promise<void> {
  try {
    while (!(await reader.read()).done) await breathe(clock);
  } catch {
    // It is gone.
  }
}

/** A process that does not read ends for a reason that it tells elsewhere. */
async function ask(child: Child, prompt: string): Promise<void> {
  const writer = child.input.getWriter();
  try {
    await writer.write(new TextEncoder().encode(prompt));
    await writer.close();
  } catch {
    // Its end says more.
  }
}

/** Some builds repeat their events on the error output. */
function isForPeople(line: string): boolean {
  return line !== "" && !line.startsWith("{");
}

function promptText(messages: readonly Message[]): string {
  const blocks = toPrompt(messages, false);
  return blocks.map((block) => (block.type === "text" ? block.text : "")).join("");
}

/** A text to go on from is what its user says. */
function messagesOf(request: Turn["request"]): readonly Message[] {
  switch (request.kind) {
    case "chat":
      return request.messages;
    case "completion":
      return [{ role: "user", content: [{ type: "text", text: request.prompt }] }];
    case "embedding":
      throw new AppError("unsupported", "This agent makes no embeddings.", { param: "model" });
    case "resume": {
      const message = "This agent keeps no turn waiting for tool results: send them as messages.";
      throw new AppError("parked_turn_unknown", message);
    }
  }
}
