// Answers that must be JSON: kept until they are whole, checked, and asked for once more if they do not fit. What
// reaches the client is JSON that fits, or an error; or an end that says itself that the answer is incomplete.

import { AppError } from "../core/error.ts";
import { addUsage } from "../core/event.ts";
import type { FinishEvent, TurnEvent, Usage } from "../core/event.ts";
import type { ChatRequest, Message, ResponseFormat, Turn } from "../core/turn.ts";
import { estimateUsage } from "./estimate.ts";
import { judgeAnswer } from "./judge-answer.ts";
import type { Misfit } from "./judge-answer.ts";

export interface StructuredTurn {
  /** What the agent is asked first. */
  readonly turn: Turn;
  /** The whole conversation, where `turn` only goes on with a parked one: what a repair is built on. */
  readonly request: ChatRequest;
  readonly format: ResponseFormat;
  /** How much text may be kept, in UTF-16 code units. */
  readonly answerSize: number;
  run(turn: Turn): AsyncIterable<TurnEvent>;
  /** A turn of its own for the repair, with the time that is left. */
  repairTurn(request: ChatRequest): Turn;
  /** Hears of whatever the agent says: while text is kept, nobody else does. */
  onAlive(keptCharacters: number): void;
}

/** @throws AppError agent_error where the repaired answer does not fit either, unsupported where neither can be said */
export async function* structured(asked: StructuredTurn): AsyncGenerator<TurnEvent> {
  const first = createAttempt();
  yield* listen(asked, asked.turn, first);
  const misfit = yield* settle(asked, first, first.finish);
  if (misfit === undefined) return;
  const turn = asked.repairTurn(repairRequest(asked, first.text, misfit));
  const second = createAttempt();
  yield* listen(asked, turn, second);
  if (second.callsTools) throw misfitError(misfit);
  const usage = addUsage(usageOf(first, asked.turn), usageOf(second, turn));
  const again = yield* settle(asked, second, second.finish && { ...second.finish, usage });
  if (again !== undefined) throw misfitError(again);
}

/** One answer of the agent's. */
interface Attempt {
  text: string;
  reasoning: number;
  callsTools: boolean;
  finish: FinishEvent | undefined;
}

function createAttempt(): Attempt {
  return { text: "", reasoning: 0, callsTools: false, finish: undefined };
}

/** Passes on everything but the text and the end; from a tool call on, everything but the end. */
async function* listen(
  asked: StructuredTurn,
  turn: Turn,
  attempt: Attempt,
): AsyncGenerator<TurnEvent> {
  const isRepair = turn !== asked.turn;
  for await (const event of asked.run(turn)) {
    switch (event.type) {
      case "text-delta":
        if (attempt.callsTools) yield event;
        else keep(asked, attempt, event.text);
        break;
      case "reasoning-delta":
        attempt.reasoning += event.text.length;
        asked.onAlive(0);
        yield event;
        break;
      case "finish":
        attempt.finish = event;
        asked.onAlive(0);
        return;
      default:
        attempt.callsTools ||= event.type === "tool-call-start";
        // What the repair was asked for is text and nothing else: no tool of the editor's may run for it.
        if (isRepair) return;
        if (attempt.text !== "") yield { type: "text-delta", text: attempt.text };
        attempt.text = "";
        yield event;
    }
  }
}

function keep(asked: StructuredTurn, attempt: Attempt, text: string): void {
  attempt.text += text;
  if (attempt.text.length > asked.answerSize) {
    throw new AppError(
      "agent_error",
      "The agent's JSON is larger than an answer may be that has to be checked.",
    );
  }
  asked.onAlive(text.length);
}

/** Ends the turn where the answer fits, or is not to be judged; otherwise says what is wrong with it. */
async function* settle(
  { format }: StructuredTurn,
  attempt: Attempt,
  finish: FinishEvent | undefined,
): AsyncGenerator<TurnEvent, Misfit | undefined> {
  if (finish === undefined) {
    throw new AppError("agent_error", "The agent stopped without finishing its answer.");
  }
  if (attempt.callsTools) {
    yield finish;
    return undefined;
  }
  const verdict = judgeAnswer(attempt.text, format);
  // "length" and "content_filter" say that there should be more: clients know what to make of such an end.
  const isCutOff = finish.reason === "length" || finish.reason === "content_filter";
  if (verdict.fits || isCutOff) {
    const text = verdict.fits ? verdict.text : attempt.text;
    if (text !== "") yield { type: "text-delta", text };
    yield finish;
    return undefined;
  }
  return verdict;
}

/** The conversation with the answer that did not fit, and what is wrong with it. Tools stay known and are not offered. */
function repairRequest(
  { request, format }: StructuredTurn,
  text: string,
  misfit: Misfit,
): ChatRequest {
  const answer: Message = { role: "assistant", content: [{ type: "text", text }] };
  const complaint: Message = {
    role: "user",
    content: [{ type: "text", text: complaintOf(misfit, format) }],
  };
  return {
    ...request,
    messages: [...request.messages, ...(text.trim() === "" ? [] : [answer]), complaint],
    ...(request.tools !== undefined && { toolChoice: "none" as const }),
  };
}

const MAX_SHOWN_SCHEMA = 32_768;

function complaintOf({ problems }: Misfit, format: ResponseFormat): string {
  const lines = ["Your last answer could not be used:", ...problems.map((each) => `- ${each}`)];
  const schema = format.type === "json-schema" ? JSON.stringify(format.schema) : "";
  const kind =
    format.type === "json" ? "one JSON object" : "one JSON document that fits the JSON Schema";
  lines.push("", `Answer again with ${kind}, whole, and nothing else: no code fence, no comment.`);
  if (schema !== "" && schema.length <= MAX_SHOWN_SCHEMA) lines.push(`The JSON Schema: ${schema}`);
  return lines.join("\n");
}

/** Names keywords of the schema at most: of the answer it says nothing. */
function misfitError({ keywords }: Misfit): AppError {
  const reason = keywords.length === 0 ? "it was no JSON" : `failed: ${keywords.join(", ")}`;
  return new AppError(
    "agent_error",
    `The agent did not answer with JSON that fits the response format, nor when it was told what was wrong (${reason}). Ask for something simpler, or choose another model.`,
  );
}

function usageOf({ text, reasoning, finish }: Attempt, turn: Turn): Usage {
  return finish?.usage ?? estimateUsage(turn.request, text.length + reasoning);
}
