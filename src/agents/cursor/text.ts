// What `cursor-agent --stream-partial-output` says, each character once. Its stream has every text up to three times: as
// deltas, as a snapshot before a tool call, and as the final message. Pure; knows no JSON.

import { AppError } from "../../core/error.ts";

export interface CursorText {
  /** A piece that is marked as new. Answers with what may be passed on: never cut inside a surrogate pair. */
  delta(text: string): string;
  /**
   * A text that may be a repeat: of the message, of all since the last tool call, or of the whole answer. Answers with
   * what of it was not said before. Builds without partial output say everything this way.
   */
  whole(text: string): string;
  /** A tool of the agent's own began: what follows is a new piece of text. */
  toolCall(): void;
  /** What was held back of a pair that never became whole. */
  end(): string;
  readonly length: number;
}

/** What is kept to compare with, in UTF-16 code units. An answer is far smaller. */
const MAX_LENGTH = 4 * 1024 * 1024;

export function createCursorText(maxLength = MAX_LENGTH): CursorText {
  let said = "";
  let segmentAt = 0;
  let messageAt = 0;
  let sawDelta = false;
  let held = "";

  function emit(text: string): string {
    if (said.length + text.length > maxLength) {
      throw new AppError(
        "agent_error",
        `Cursor's answer has more than ${maxLength} characters. Ask for less at once.`,
      );
    }
    said += text;
    const all = held + text;
    const isTorn = isHighSurrogate(all.charCodeAt(all.length - 1));
    held = isTorn ? all.slice(-1) : "";
    return isTorn ? all.slice(0, -1) : all;
  }

  /** Marks all that was said as a message that is complete. */
  function settle(text: string): string {
    const fresh = emit(text);
    messageAt = said.length;
    return fresh;
  }

  function wholeAfterDeltas(text: string): string {
    const message = said.slice(messageAt);
    // An exact repeat first: only of a stream that lost something is one text the beginning of another.
    const known = [said, said.slice(segmentAt), message].filter((one) => one !== "");
    if (known.includes(text)) return settle("");
    const start = known.find((one) => text.startsWith(one));
    if (start !== undefined) return settle(text.slice(start.length));
    const isRepeat = message !== "" || said.endsWith(text);
    return settle(isRepeat ? "" : text);
  }

  function whole(text: string): string {
    if (text === "") return "";
    if (sawDelta) return wholeAfterDeltas(text);
    const segment = said.slice(segmentAt);
    if (segment !== "" && text.startsWith(segment)) return settle(text.slice(segment.length));
    return settle(said === text ? "" : text);
  }

  return {
    delta: (text) => {
      sawDelta ||= text !== "";
      return emit(text);
    },
    whole,
    toolCall: () => {
      segmentAt = said.length;
      messageAt = said.length;
    },
    end: () => {
      const rest = held;
      held = "";
      return rest;
    },
    get length() {
      return said.length;
    },
  };
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
