import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

import { AppError } from "../../src/core/error.ts";
import { verifyAudit } from "../../src/observe/audit-verify.ts";
import type { AuditFile } from "../../src/observe/audit.ts";
import { createAuditHouse, createFaultyDisk, TURN } from "./audit-support.ts";
import type { AuditHouse, FaultyDisk } from "./audit-support.ts";

let house: AuditHouse;
let disk: FaultyDisk;
let audit: AuditFile;
beforeEach(async () => {
  house = createAuditHouse();
  disk = createFaultyDisk();
  audit = await house.open({ fs: disk.fs });
  disk.calls.length = 0;
});
afterEach(() => house.remove());

function failureOf(work: () => void): AppError {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const eventsOf = () => house.records().map(({ event }) => event);

describe("a disk that fails", () => {
  test.each([
    ["ENOSPC", "the disk is full"],
    ["EDQUOT", "the disk is full"],
    ["EROFS", "the file system is read-only"],
    ["EIO", "the disk fails"],
    ["EACCES", "permission denied"],
    ["EBADF", "the system says EBADF"],
  ])("with %s refuses, without a path, and recovers by itself", async (code, reason) => {
    audit.write(TURN);
    disk.faults.write = code;
    const error = failureOf(() => audit.write(TURN));
    expect(error.code).toBe("audit_unavailable");
    expect(error.message).toContain(reason);
    expect(error.message).not.toContain("/");
    await expect(audit.writeThrough(TURN)).rejects.toMatchObject({ code: "audit_unavailable" });
    expect(audit.status()).toMatchObject({ healthy: false, lastError: reason, seq: 1 });
    delete disk.faults.write;
    audit.write({ ...TURN, requestId: "turn_2" });
    expect(audit.status()).toEqual({ healthy: true, seq: 3, unsynced: 3, waiting: 0 });
    expect(house.records()).toMatchObject([
      { seq: 1 },
      {
        seq: 2,
        event: "audit_interrupted",
        error_details: `${reason}; 2 records refused; 0 lost`,
      },
      { seq: 3, request_id: "turn_2" },
    ]);
    expect(house.log.lines.map(({ level }) => level)).toEqual(["error", "warn"]);
  });

  test("when it is full for real, says so too", () => {
    const full = openSync("/dev/full", "w");
    const { write } = disk.fs;
    Object.assign(disk.fs, {
      write: (_: number, bytes: Uint8Array, start: number) => writeSync(full, bytes, start),
    });
    expect(failureOf(() => audit.write(TURN)).message).toContain("the disk is full");
    closeSync(full);
    Object.assign(disk.fs, { write });
    audit.write(TURN);
    expect(eventsOf()).toEqual(["audit_interrupted", "model_request"]);
  });

  test.each([0, 1, 100, 200])(
    "that takes %d bytes of a record keeps none of them",
    async (room) => {
      audit.write(TURN);
      const before = readFileSync(house.file, "utf8");
      disk.room = room;
      expect(() => audit.write(TURN)).toThrow("the disk is full");
      expect(readFileSync(house.file, "utf8")).toBe(before);
      disk.room = undefined;
      audit.write(TURN);
      expect(await verifyAudit(house.file)).toMatchObject({ ok: true, records: 3 });
    },
  );

  test("that cannot even cut a part off again does so before the next record", async () => {
    audit.write(TURN);
    disk.room = 100;
    disk.faults.truncate = "EIO";
    expect(() => audit.write(TURN)).toThrow();
    expect(readFileSync(house.file, "utf8")).not.toEndWith("\n");
    disk.room = undefined;
    expect(() => audit.write(TURN)).toThrow("the disk fails");
    delete disk.faults.truncate;
    audit.write(TURN);
    expect(await verifyAudit(house.file)).toMatchObject({ ok: true, records: 3 });
    expect(house.torn()).toEqual([]);
  });

  test("cuts off what it added, not what somebody else did", async () => {
    audit.write(TURN);
    const record = readFileSync(house.file, "utf8");
    appendFileSync(house.file, "me too\n");
    disk.room = 100;
    expect(() => audit.write(TURN)).toThrow();
    disk.room = undefined;
    expect(readFileSync(house.file, "utf8")).toBe(`${record}me too\n`);
  });

  test("and a part that stays until the server ends is set aside at the next start", async () => {
    disk.room = 100;
    disk.faults.truncate = "EIO";
    expect(() => audit.write(TURN)).toThrow();
    await audit.close();
    await house.open();
    expect(house.torn()).toHaveLength(1);
    expect(eventsOf()).toEqual(["audit_recovered"]);
  });

  test("keeps nobody from closing", async () => {
    disk.faults.write = "EIO";
    expect(() => audit.write(TURN)).toThrow();
    audit.writeWhenPossible(TURN);
    await audit.close();
    expect(house.log.lines.at(-1)).toMatchObject({ level: "error", fields: { missing: 1 } });
    expect(house.clock.pending).toBe(0);
    const next = await house.open();
    next.write(TURN);
    expect(house.records()).toHaveLength(1);
  });

  test("at the start is one error that names the file", async () => {
    await audit.close();
    disk.faults.open = "EROFS";
    await expect(house.open({ fs: disk.fs })).rejects.toThrow(
      `The audit ${house.file} cannot be written (the file system is read-only)`,
    );
    delete disk.faults.open;
    disk.faults.sync = "EIO";
    await expect(house.open({ fs: disk.fs })).rejects.toMatchObject({ code: "audit_unavailable" });
    delete disk.faults.sync;
    // Whatever failed gave the lock back.
    await house.open({ fs: disk.fs });
  });

  test("is well again a second after it can be, without a request", () => {
    disk.faults.write = "ENOSPC";
    expect(() => audit.write(TURN)).toThrow();
    house.clock.advance(1_000);
    expect(audit.status().healthy).toBe(false);
    delete disk.faults.write;
    house.clock.advance(1_000);
    expect(audit.status()).toMatchObject({ healthy: true, seq: 1 });
    expect(eventsOf()).toEqual(["audit_interrupted"]);
    expect(house.records()[0]).toMatchObject({ processing_time_ms: 2_000 });
  });
});

/** The fake clock's moments are as long as what is under way. */
const endOfMoment = (): Promise<void> => Promise.resolve();

describe("what cannot be refused any more", () => {
  test("is kept with its time, and written first when it can be", async () => {
    disk.faults.write = "ENOSPC";
    audit.writeWhenPossible({ ...TURN, event: "session_revoked" });
    house.clock.advance(500);
    audit.writeWhenPossible({ ...TURN, event: "turn_ended" });
    await endOfMoment();
    expect(audit.status()).toMatchObject({ healthy: false, waiting: 2, seq: 0 });
    delete disk.faults.write;
    audit.write(TURN);
    expect(house.records()).toMatchObject([
      { event: "session_revoked", monotonic_ms: 0 },
      { event: "turn_ended", monotonic_ms: 500 },
      { event: "audit_interrupted", error_details: "the disk is full; 0 records refused; 0 lost" },
      { event: "model_request" },
    ]);
    expect(audit.status().waiting).toBe(0);
  });

  test("is written at the end of the moment on a disk that is well, in one piece", async () => {
    audit.writeWhenPossible(TURN);
    audit.writeWhenPossible({ ...TURN, event: "turn_ended" });
    expect(disk.calls).toEqual([]);
    await endOfMoment();
    expect(disk.calls).toEqual(["write"]);
    expect(eventsOf()).toEqual(["model_request", "turn_ended"]);
  });

  test("is written before what comes later and cannot wait", async () => {
    audit.writeWhenPossible({ ...TURN, event: "turn_ended" });
    audit.write(TURN);
    expect(eventsOf()).toEqual(["turn_ended", "model_request"]);
    await endOfMoment();
    expect(disk.calls).toEqual(["write"]);
  });

  test("can be waited for until it is on the disk, or known not to be", async () => {
    audit.writeWhenPossible(TURN);
    expect(await audit.synced()).toBe(true);
    expect(disk.calls).toEqual(["write", "sync"]);
    disk.faults.write = "ENOSPC";
    audit.writeWhenPossible(TURN);
    expect(await audit.synced()).toBe(false);
    delete disk.faults.write;
    disk.faults.sync = "EIO";
    audit.writeWhenPossible(TURN);
    expect(await audit.synced()).toBe(false);
  });

  test("is counted when there is too much of it", async () => {
    disk.faults.write = "ENOSPC";
    for (let index = 0; index < 1_030; index += 1) audit.writeWhenPossible(TURN);
    await endOfMoment();
    expect(audit.status().waiting).toBe(1_024);
    delete disk.faults.write;
    house.clock.advance(1_000);
    expect(house.records().at(-1)).toMatchObject({
      seq: 1_025,
      error_details: "the disk is full; 0 records refused; 6 lost",
    });
  });

  test("is written before the end, if the disk is well by then", async () => {
    disk.faults.write = "ENOSPC";
    audit.writeWhenPossible(TURN);
    await endOfMoment();
    delete disk.faults.write;
    await audit.close();
    expect(eventsOf()).toEqual(["model_request", "audit_interrupted"]);
  });
});

describe("what is written together", () => {
  test("is in the file when it resolves, and one write for all of a moment", async () => {
    const first = audit.writeTogether(TURN);
    const second = audit.writeTogether({ ...TURN, requestId: "turn_2" });
    expect(house.records()).toEqual([]);
    await Promise.all([first, second]);
    expect(disk.calls).toEqual(["write"]);
    expect(house.records().map((record) => record["request_id"])).toEqual(["turn_1", "turn_2"]);
  });

  test("is refused together on a full disk, and nothing of it is written later", async () => {
    disk.faults.write = "ENOSPC";
    const both = [audit.writeTogether(TURN), audit.writeTogether(TURN)];
    const refused = { status: "rejected", reason: { code: "audit_unavailable" } };
    expect(await Promise.allSettled(both)).toMatchObject([refused, refused]);
    delete disk.faults.write;
    house.clock.advance(1_000);
    expect(eventsOf()).toEqual(["audit_interrupted"]);
    expect(house.records()[0]).toMatchObject({
      error_details: "the disk is full; 2 records refused; 0 lost",
    });
  });

  test("is refused after the end, and written when the end comes first", async () => {
    const last = audit.writeTogether(TURN);
    await audit.close();
    await last;
    expect(eventsOf()).toEqual(["model_request"]);
    await expect(audit.writeTogether(TURN)).rejects.toThrow("it is closed");
  });
});

describe("the sync", () => {
  test("comes before writeThrough resolves, and after its write", async () => {
    await audit.writeThrough(TURN);
    expect(disk.calls).toEqual(["write", "sync"]);
    expect(audit.status().unsynced).toBe(0);
  });

  test("of a new file includes its name in the folder", async () => {
    await audit.close();
    const { file } = house;
    const other = await house.open({ fs: disk.fs, file: `${file}-other` });
    disk.calls.length = 0;
    await other.writeThrough(TURN);
    expect(disk.calls).toEqual(["write", "sync"]);
    renameSync(`${file}-other`, `${file}-moved`);
    house.clock.advance(10);
    disk.calls.length = 0;
    await other.writeThrough(TURN);
    expect(disk.calls).toEqual(["write", "sync", "sync", "syncFolder"]);
  });

  test("that runs does not count for what is written meanwhile", async () => {
    const gate = Promise.withResolvers<void>();
    disk.gate = gate.promise;
    const first = audit.writeThrough(TURN);
    const second = audit.writeThrough(TURN);
    let isSecondDone = false;
    void second.then(() => (isSecondDone = true));
    expect(disk.calls).toEqual(["write", "write"]);
    gate.resolve();
    await first;
    expect(isSecondDone).toBe(false);
    await second;
    expect(disk.calls).toEqual(["write", "write", "sync", "sync"]);
  });

  test("of many is one", async () => {
    const gate = Promise.withResolvers<void>();
    disk.gate = gate.promise;
    const all = Array.from({ length: 50 }, () => audit.writeThrough(TURN));
    gate.resolve();
    await Promise.all(all);
    expect(disk.calls.filter((call) => call === "sync")).toHaveLength(2);
  });

  test("begins early enough to be done in 100 ms, and none is due when nothing is written", async () => {
    expect(house.clock.pending).toBe(0);
    audit.write(TURN);
    house.clock.advance(79);
    audit.write(TURN);
    expect(house.clock.pending).toBe(1);
    house.clock.advance(1);
    expect(house.clock.pending).toBe(0);
    await audit.writeThrough(TURN);
    expect(disk.calls).toEqual(["write", "write", "write", "sync", "sync"]);
    expect(house.clock.pending).toBe(0);
  });

  test("begins at once when 256 records wait", async () => {
    const gate = Promise.withResolvers<void>();
    disk.gate = gate.promise;
    for (let index = 0; index < 255; index += 1) audit.write(TURN);
    expect(house.clock.pending).toBe(1);
    audit.write(TURN);
    expect(house.clock.pending).toBe(0);
    gate.resolve();
    await audit.writeThrough(TURN);
    expect(disk.calls.filter((call) => call === "sync")).toHaveLength(2);
  });

  test("that fails refuses who waits for it, and all others until one succeeds", async () => {
    disk.faults.sync = "EIO";
    disk.faults.syncNow = "EIO";
    await expect(audit.writeThrough(TURN)).rejects.toMatchObject({ code: "audit_unavailable" });
    expect(audit.status()).toMatchObject({ healthy: false, lastError: "the disk fails" });
    expect(() => audit.write(TURN)).toThrow("the disk fails");
    delete disk.faults.sync;
    delete disk.faults.syncNow;
    disk.calls.length = 0;
    await audit.writeThrough(TURN);
    expect(disk.calls).toEqual(["syncNow", "write", "sync"]);
    expect(house.records()[1]).toMatchObject({
      event: "audit_interrupted",
      error_details: expect.stringContaining("may be missing after a power loss"),
    });
  });

  test("in the background that fails stops the next write", async () => {
    disk.faults.sync = "EIO";
    disk.faults.syncNow = "EIO";
    audit.write(TURN);
    house.clock.advance(80);
    // The next sync fails too, after the one that the timer began.
    await expect(audit.writeThrough(TURN)).rejects.toBeInstanceOf(AppError);
    expect(() => audit.write(TURN)).toThrow("the disk fails");
  });

  test("is the last thing before the end", async () => {
    audit.write(TURN);
    await audit.close();
    expect(disk.calls).toEqual(["write", "sync"]);
  });

  test("that fails at the end is said, and the file is given back", async () => {
    audit.write(TURN);
    disk.faults.sync = "EIO";
    await expect(audit.close()).rejects.toMatchObject({ code: "audit_unavailable" });
    await house.open();
  });
});

/** Mounting is allowed in a user namespace of one's own, where there are such. */
const canMount =
  existsSync("/usr/bin/unshare") &&
  Bun.spawnSync(["unshare", "-Urm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).exitCode === 0;

describe.skipIf(!canMount)("a real file system", () => {
  test("that fills up 20 times keeps a chain that is whole, and every record that it took", async () => {
    const child = Bun.spawnSync([
      "unshare",
      "-Urm",
      "sh",
      "-c",
      'mount -t tmpfs -o size=128k,mode=700 tmpfs /mnt && exec "$0" "$@"',
      process.execPath,
      join(import.meta.dir, "audit-full-child.ts"),
      "/mnt/audit.jsonl",
    ]);
    expect(child.stderr.toString()).toBe("");
    const rounds = JSON.parse(child.stdout.toString()) as {
      taken: number;
      found: number;
      ok: boolean;
      code: string;
      healthy: boolean;
    }[];
    expect(rounds).toHaveLength(20);
    for (const round of rounds) {
      expect(round).toMatchObject({ ok: true, code: "audit_unavailable", healthy: true });
      expect(round.taken).toBeGreaterThan(0);
      expect(round.found).toBe(round.taken);
    }
  });
});
