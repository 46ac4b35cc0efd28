// The `mcp` connector: a chat at the other end of an MCP session, as an agent. A turn goes to the chat that waits for
// requests, or to the client itself where it offers sampling. Knows no transport.

import { AppError } from "../../core/error.ts";
import type { TurnEvent } from "../../core/event.ts";
import type { Agent, AgentInfo, Clock } from "../../core/ports.ts";
import type { ChatRequest, CompletionRequest, ResumeRequest, Turn } from "../../core/turn.ts";
import { throwIfAborted } from "../abort.ts";
import type { Inbox } from "./inbox.ts";
import type { Asked, OpenRequest } from "./inbox-parts.ts";
import {
  offeredTools,
  refuseEmbedding,
  type ReportedCall,
  resultsHandout,
  wholeHandout,
} from "./text.ts";
import { createParkingLot } from "../parking-lot.ts";

type PlainRequest = ChatRequest | CompletionRequest;

/** Asks the client's own model. One answer, as events. */
export type Sampler = (
  request: PlainRequest,
  deadlineMs: number,
  signal: AbortSignal,
) => AsyncIterable<TurnEvent>;

export interface McpAgentOptions {
  readonly info: AgentInfo;
  readonly inbox: Inbox;
  /** Asked when no chat waits. */
  readonly sampler?: Sampler;
  readonly clock: Clock;
}

/** What is kept of a turn whose tool calls the editor runs. */
interface Parked {
  readonly id: string;
  readonly request: PlainRequest;
  readonly said: string;
  readonly calls: readonly ReportedCall[];
}

const PARKED_TURNS = 64;
const PARKED_MS = 30 * 60_000;

export function createMcpAgent({ info, inbox, sampler, clock }: McpAgentOptions): Agent {
  const lot = createParkingLot<Parked>({ clock, places: PARKED_TURNS, keepMs: PARKED_MS });

  function askedBy({ request, sessionId }: Turn): { asked: Asked; request: PlainRequest } {
    if (request.kind === "embedding") return refuseEmbedding();
    if (request.kind !== "resume") {
      const whole = wholeHandout(request);
      return { asked: { brief: whole, whole, tools: toolNames(request) }, request };
    }
    const parked = lot.take(request.resumes, sessionId);
    const full = continued(parked, request);
    const brief = resultsHandout(parked.id, parked.calls, request);
    return { asked: { brief, whole: wholeHandout(full), tools: toolNames(full) }, request: full };
  }

  async function* askChat(turn: Turn, signal: AbortSignal): AsyncGenerator<TurnEvent> {
    const { asked, request } = askedBy(turn);
    let open: OpenRequest | undefined;
    let said = "";
    const calls: { id: string; own: string; name: string; arguments: string }[] = [];
    for await (const event of inbox.ask(asked, signal, (given) => (open = given))) {
      const last = calls.at(-1);
      if (event.type === "text-delta") said += event.text;
      if (event.type === "tool-call-start") {
        const { id, name } = event;
        calls.push({ id, own: open?.calls.get(id) ?? id, name, arguments: "" });
      }
      if (event.type === "tool-call-delta" && last !== undefined) last.arguments += event.arguments;
      if (event.type === "finish" && event.parked === true) {
        lot.put(turn.id, turn.sessionId, { id: open?.id ?? "", request, said, calls });
      }
      yield event;
    }
  }

  async function* run(turn: Turn, signal: AbortSignal): AsyncGenerator<TurnEvent> {
    throwIfAborted(signal);
    const { request } = turn;
    if (request.kind === "embedding") refuseEmbedding();
    else if (sampler === undefined || inbox.present) yield* askChat(turn, signal);
    else if (request.kind === "resume") {
      throw new AppError("parked_turn_unknown", "Nothing waits for these results: send them anew.");
    } else yield* sampler(request, turn.deadlineMs, signal);
  }

  return { info, run } satisfies Agent;
}

function toolNames(request: PlainRequest): readonly string[] {
  return offeredTools(request).map(({ name }) => name);
}

/** The conversation with what the chat called and what came of it. Only chats are offered tools. */
function continued(
  { request, said, calls }: Parked,
  { results, message }: ResumeRequest,
): PlainRequest {
  if (request.kind !== "chat") return request;
  const { toolChoice, ...rest } = request;
  return {
    ...rest,
    // Whoever was made to call a tool has called it.
    ...(toolChoice === "none" && { toolChoice }),
    messages: [
      ...request.messages,
      { role: "assistant", content: [{ type: "text", text: said }], toolCalls: calls },
      ...results.map(({ toolCallId, content, isError }) => ({
        role: "tool" as const,
        toolCallId,
        content,
        ...(isError !== undefined && { isError }),
      })),
      ...(message === undefined ? [] : [{ role: "user", content: message } as const]),
    ],
  };
}
