// Folders, logs and disks for the tests of the audit, and a check of the chain that shares no code with it.

import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

import type { AuditEntry, Log } from "../../src/core/ports.ts";
import { createAuditFs } from "../../src/observe/audit-fs.ts";
import type { AuditFs } from "../../src/observe/audit-fs.ts";
import { openAudit } from "../../src/observe/audit.ts";
import type { AuditFile, AuditSettings } from "../../src/observe/audit.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import type { FakeClock } from "../support/fake-clock.ts";

export type AuditLine = Readonly<Record<string, unknown>> & {
  readonly seq: number;
  readonly event: string;
};

export const TURN: AuditEntry = {
  eventType: "REQUEST",
  event: "model_request",
  requestId: "turn_1",
  endpoint: "/v1/chat/completions",
  method: "POST",
};

export interface ListeningLog extends Log {
  readonly lines: { readonly level: string; readonly message: string; readonly fields: object }[];
}

export function createListeningLog(): ListeningLog {
  const lines: ListeningLog["lines"] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, fields });
  return { lines, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

export interface AuditHouse {
  readonly folder: string;
  readonly file: string;
  readonly clock: FakeClock;
  readonly log: ListeningLog;
  open(settings?: Partial<AuditSettings>): Promise<AuditFile>;
  /** All records, the oldest first, in rotated files too. Fails when the chain does. */
  records(): readonly AuditLine[];
  /** Names of what is set aside. */
  torn(): readonly string[];
  remove(): Promise<void>;
}

/** A folder with an audit in it. What was opened is closed by `remove`. */
export function createAuditHouse(): AuditHouse {
  const home = mkdtempSync(join(tmpdir(), "mlp-audit-"));
  const folder = join(home, "state");
  const file = join(folder, "audit.jsonl");
  const clock = createFakeClock();
  const log = createListeningLog();
  const opened: AuditFile[] = [];
  return {
    folder,
    file,
    clock,
    log,
    async open(settings = {}) {
      const usual = { file, clock, log, rotateBytes: 1_000_000, keep: 0 };
      const audit = await openAudit({ ...usual, ...settings });
      opened.push(audit);
      return audit;
    },
    records: () => checkedRecords(file),
    torn: () => readdirSync(folder).filter((name) => name.includes(".torn-")),
    async remove() {
      await Promise.allSettled(opened.map((audit) => audit.close()));
      rmSync(home, { recursive: true });
    },
  };
}

export function auditFilesOf(file: string): readonly string[] {
  const start = `${basename(file)}.`;
  const numbers = readdirSync(dirname(file))
    .filter((name) => name.startsWith(start) && /^\d+$/.test(name.slice(start.length)))
    .map((name) => Number(name.slice(start.length)));
  const rotated = numbers.toSorted((a, b) => b - a).map((number) => `${file}.${number}`);
  return existsSync(file) ? [...rotated, file] : rotated;
}

export function linesOf(file: string): readonly string[] {
  return auditFilesOf(file).flatMap((path) => {
    const text = readFileSync(path, "utf8");
    if (text !== "" && !text.endsWith("\n")) throw new Error(`${path} ends in a torn line`);
    return text.split("\n").slice(0, -1);
  });
}

function checkedRecords(file: string): readonly AuditLine[] {
  let previous: { readonly seq: number; readonly hash: string } | undefined;
  return linesOf(file).map((line) => {
    const record = JSON.parse(line) as AuditLine;
    const expected = previous?.hash ?? (record.seq === 1 ? "0".repeat(64) : record["prev"]);
    if (record["prev"] !== expected) throw new Error(`record ${record.seq} is not linked`);
    if (previous !== undefined && record.seq !== previous.seq + 1) {
      throw new Error(`record ${record.seq} follows ${previous.seq}`);
    }
    previous = { seq: record.seq, hash: createHash("sha256").update(line).digest("hex") };
    return record;
  });
}

/** An error as the system makes it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made up by the test`), { code });
}

export interface FaultyDisk {
  readonly fs: AuditFs;
  /** Set: the call of this name throws it, until it is taken away. */
  readonly faults: Partial<Record<keyof AuditFs, string>>;
  /** How many bytes one write takes before it stops; `undefined`: all. */
  room: number | undefined;
  /** The calls that matter for durability, in their order, each when it ended. */
  readonly calls: string[];
  /** Set: `sync` waits for it. */
  gate: Promise<void> | undefined;
}

/** The real disk, made to fail on demand. */
export function createFaultyDisk(): FaultyDisk {
  const real = createAuditFs();
  const disk: FaultyDisk = {
    faults: {},
    room: undefined,
    calls: [],
    gate: undefined,
    fs: {
      ...real,
      open: (path, flags, mode) => (check("open"), real.open(path, flags, mode)),
      find: (path) => (check("find"), real.find(path)),
      rename: (from, to) => (check("rename"), real.rename(from, to)),
      remove: (path) => (check("remove"), real.remove(path)),
      truncate: (file, size) => (check("truncate"), real.truncate(file, size)),
      syncNow: (file) => {
        check("syncNow");
        real.syncNow(file);
        disk.calls.push("syncNow");
      },
      write: (file, bytes, start) => {
        if (disk.room === undefined) check("write");
        else if (disk.room === 0) throw systemError("ENOSPC");
        const part = disk.room === undefined ? bytes : bytes.subarray(0, start + disk.room);
        const count = real.write(file, part, start);
        if (disk.room !== undefined) disk.room -= Math.min(disk.room, count);
        disk.calls.push("write");
        return count;
      },
      sync: async (file) => {
        await disk.gate;
        check("sync");
        await real.sync(file);
        disk.calls.push("sync");
      },
      syncFolder: async (folder) => {
        check("syncFolder");
        await real.syncFolder(folder);
        disk.calls.push("syncFolder");
      },
    },
  };
  function check(name: keyof AuditFs): void {
    const code = disk.faults[name];
    if (code !== undefined) throw systemError(code);
  }
  return disk;
}
