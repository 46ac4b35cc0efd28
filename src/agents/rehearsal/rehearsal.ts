// The built-in agent: says that it is rehearsing and what it got, or plays what directives or a script tell it.
// Deterministic; runs no model and no command, and knows nothing of who carries its answers to the editor.

import { AppError } from "../../core/error.ts";
import type { TurnEvent } from "../../core/event.ts";
import type { Model } from "../../core/model.ts";
import type { Agent, Clock, Log, Random } from "../../core/ports.ts";
import type { EmbeddingRequest, ToolResult, Turn } from "../../core/turn.ts";
import { throwIfAborted, waitOrAbort } from "../abort.ts";
import { createParkingLot, unknownTurn } from "../parking-lot.ts";
import { bareResults, reportResults, standardAnswer, toolRoundsOf } from "./answer.ts";
import { REPORT, createChoice, estimatePrompt } from "./choice.ts";
import { embedTexts } from "./embedding.ts";
import { type Cue, type Stage, playSegment } from "./play.ts";
import type { RehearsalScript } from "./script.ts";
import type { Segment } from "./step.ts";

export interface RehearsalOptions {
  readonly clock: Clock;
  /** For ids of tool calls that stay unique over restarts; without it they are counted. */
  readonly random?: Random;
  readonly script?: RehearsalScript;
  /** What `crash` does, such as ending the runner's process. Without it a crash is only thrown, as `agent_lost`. */
  readonly crash?: () => void;
  readonly log?: Log;
  /** Default `rehearsal`. */
  readonly agentId?: string;
  readonly label?: string;
  /** How many parked turns are kept, and for how long (ms). Default 256 and 30 minutes. */
  readonly parkedTurns?: number;
  readonly parkedMs?: number;
}

type PlayedRequest = Exclude<Turn["request"], EmbeddingRequest>;
type ToolNames = ReadonlyMap<string, string>;

/** What there is to play now, and the words that depend on the turn. */
interface Part {
  readonly segments: readonly Segment[];
  readonly results: readonly ToolResult[];
  readonly names: ToolNames;
  readonly answer: () => string;
}

const MODEL: Model = {
  id: "rehearsal",
  label: "Rehearsal",
  contextLength: 128_000,
  capabilities: ["completion", "tools", "vision", "thinking", "insert", "embedding"],
};

export function createRehearsal(options: RehearsalOptions): Agent {
  const { log, random } = options;
  const lot = createParkingLot<Pick<Part, "segments" | "names">>({
    clock: options.clock,
    places: options.parkedTurns ?? 256,
    keepMs: options.parkedMs ?? 30 * 60_000,
  });
  const choose = createChoice(options.script);
  let calls = 0;

  function callId(): string {
    calls += 1;
    return random === undefined ? `call_rehearsal_${calls}` : random.id("call_");
  }

  function partOf({ sessionId }: Turn, request: PlayedRequest): Part {
    if (request.kind === "resume") {
      const { results } = request;
      const parked = lot.take(request.resumes, sessionId);
      // Words are directives: they are answered as a request of their own.
      if (request.message !== undefined) throw unknownTurn();
      return { ...parked, results, answer: () => "" };
    }
    const { rounds, results, names } = toolRoundsOf(request);
    const answer = () => standardAnswer(request);
    return { segments: choose(request, rounds), results, names, answer };
  }

  function* play(turn: Turn, request: PlayedRequest): Generator<Cue> {
    const part = partOf(turn, request);
    const { results } = part;
    const [segment = REPORT, ...later] = part.segments;
    const names = new Map<string, string>();
    const stage: Stage = {
      promptTokens: estimatePrompt(request),
      answer: part.answer,
      report: () => reportResults(results, part.names),
      results: () => bareResults(results),
      callId,
    };
    for (const cue of playSegment(segment, stage)) {
      if (cue.type === "tool-call-start") names.set(cue.id, cue.name);
      if (cue.type === "finish" && cue.parked === true) {
        lot.put(turn.id, turn.sessionId, { segments: later, names });
      }
      yield cue;
    }
  }

  async function* run(turn: Turn, signal: AbortSignal): AsyncGenerator<TurnEvent> {
    const { id, request } = turn;
    throwIfAborted(signal);
    log?.debug({ turn: id, kind: request.kind }, "rehearsal turn started");
    let ended = false;
    try {
      for (const cue of request.kind === "embedding" ? embed(request) : play(turn, request)) {
        if (isTurnEvent(cue)) {
          ended = cue.type === "finish";
          yield cue;
          if (signal.aborted) throwIfAborted(signal);
        } else await follow(cue, signal, options);
      }
    } catch (error) {
      ended = !signal.aborted;
      throw error;
    } finally {
      log?.debug({ turn: id }, ended ? "rehearsal turn ended" : "rehearsal turn cancelled");
    }
  }

  const info = {
    agentId: options.agentId ?? "rehearsal",
    label: options.label ?? "Rehearsal (built in, not a real agent)",
    connector: "rehearsal",
    models: [MODEL],
    requestedScopes: ["inference", "tools"] as const,
  };
  return { info, run } satisfies Agent;
}

type ShellCue = Exclude<Cue, TurnEvent>;

function isTurnEvent(cue: Cue): cue is TurnEvent {
  const { type } = cue;
  return type !== "pause" && type !== "breath" && type !== "hang" && type !== "crash";
}

async function follow(
  cue: ShellCue,
  signal: AbortSignal,
  { clock, crash }: RehearsalOptions,
): Promise<void> {
  switch (cue.type) {
    case "pause":
      return await waitOrAbort(signal, (done) => clock.timer(cue.ms, done));
    case "breath":
      return await waitOrAbort(signal, (done) => {
        const immediate = setImmediate(done);
        return () => clearImmediate(immediate);
      });
    case "hang":
      return await waitOrAbort(signal, () => () => {});
    case "crash":
      crash?.();
      throw new AppError("agent_lost", "The rehearsal agent was told to crash.");
  }
}

function* embed(request: EmbeddingRequest): Generator<Cue> {
  yield { type: "embeddings", vectors: embedTexts(request.input, request.dimensions) };
  const usage = { promptTokens: estimatePrompt(request), completionTokens: 0, estimated: true };
  yield { type: "finish", reason: "stop", usage };
}
