// What the rehearsal agent says when nobody tells it what to say. Plain sentences about what it got; pure.

import type { Message, Part, ToolResult, TurnRequest } from "../../core/turn.ts";
import { DIRECTIVE_FORMS } from "./directives.ts";
import { sampleOf } from "./sample.ts";
import { firstWords } from "./words.ts";

const ECHO_CHARACTERS = 60;

/** The answer to a request without directives. A request for JSON gets JSON, with a schema JSON that fits it. */
export function standardAnswer(request: TurnRequest): string {
  if (request.kind === "completion" && request.suffix !== undefined) return "rehearsal";
  const text = `This is a rehearsal: no real agent is installed, so the built-in one answers. It got ${contentsOf(request)}. Send /rehearse help to see what else it can play.`;
  const format = request.kind === "chat" ? request.responseFormat : undefined;
  if (format === undefined) return text;
  const value = format.type === "json" ? { rehearsal: text } : sampleOf(format.schema, text);
  return JSON.stringify(value);
}

function contentsOf(request: TurnRequest): string {
  const model = `for the model "${firstWords(request.model, ECHO_CHARACTERS)}"`;
  if (request.kind !== "chat") return `a text ${model}`;
  const { messages, tools = [] } = request;
  const images = messages.flatMap(({ content }) => content).filter(({ type }) => type !== "text");
  const counts = [
    count(messages.length, "message"),
    ...(tools.length === 0 ? [] : [count(tools.length, "tool")]),
    ...(images.length === 0 ? [] : [count(images.length, "image")]),
  ];
  const echo = firstWords(lastUserText(request), ECHO_CHARACTERS);
  const last = echo === "" ? "" : `; the last of yours begins "${echo}"`;
  return `${counts.join(", ")} ${model}${last}`;
}

/** A sentence for each tool result. */
export function reportResults(
  results: readonly ToolResult[],
  names: ReadonlyMap<string, string>,
): string {
  if (results.length === 0) return "This is a rehearsal: no tool returned anything.";
  const sentences = results.map(({ toolCallId, content, isError = false }) => {
    const name = names.get(toolCallId);
    const tool = name === undefined ? "a tool" : `the tool ${name}`;
    const verb = isError ? "failed with" : "returned";
    return `${tool} ${verb} ${partsInWords(content)}`;
  });
  return `This is a rehearsal: ${sentences.join("; ")}.`;
}

function partsInWords(parts: readonly Part[]): string {
  const text = textOf(parts);
  const echo = firstWords(text, ECHO_CHARACTERS);
  const said = `${count(text.length, "character")}${echo === "" ? "" : `, "${echo}"`}`;
  const images = parts.flatMap((part) => (part.type === "text" ? [] : [imageInWords(part)]));
  if (images.length === 0) return said;
  return `${said}, and ${count(images.length, "image")} (${images.join("; ")})`;
}

/** What the tools returned and nothing else; an image as its type and size. */
export function bareResults(results: readonly ToolResult[]): string {
  return results
    .flatMap(({ content }) => content)
    .map((part) => (part.type === "text" ? part.text : `[${imageInWords(part)}]`))
    .join("");
}

function imageInWords(part: Exclude<Part, { readonly type: "text" }>): string {
  if (part.type === "image-url") return part.url;
  const { length } = part.data.replace(/=+$/, "");
  return `${part.mediaType}, ${count(Math.floor((length * 3) / 4), "byte")}`;
}

/** The answer to a directive that was not understood. */
export function mistakeAnswer(mistake: string): string {
  return `This is a rehearsal, and I did not understand: ${mistake} Send /rehearse help for all of them. Nothing else was done.`;
}

/** The answer to a call of a tool that the request does not offer. */
export function toolNotOffered(tool: string, offered: readonly string[]): string {
  const offers = offered.length === 0 ? "no tools" : `only: ${offered.join(", ")}`;
  return `This is a rehearsal, and I was told to call the tool "${tool}", but this request offers ${offers}. Nothing else was done.`;
}

export function helpAnswer(): string {
  const lines = Object.values(DIRECTIVE_FORMS).map((form) => `/rehearse ${form}`);
  return `This is the rehearsal agent. Each of these, on a line of its own in your message, tells it what to do:\n\n${lines.join("\n")}\n\nIf your editor keeps lines with a slash to itself, write !rehearse.`;
}

/** The text of the last user message; of a completion without a suffix, its prompt. */
export function lastUserText(request: TurnRequest): string {
  if (request.kind === "completion") return request.suffix === undefined ? request.prompt : "";
  if (request.kind !== "chat") return "";
  const last = request.messages.findLast(({ role }) => role === "user");
  return last === undefined ? "" : textOf(last.content);
}

/** What has happened since the last user message: how often tools were called, and what the last calls returned. */
export interface ToolRounds {
  readonly rounds: number;
  readonly results: readonly ToolResult[];
  /** The tool of each call, by the call's id. */
  readonly names: ReadonlyMap<string, string>;
}

export function toolRoundsOf(request: TurnRequest): ToolRounds {
  const messages: readonly Message[] = request.kind === "chat" ? request.messages : [];
  const names = new Map<string, string>();
  let results: ToolResult[] = [];
  let rounds = 0;
  for (const message of messages) {
    if (message.role === "user") {
      rounds = 0;
      results = [];
    } else if (message.role === "assistant" && (message.toolCalls ?? []).length > 0) {
      rounds += 1;
      results = [];
      for (const { id, name } of message.toolCalls ?? []) names.set(id, name);
    } else if (message.role === "tool") {
      if (message.name !== undefined) names.set(message.toolCallId, message.name);
      const isError = message.isError === undefined ? {} : { isError: message.isError };
      results.push({ toolCallId: message.toolCallId, content: message.content, ...isError });
    }
  }
  // Calls without results are an old question put again, not a round that came back.
  if (results.length === 0) rounds = 0;
  return { rounds, results, names };
}

function textOf(parts: readonly Part[]): string {
  return parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
