// Checks an audit from its oldest record to its newest: every line a record, every record following the one before.
// Reads only, and may run beside the server.

import { closeParts, openParts, readAt } from "./audit-read.ts";
import type { AuditPart } from "./audit-read.ts";
import { CHAIN_START, hashLine, LONGEST_LINE_BYTES, readLink } from "./audit-record.ts";
import type { RecordLink } from "./audit-record.ts";

export interface BadRecord {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly why: string;
}

export interface Verification {
  readonly ok: boolean;
  /** How many records were read, up to the first bad one. */
  readonly records: number;
  /** The files, the oldest first. */
  readonly files: readonly string[];
  /** Above 1: older records are gone, by `audit.keep` or by hand. */
  readonly firstSeq?: number;
  readonly lastSeq?: number;
  /** SHA-256 of the last record: whoever notes it elsewhere can tell later that nothing up to it was changed. */
  readonly head?: string;
  readonly firstBad?: BadRecord;
}

const CHUNK_BYTES = 1_048_576;
const LINE_FEED = 10;
const CUT_SHORT = "is cut short";

/** @throws the system's error when a file cannot be read */
export async function verifyAudit(file: string): Promise<Verification> {
  const parts = openParts(file);
  const files = parts.map(({ path }) => path);
  const chain = createChainCheck();
  try {
    let firstBad: BadRecord | undefined;
    for (const part of parts) firstBad ??= await verifyPart(chain, part, part === parts.at(-1));
    firstBad ??= chain.end();
    return {
      ok: firstBad === undefined,
      files,
      ...chain.facts(),
      ...(firstBad !== undefined && { firstBad }),
    };
  } finally {
    closeParts(parts);
  }
}

async function verifyPart(
  chain: ChainCheck,
  { path: file, descriptor }: AuditPart,
  isNewest: boolean,
): Promise<BadRecord | undefined> {
  let line = 0;
  let rest: Uint8Array = new Uint8Array(0);
  for await (const chunk of chunksOf(descriptor)) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, start)) {
      line += 1;
      const bad = chain.take(bytes.subarray(start, end), { file, line });
      if (bad !== undefined) return bad;
      start = end + 1;
    }
    // Copied: the chunk's memory is used again.
    rest = new Uint8Array(bytes.subarray(start));
    if (rest.length > LONGEST_LINE_BYTES) break;
  }
  if (rest.length === 0) return undefined;
  const why = isNewest
    ? `${CUT_SHORT}; the next start of the server sets such a line aside`
    : CUT_SHORT;
  return { file, line: line + 1, why: rest.length > LONGEST_LINE_BYTES ? "is no record" : why };
}

/** To the end of the file, and once more: a server may have been in the middle of a line. */
async function* chunksOf(descriptor: number): AsyncGenerator<Uint8Array> {
  const chunk = new Uint8Array(CHUNK_BYTES);
  let position = 0;
  for (let ends = 0; ends < 2;) {
    const count = await readAt(descriptor, chunk, position);
    if (count === 0) ends += 1;
    else yield chunk.subarray(0, count);
    position += count;
  }
}

type Place = Omit<BadRecord, "why">;

interface ChainCheck {
  take(line: Uint8Array, place: Place): BadRecord | undefined;
  /** What is still open when no line follows. */
  end(): BadRecord | undefined;
  facts(): Omit<Verification, "ok" | "files" | "firstBad">;
}

interface Seen {
  readonly seq: number;
  readonly hash: string;
  readonly place: Place;
}

function createChainCheck(): ChainCheck {
  let records = 0;
  let firstSeq: number | undefined;
  let last: Seen | undefined;
  /** Two records that do not fit: the one after them says which of the two was changed. */
  let doubt:
    { readonly before: BadRecord; readonly after: BadRecord; readonly hash: string } | undefined;

  function take(line: Uint8Array, place: Place): BadRecord | undefined {
    const link = readLink(line);
    if (doubt !== undefined) return link?.prev === doubt.hash ? doubt.before : doubt.after;
    if (link === undefined) return { ...place, why: "is no record" };
    const bad = last === undefined ? badStart(link, place) : badNumber(link, place, last);
    if (bad !== undefined) return bad;
    const hash = hashLine(line);
    if (last !== undefined && link.prev !== last.hash) {
      const before = { ...last.place, why: `is not as it was when record ${link.seq} was written` };
      doubt = { before, after: { ...place, why: "is not as it was written" }, hash };
      return undefined;
    }
    records += 1;
    firstSeq ??= link.seq;
    last = { seq: link.seq, hash, place };
    return undefined;
  }

  return {
    take,
    end: () => doubt?.before,
    facts: () => ({
      records,
      ...(firstSeq !== undefined && { firstSeq }),
      ...(last !== undefined && { lastSeq: last.seq, head: last.hash }),
    }),
  };
}

/** The oldest record that is left may hold the hash of one that is gone. */
function badStart({ seq, prev }: RecordLink, place: Place): BadRecord | undefined {
  if (seq > 1 || prev === CHAIN_START.hash) return undefined;
  return { ...place, why: "is record 1, and claims that there was one before it" };
}

function badNumber({ seq }: RecordLink, place: Place, last: Seen): BadRecord | undefined {
  const next = last.seq + 1;
  if (seq === next) return undefined;
  if (seq < next) return { ...place, why: `is record ${seq}, and record ${last.seq} is before it` };
  const gap = seq === next + 1 ? `record ${next} is` : `records ${next} to ${seq - 1} are`;
  return { ...place, why: `is record ${seq}: ${gap} missing before it` };
}
