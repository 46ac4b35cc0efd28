// Newline-delimited JSON: one value per line. Framing only; what the values say is none of its business.

import { AppError } from "../core/error.ts";
import { createLineSplitter } from "./lines.ts";
import type { DecoderLimits } from "./lines.ts";

/** One line. A payload with a line break would be read as two: that is our fault, and thrown as `internal`. */
export function ndjsonLine(payload: string): string {
  if (payload.includes("\n")) {
    throw new AppError("internal", "A line of the answer could not be framed.");
  }
  return `${payload}\n`;
}

export interface NdjsonDecoder {
  /** The lines that `text` completed, blank ones left out. Throws `AppError` `agent_error` over the limit. */
  push(text: string): string[];
  /** The last line, should it lack its end. */
  end(): string[];
}

/** Lines end with LF or CRLF, cut anywhere. */
export function createNdjsonDecoder(limits: DecoderLimits = {}): NdjsonDecoder {
  const splitter = createLineSplitter({ ...limits, carriageReturnEnds: false });
  return {
    push: (text) => splitter.push(text).filter(isNotBlank),
    end: () => splitter.end().filter(isNotBlank),
  };
}

function isNotBlank(line: string): boolean {
  return line.trim() !== "";
}
