// Text that arrives in pieces, as whole lines. Shared by the two framings; knows nothing of what a line means.

import { AppError } from "../core/error.ts";

/** How much an incremental decoder holds before it gives up, in UTF-16 code units. */
export interface DecoderLimits {
  /** The longest line, and the longest message made of several lines. Default 1,048,576. */
  readonly maxLength?: number;
}

const DEFAULT_MAX_LENGTH = 1024 * 1024;

export interface LineSplitter {
  /** The lines that `text` completed, without their ends. */
  push(text: string): string[];
  /** The last line, if it had no end. */
  end(): string[];
  /** Throws `AppError` `agent_error` when `length` is over the limit. */
  check(length: number): void;
}

interface LineRules extends DecoderLimits {
  /** Whether a lone CR ends a line, as in server-sent events. CRLF always counts as one end. */
  readonly carriageReturnEnds: boolean;
}

/**
 * Only new text is searched, so a long line that comes byte by byte costs no more than one that comes whole.
 * A line that has ended is given out at once, even if its CR may yet turn out to be half of a CRLF.
 */
export function createLineSplitter(rules: LineRules): LineSplitter {
  const maxLength = rules.maxLength ?? DEFAULT_MAX_LENGTH;
  let pending = "";
  let afterCarriageReturn = false;

  function check(length: number): void {
    if (length > maxLength) {
      throw new AppError(
        "agent_error",
        `The stream has a message of more than ${maxLength} characters.`,
      );
    }
  }

  function take(piece: string): string {
    check(pending.length + piece.length);
    const line = pending + piece;
    pending = "";
    return rules.carriageReturnEnds || !line.endsWith("\r") ? line : line.slice(0, -1);
  }

  function push(text: string): string[] {
    if (text === "") return [];
    const lines: string[] = [];
    const nextEnd = lineEnds(text, rules.carriageReturnEnds);
    let from = afterCarriageReturn && text.startsWith("\n") ? 1 : 0;
    for (let end = nextEnd(from); end !== -1; end = nextEnd(from)) {
      lines.push(take(text.slice(from, end)));
      from = end + (text.startsWith("\r\n", end) ? 2 : 1);
    }
    afterCarriageReturn = rules.carriageReturnEnds && text.endsWith("\r");
    pending += text.slice(from);
    check(pending.length);
    return lines;
  }

  function end(): string[] {
    return pending === "" ? [] : [take("")];
  }

  return { push, end, check };
}

/** Finds the next line end at or after a position, asking for each kind again only once it has been passed. */
function lineEnds(text: string, carriageReturnEnds: boolean): (from: number) => number {
  let lineFeed = text.indexOf("\n");
  let carriageReturn = carriageReturnEnds ? text.indexOf("\r") : -1;
  return (from) => {
    if (lineFeed !== -1 && lineFeed < from) lineFeed = text.indexOf("\n", from);
    if (carriageReturn !== -1 && carriageReturn < from) carriageReturn = text.indexOf("\r", from);
    if (lineFeed === -1) return carriageReturn;
    return carriageReturn === -1 ? lineFeed : Math.min(lineFeed, carriageReturn);
  };
}
