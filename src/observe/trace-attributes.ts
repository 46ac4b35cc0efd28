// What spans say, in the names of OpenTelemetry's GenAI conventions (open-telemetry/semantic-conventions-genai at
// 004902b8). Figures and names only. Pure.

import { operationName } from "./tallies.ts";
import type { TracedTurn } from "./traces.ts";

type Attributes = Record<string, string | number | boolean>;

const SECOND_MS = 1_000;

/** What went wrong with a turn or a stream: its error code. A client that hung up is nobody's failure. */
export function failureOf({
  outcome,
  errorCode,
}: Pick<TracedTurn, "outcome" | "errorCode">): string | undefined {
  if (outcome === "done" || outcome === "client_cancelled") return undefined;
  return errorCode ?? outcome;
}

export function chatAttributes(turn: TracedTurn): Attributes {
  return { "gen_ai.operation.name": operationName(turn.kind), ...commonAttributes(turn) };
}

export function agentAttributes(turn: TracedTurn): Attributes {
  return {
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.agent.id": turn.agentId,
    ...commonAttributes(turn),
  };
}

function commonAttributes(turn: TracedTurn): Attributes {
  const { usage, firstEventMs } = turn;
  const failure = failureOf(turn);
  return {
    "gen_ai.provider.name": turn.connector,
    "gen_ai.request.model": turn.model,
    "mlp.outcome": turn.outcome,
    ...(turn.stream && { "gen_ai.request.stream": true }),
    ...(turn.stream &&
      firstEventMs !== undefined && {
        "gen_ai.response.time_to_first_chunk": firstEventMs / SECOND_MS,
      }),
    // Only what the agent reported: a guess is no usage.
    ...(usage !== undefined &&
      usage.estimated !== true && {
        "gen_ai.usage.input_tokens": usage.promptTokens,
        "gen_ai.usage.output_tokens": usage.completionTokens,
      }),
    ...(failure !== undefined && { "error.type": failure }),
  };
}
