// The editor's tools over an agent that takes no MCP servers: told of in the prompt, called by an answer that is one
// JSON object. Keeps nothing between requests: results come back as history.

import { AppError } from "../../core/error.ts";
import type { FinishEvent, TurnEvent, Usage } from "../../core/event.ts";
import type { Random } from "../../core/ports.ts";
import type { ChatRequest, Parameters, Turn } from "../../core/turn.ts";
import type { ToolRunner } from "../tool-runner.ts";
import { type EnvelopeAnswer, readEnvelope } from "./envelope-answer.ts";
import { inWords, repairRequest } from "./envelope-prompt.ts";
import { createEnvelopeText } from "./envelope-text.ts";
import { distinctTools } from "./input-schema.ts";
import { withoutOwnCalls } from "./own-calls.ts";

export type ChatTurn = Turn & { readonly request: ChatRequest };

/** An answer that was kept back, and how it ended. */
interface Kept {
  readonly text: string;
  readonly finish: FinishEvent;
}

/** The arguments of a call can hold a whole file; more than this is no call. UTF-16 code units. */
const MOST_KEPT = 1024 * 1024;

/** One repair and no more: what is still no envelope then is passed on as the words that it is. */
export async function* runEnvelope(
  inner: ToolRunner,
  { turn, signal, random }: { turn: ChatTurn; signal: AbortSignal; random: Random },
): AsyncGenerator<TurnEvent> {
  const { parameters } = turn.request;
  const tools = distinctTools(turn.request.tools ?? []);
  const told = inWords({ ...turn.request, tools });
  const first = yield* passWords(inner.run({ ...turn, request: told }, signal, []));
  const answer = readEnvelope(first.text, tools);
  if (answer.type !== "broken" || first.finish.reason !== "stop") {
    yield* ending(first, answer, parameters, random);
    return;
  }
  const request = repairRequest(told, first.text, answer.problem);
  const again = { ...turn, id: random.id("turn_"), request };
  const second = yield* passWords(inner.run(again, signal, []));
  const usage = sumUsage(first.finish.usage, second.finish.usage);
  const kept = usage === undefined ? second : { ...second, finish: { ...second.finish, usage } };
  yield* ending(kept, readEnvelope(kept.text, tools), parameters, random);
}

/** Passes on everything but what may be an envelope, which it returns with the finish. */
async function* passWords(events: AsyncIterable<TurnEvent>): AsyncGenerator<TurnEvent, Kept> {
  const answer = createEnvelopeText(MOST_KEPT);
  for await (const event of withoutOwnCalls(events)) {
    if (event.type === "finish") return { text: answer.rest(), finish: event };
    if (event.type !== "text-delta") {
      yield event;
      continue;
    }
    const text = answer.push(event.text);
    if (text !== "") yield { type: "text-delta", text };
  }
  throw new AppError("agent_error", "The agent stopped without finishing its answer.");
}

function* ending(
  { text, finish }: Kept,
  answer: EnvelopeAnswer,
  { parallelToolCalls }: Parameters,
  random: Random,
): Generator<TurnEvent> {
  if (answer.type !== "calls") {
    if (text !== "") yield { type: "text-delta", text };
    yield finish;
    return;
  }
  const calls = parallelToolCalls === false ? answer.calls.slice(0, 1) : answer.calls;
  for (const { name, arguments: values } of calls) {
    const id = random.id("call_");
    yield { type: "tool-call-start", id, name };
    if (values !== "{}") yield { type: "tool-call-delta", id, arguments: values };
  }
  const { usage } = finish;
  yield { type: "finish", reason: "tool_calls", ...(usage !== undefined && { usage }) };
}

/** What both prompts took. Unknown where one of them was not counted: half a count is worse than an estimate. */
function sumUsage(one: Usage | undefined, other: Usage | undefined): Usage | undefined {
  if (one === undefined || other === undefined) return undefined;
  return {
    ...one,
    ...other,
    promptTokens: one.promptTokens + other.promptTokens,
    completionTokens: one.completionTokens + other.completionTokens,
  };
}
