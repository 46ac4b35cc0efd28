// `mlp run`: asks a model, once or in a conversation, and prints the answer as it comes.

import { isJsonObject, parseJson } from "../core/json.ts";
import type { JsonObject } from "../core/json.ts";
import { visibleText } from "../observe/visible.ts";
import { createNdjsonDecoder } from "../wire/ndjson.ts";
import type { Client } from "./client.ts";
import type { CliContext } from "./context.ts";
import { CommandError, UsageError } from "./failure.ts";
import type { ClientFlags } from "./flags.ts";
import { connectApi } from "./models.ts";

interface ChatMessage {
  readonly role: "user" | "assistant";
  readonly content: string;
}

interface Chat {
  readonly client: Client;
  readonly model: string;
  readonly messages: readonly ChatMessage[];
}

const DIM = "\u001b[2m";
const RESET = "\u001b[0m";

export async function runModel(
  context: CliContext,
  flags: ClientFlags,
  model: string,
  ...words: readonly string[]
): Promise<void> {
  const client = connectApi(flags.url, context);
  const piped = context.io.input.isTerminal ? "" : await context.io.input.text();
  const prompt = [words.join(" "), piped].filter((part) => part.trim() !== "").join("\n\n");
  if (prompt !== "") {
    const content = await answer(context, {
      client,
      model,
      messages: [{ role: "user", content: prompt }],
    });
    if (content === undefined) throw new CommandError("cancelled");
    return;
  }
  if (!context.io.input.isTerminal)
    throw new UsageError("nothing to ask: give a prompt, or pipe one in");
  await converse(context, client, model);
}

/** Until the end of input, Ctrl-C at the prompt, or `/bye`. What was cancelled or failed is not remembered. */
async function converse(context: CliContext, client: Client, model: string): Promise<void> {
  const { io } = context;
  io.errors.write("Ctrl-C stops an answer; /bye or Ctrl-D ends the conversation.\n");
  let messages: readonly ChatMessage[] = [];
  for (;;) {
    const line = await io.input.ask(">>> ");
    // So that the shell's own prompt begins a line.
    if (line === undefined) io.output.write("\n");
    if (line === undefined || line.trim() === "/bye") return;
    if (line.trim() === "") continue;
    const asked = [...messages, { role: "user" as const, content: line }];
    try {
      const content = await answer(context, { client, model, messages: asked });
      if (content === undefined) io.errors.write("cancelled\n");
      else messages = [...asked, { role: "assistant", content }];
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      io.errors.write(`${visibleText(error.message)}\n`);
    }
  }
}

/**
 * The answer's text, which has been printed; `undefined` when Ctrl-C cancelled it. Where nobody reads it any more the agent
 * is stopped, too.
 */
async function answer(context: CliContext, chat: Chat): Promise<string | undefined> {
  const { io } = context;
  const abort = new AbortController();
  let isUnread = false;
  const stopListening = io.onSignal(() => abort.abort());
  const stopWatching = io.onUnread(() => {
    isUnread = true;
    abort.abort();
  });
  try {
    const { client, model, messages } = chat;
    const response = await client.open("POST", "/api/chat", {
      body: { model, messages, stream: true },
      signal: abort.signal,
    });
    return await print(context, response);
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    return isUnread ? "" : undefined;
  } finally {
    stopListening();
    stopWatching();
  }
}

/** Ollama's stream: lines with `message.content`, the last with `done`. One with `error` ends it as a failure. */
async function print({ io }: CliContext, response: Response): Promise<string> {
  const lines = createNdjsonDecoder();
  const utf8 = new TextDecoder();
  let content = "";
  let isDone = false;
  let hasShown = false;
  const show = (text: string): void => {
    hasShown = true;
    io.output.write(text);
  };
  const take = (line: string): void => {
    const chunk = readChunk(line);
    if (chunk.thinking !== "" && io.output.hasColor) {
      show(`${DIM}${visibleText(chunk.thinking)}${RESET}`);
    }
    if (chunk.content !== "") show(visibleText(chunk.content));
    content += chunk.content;
    isDone ||= chunk.isDone;
  };
  try {
    for await (const bytes of response.body ?? []) {
      for (const line of lines.push(utf8.decode(bytes, { stream: true }))) take(line);
    }
    for (const line of lines.end()) take(line);
  } finally {
    if (hasShown) io.output.write("\n");
  }
  if (!isDone) throw new CommandError("the answer broke off");
  return content;
}

interface Chunk {
  readonly content: string;
  readonly thinking: string;
  readonly isDone: boolean;
}

function readChunk(line: string): Chunk {
  const chunk = parseJson(line);
  if (!isJsonObject(chunk)) throw new CommandError("the server does not answer like mlp");
  if (chunk["error"] !== undefined) throw new CommandError(textOf(chunk, "error"));
  const message = isJsonObject(chunk["message"]) ? chunk["message"] : {};
  return {
    content: textOf(message, "content"),
    thinking: textOf(message, "thinking"),
    isDone: chunk["done"] === true,
  };
}

function textOf(object: JsonObject, name: string): string {
  const value = object[name];
  return typeof value === "string" ? value : "";
}
