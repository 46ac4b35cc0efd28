// What the tools of a chat do with its inbox. What they say is read by a model, so each answer says what to do next. Knows
// no transport.

import type { Static, TSchema } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { FinishReason } from "../../core/event.ts";
import { isJsonObject, parseJson } from "../../core/json.ts";
import type { Random } from "../../core/ports.ts";
import { AppError } from "../../core/error.ts";
import { piecesOf } from "./answer.ts";
import type { Inbox } from "./inbox.ts";
import type { News, OpenRequest } from "./inbox-parts.ts";
import { CallArguments, ChunkArguments, DeclineArguments, RespondArguments } from "./tool-list.ts";

/** What a tool says to the model. */
export interface Said {
  /** Goes first, as a line of JSON. */
  readonly head?: Readonly<Record<string, string>>;
  readonly texts: readonly string[];
  readonly images?: readonly { readonly mediaType: string; readonly data: string }[];
  readonly isError?: boolean;
}

/** What a call takes beside its arguments, so that calls of nothing are not free. */
const CALL_UNITS = 64;

/** The tools that answer. @throws nothing: what is wrong is said to the model */
export async function answerWith(
  inbox: Inbox,
  random: Random,
  name: string,
  given: unknown,
): Promise<Said> {
  switch (name) {
    case "respond":
      return await withRequest(inbox, RespondArguments, given, respond);
    case "respond_chunk":
      return await withRequest(inbox, ChunkArguments, given, respondChunk);
    case "report_tool_call":
      return await withRequest(inbox, CallArguments, given, (request, asked) =>
        reportCall(request, asked, random.id("call_")),
      );
    case "decline":
      return await withRequest(inbox, DeclineArguments, given, decline);
    default:
      return wrong(`There is no tool ${JSON.stringify(name.slice(0, 64))}.`);
  }
}

async function withRequest<S extends TSchema>(
  inbox: Inbox,
  schema: S,
  given: unknown,
  act: (request: OpenRequest, asked: Static<S>) => Said | Promise<Said>,
): Promise<Said> {
  const problem = problemWith(schema, given);
  if (problem !== undefined) return wrong(problem);
  const asked = given as Static<S> & { readonly id: string };
  const found = inbox.find(asked.id);
  if (found.type === "open") return await act(found.request, asked);
  if (found.type === "unknown") {
    return wrong(`There is no request ${asked.id}. Use the id that wait_for_request gave.`);
  }
  if (found.why === "answered") {
    return wrong(`Request ${asked.id} is answered already. Call wait_for_request.`);
  }
  if (found.why === "cancelled") return cancelled(asked.id);
  return wrong(`Request ${asked.id} took too long and has failed. Call wait_for_request.`);
}

/** What is wrong with the arguments; names the place, never the value. */
export function problemWith(schema: TSchema, given: unknown): string | undefined {
  if (Value.Check(schema, given)) return undefined;
  const first = Value.Errors(schema, given).First();
  const place = first === undefined || first.path === "" ? "the arguments" : first.path.slice(1);
  return `${place}: ${first?.message ?? "not of the tool's form"}`;
}

function respond(
  request: OpenRequest,
  { text, finish_reason: told, usage }: Static<typeof RespondArguments>,
): Said {
  const { answer, calls } = request;
  if (text === "" && !request.begun) {
    return wrong("The answer is empty. Send its text, or decline with a reason.");
  }
  if (!takes(request, text.length)) return tooLong(request);
  request.begun = true;
  // After a tool call there is no place for text: what matters is in the call.
  if (calls.size === 0)
    for (const piece of piecesOf(text)) answer.push({ type: "text-delta", text: piece });
  const reason: FinishReason = calls.size > 0 ? "tool_calls" : (told ?? "stop");
  answer.finish({
    type: "finish",
    reason,
    ...(calls.size > 0 && { parked: true }),
    ...(usage !== undefined && {
      usage: { promptTokens: usage.prompt_tokens, completionTokens: usage.completion_tokens },
    }),
  });
  return delivered(request);
}

