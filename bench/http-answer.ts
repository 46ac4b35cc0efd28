// Reads HTTP/1.1 answers from raw bytes, one at a time: a load generator cannot afford a whole HTTP client.
// Knows no sockets and nothing of what the body means.

/** `body` holds one character per byte (latin1): cheap to make, exact to compare. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  /** The server will close the connection after this answer. */
  readonly close: boolean;
}

export interface AnswerReader {
  /** The answer, once its last byte is there. Throws on bytes that are not an HTTP/1.1 answer, or that follow its end. */
  push(bytes: Buffer): HttpAnswer | undefined;
  /** How many bytes of body the answer in progress has brought. */
  received(): number;
}

interface Head {
  readonly status: number;
  readonly close: boolean;
  /** Bytes of body; -1 when it comes in chunks (RFC 9112, 7.1). */
  readonly length: number;
}

const CRLF = "\r\n";

function parseHead(text: string): Head {
  const match = /^HTTP\/1\.1 (\d{3})/.exec(text);
  if (match === null) throw new Error("not an HTTP/1.1 answer");
  const lower = text.toLowerCase();
  const chunked = /\r\ntransfer-encoding:\s*chunked/.test(lower);
  const length = /\r\ncontent-length:\s*(\d+)/.exec(lower);
  if (!chunked && length === null) throw new Error("an answer of unknown length");
  return {
    status: Number(match[1]),
    close: /\r\nconnection:\s*close/.test(lower),
    length: chunked ? -1 : Number(length?.[1]),
  };
}

/** Between answers the reader is as new. */
export function createAnswerReader(): AnswerReader {
  let head: Head | undefined;
  // What has come and is not understood yet: never more than a head, a size line or a piece of body.
  let rest = "";
  let body = "";
  // Of the HTTP chunk in progress, bytes still to come; 0: a size line is next; -1: the line feed after a chunk is next.
  let pending = 0;

  function finish(): HttpAnswer | undefined {
    if (head === undefined) return undefined;
    if (rest !== "") throw new Error("bytes after the end of an answer");
    const answer = { status: head.status, body, close: head.close };
    head = undefined;
    body = "";
    pending = 0;
    return answer;
  }

  function readLength(length: number): HttpAnswer | undefined {
    body += rest;
    rest = "";
    if (body.length < length) return undefined;
    rest = body.slice(length);
    body = body.slice(0, length);
    return finish();
  }

  /** Takes one step through the chunked body. `stuck`: it needs more bytes. */
  function stepChunk(from: number): number | "stuck" | "end" {
    if (pending > 0) {
      const piece = rest.slice(from, from + pending);
      if (piece === "") return "stuck";
      body += piece;
      pending -= piece.length;
      if (pending === 0) pending = -1;
      return from + piece.length;
    }
    if (pending === -1) {
      if (rest.length < from + 2) return "stuck";
      pending = 0;
      return from + 2;
    }
    const line = rest.indexOf(CRLF, from);
    if (line === -1) return "stuck";
    const size = Number.parseInt(rest.slice(from, line), 16);
    if (Number.isNaN(size)) throw new Error("a chunk without a size");
    if (size > 0) {
      pending = size;
      return line + 2;
    }
    // No trailers are expected: the empty line ends it.
    if (rest.length < line + 4) return "stuck";
    rest = rest.slice(line + 4);
    return "end";
  }

  function readChunks(): HttpAnswer | undefined {
    let from = 0;
    for (;;) {
      const next = stepChunk(from);
      if (next === "end") return finish();
      if (next === "stuck") {
        rest = rest.slice(from);
        return undefined;
      }
      from = next;
    }
  }

  return {
    push(bytes) {
      rest += bytes.toString("latin1");
      if (head === undefined) {
        const end = rest.indexOf("\r\n\r\n");
        if (end === -1) return undefined;
        head = parseHead(rest.slice(0, end));
        rest = rest.slice(end + 4);
      }
      return head.length === -1 ? readChunks() : readLength(head.length);
    },
    received: () => body.length,
  };
}
