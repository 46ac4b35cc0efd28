// All turns of a link, asked and answered: which frame and which input concerns which, and when a frame about one
// is a reason to close the link. Pure, like link.ts which owns it.

import { AppError } from "../core/error.ts";
import { createAnswering } from "./answering.ts";
import { createAsking } from "./asking.ts";
import type { Violation } from "./decode.ts";
import { CLOSE, type HalfLink, type TurnEffect, type TurnInput } from "./effect.ts";
import { linkGone, linkLost } from "./failure.ts";
import type { ErrorFrame, Frame } from "./frame.ts";

export type TurnFrame = Extract<
  Frame,
  {
    type:
      "model_stream_chunk" | "model_result" | "model_invoke" | "tool_results" | "flow" | "cancel";
  }
>;

/** The link has to end because of what was said on it. */
export interface Fatal {
  readonly fatal: number;
  readonly reason: string;
}

export type TurnStep = readonly TurnEffect[] | Fatal;

export interface LinkTurns {
  readonly size: number;
  step(input: TurnInput): readonly TurnEffect[];
  receive(frame: TurnFrame, bytes: number): TurnStep;
  /** An `error` frame that names a turn. */
  failed(frame: ErrorFrame & { id: string }): TurnStep;
  /** One turn pays where the violation names one; otherwise the link does. */
  violated(violation: Violation): TurnStep;
  /** Ends every turn: with a reason that the peer hears too, or because the link is no more. */
  endAll(error?: AppError): readonly TurnEffect[];
}

/** `livesElsewhere`: whether a turn of this id runs on another link of the same hub: a reply for it here is an attack. */
export function createTurns(half: HalfLink, livesElsewhere: (id: string) => boolean): LinkTurns {
  const asking = createAsking(half);
  const answering = createAnswering(half);

  function step(input: TurnInput): readonly TurnEffect[] {
    switch (input.type) {
      case "chunk":
        return answering.chunk(input);
      case "consumed":
        return asking.consumed(input.id, input.bytes);
      case "ask":
        return asking.ask(input.frame);
      case "cancel":
        return asking.cancel(input.id, input.error);
      case "result":
        return answering.result(input.frame);
      case "fail":
        return answering.fail(input.id, input.error);
    }
  }

  function receive(frame: TurnFrame, bytes: number): TurnStep {
    switch (frame.type) {
      case "model_stream_chunk":
        return isForeign(frame.id) ? foreign() : asking.chunk(frame, bytes);
      case "model_result":
        return isForeign(frame.id) ? foreign() : asking.result(frame, bytes);
      case "model_invoke":
      case "tool_results":
        return answering.start(frame) ?? protocolError("an id is used for two turns at once");
      case "flow":
        return answering.flow(frame);
      case "cancel":
        return answering.cancelled(frame);
    }
  }

  function failed(frame: ErrorFrame & { id: string }): TurnStep {
    if (answering.has(frame.id)) return answering.cancelled(frame);
    return isForeign(frame.id) ? foreign() : asking.error(frame);
  }

  function isForeign(id: string): boolean {
    return !asking.has(id) && !asking.ended(id) && livesElsewhere(id);
  }

  function violated(violation: Violation): TurnStep {
    const { id, type } = violation;
    if (id !== undefined) {
      const answers = type === "model_stream_chunk" || type === "model_result";
      if (answers && asking.has(id)) return asking.violation(id, violation);
      const asks = type === "model_invoke" || type === "tool_results";
      if (asks && !answering.has(id)) {
        return answering.refuse(id, new AppError("invalid_request", violation.violation));
      }
    }
    return protocolError(violation.violation);
  }

  function endAll(error?: AppError): readonly TurnEffect[] {
    const tell = error !== undefined;
    const asked = asking.endAll(error ?? linkLost(), tell);
    return [...asked, ...answering.endAll(error ?? linkGone(), tell)];
  }

  return {
    get size() {
      return asking.size + answering.size;
    },
    step,
    receive,
    failed,
    violated,
    endAll,
  };
}

function foreign(): Fatal {
  return { fatal: CLOSE.policy, reason: "a reply for a turn of another link" };
}

function protocolError(reason: string): Fatal {
  return { fatal: CLOSE.protocol, reason };
}