async function respondChunk(
  request: OpenRequest,
  { text, kind = "text" }: Static<typeof ChunkArguments>,
): Promise<Said> {
  const { answer, calls } = request;
  if (calls.size > 0) return wrong("Text comes before tool calls. End the request with respond.");
  if (text === "") return { texts: ["Nothing was sent: the piece is empty."] };
  if (!takes(request, text.length)) return tooLong(request);
  request.begun = true;
  for (const piece of piecesOf(text)) answer.push({ type: `${kind}-delta`, text: piece });
  await answer.room();
  return { texts: [`Sent. Go on with respond_chunk, or end with respond, id ${request.id}.`] };
}

function reportCall(
  request: OpenRequest,
  { name, arguments: given, call_id: own, more }: Static<typeof CallArguments>,
  callId: string,
): Said {
  if (!request.tools.includes(name)) {
    return wrong(
      request.tools.length === 0
        ? "The editor offers no tools with this request. Answer with respond."
        : `The editor has no tool of that name. It offers: ${request.tools.join(", ")}`,
    );
  }
  const text = typeof given === "string" ? given : JSON.stringify(given);
  if (!isJsonObject(parseJson(text === "" ? "{}" : text))) {
    return wrong("arguments: not an object, nor the JSON text of one");
  }
  // Its results are told apart by it. The editor's are by an id of ours: chats name the calls of every request alike.
  if (own !== undefined && [...request.calls.values()].includes(own)) {
    return wrong("call_id: another call of this request has it. Leave it out, or choose another.");
  }
  if (!takes(request, text.length + CALL_UNITS)) return tooLong(request);
  request.begun = true;
  request.calls.set(callId, own ?? callId);
  const { answer } = request;
  answer.push({ type: "tool-call-start", id: callId, name });
  for (const piece of piecesOf(text)) {
    answer.push({ type: "tool-call-delta", id: callId, arguments: piece });
  }
  if (more === true) return { texts: ["Noted. Report the next call of this request."] };
  answer.finish({ type: "finish", reason: "tool_calls", parked: true });
  return {
    texts: ["The editor runs the tool. Call wait_for_request: its result comes as a request."],
  };
}

/** Whether that much more of an answer is taken; it then is. */
function takes(request: OpenRequest, units: number): boolean {
  const isTaken = units <= request.left;
  if (isTaken) request.left -= units;
  return isTaken;
}

function tooLong({ id, left }: OpenRequest): Said {
  return wrong(
    `Nothing was sent: the answer is too long. Request ${id} takes ${left} more characters. Send no more than that, and end with respond.`,
  );
}

function decline(request: OpenRequest, { reason }: Static<typeof DeclineArguments>): Said {
  const why = reason.trim().slice(0, 300);
  request.answer.fail(
    new AppError("agent_error", `The chat declined: ${why || "no reason given"}`),
  );
  return delivered(request);
}

function delivered({ id: request }: OpenRequest): Said {
  return { texts: [`Request ${request} is done. Call wait_for_request for the next one.`] };
}

function cancelled(request: string): Said {
  return {
    texts: [
      `Request ${request} was cancelled by the editor: stop working on it. Wait for the next one with wait_for_request.`,
    ],
  };
}

export function wrong(text: string): Said {
  return { texts: [text], isError: true };
}

/** What a wait brought: a line of JSON for programs, whose `next` is for models, and then what the editor asks. */
export function sayNews(news: News, note = ""): Said {
  const extra = note === "" ? {} : { note };
  switch (news.type) {
    case "request": {
      const { text, images, continues } = news.handout;
      const next = `Answer with respond, id ${news.id}. Then call wait_for_request.`;
      const before = continues === undefined ? {} : { continues };
      return { head: { status: "request", id: news.id, ...before, next }, texts: [text], images };
    }
    case "cancelled": {
      const next = "Stop working on it, and call wait_for_request.";
      return { head: { status: "cancelled", id: news.id, next }, texts: [] };
    }
    case "idle": {
      const next = "Call wait_for_request again, now.";
      return { head: { status: "idle", ...extra, next }, texts: [] };
    }
    case "stop": {
      const next =
        "Nothing came for a long time. Stop waiting, and tell the user to ask you to serve the editor when it is wanted again.";
      return { head: { status: "stop", ...extra, next }, texts: [] };
    }
  }
}
