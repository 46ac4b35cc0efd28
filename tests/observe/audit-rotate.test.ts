import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";

import { verifyAudit } from "../../src/observe/audit-verify.ts";
import { auditFilesOf, createAuditHouse, createFaultyDisk, TURN } from "./audit-support.ts";
import type { AuditHouse } from "./audit-support.ts";

let house: AuditHouse;
beforeEach(() => {
  house = createAuditHouse();
});
afterEach(() => house.remove());

describe("rotation", () => {
  test("loses nothing in 100 rotations under load", async () => {
    const audit = await house.open({ rotateBytes: 2_000 });
    const asked: Promise<void>[] = [];
    for (let index = 0; auditFilesOf(house.file).length <= 100; index += 1) {
      if (index % 5 === 0) asked.push(audit.writeThrough({ ...TURN, requestId: `turn_${index}` }));
      else audit.write({ ...TURN, requestId: `turn_${index}` });
      if (index % 50 === 0) await Promise.resolve();
    }
    await Promise.all(asked);
    const records = house.records();
    expect(records.map((record) => record["request_id"])).toEqual(
      records.map((_, index) => `turn_${index}`),
    );
    expect(records).toHaveLength(audit.status().seq);
    for (const path of auditFilesOf(house.file)) {
      expect(statSync(path).size).toBeLessThanOrEqual(2_000);
      expect(statSync(path).mode & 0o777).toBe(0o600);
    }
    expect(await verifyAudit(house.file)).toMatchObject({ ok: true, records: records.length });
  });

  test("keeps so many files and no more, and what is left verifies", async () => {
    const audit = await house.open({ rotateBytes: 2_000, keep: 3 });
    for (let index = 0; index < 100; index += 1) audit.write(TURN);
    expect(readdirSync(house.folder).toSorted()).toEqual([
      "audit.jsonl",
      "audit.jsonl.1",
      "audit.jsonl.2",
      "audit.jsonl.3",
      "audit.jsonl.lock",
    ]);
    const result = await verifyAudit(house.file);
    expect(result).toMatchObject({ ok: true, lastSeq: 100, files: { length: 4 } });
    expect(result.firstSeq).toBeGreaterThan(1);
  });

  test("syncs the old file before it is renamed", async () => {
    const disk = createFaultyDisk();
    const audit = await house.open({ rotateBytes: 600, fs: disk.fs });
    audit.write(TURN);
    audit.write(TURN);
    disk.calls.length = 0;
    await audit.writeThrough(TURN);
    expect(disk.calls).toEqual(["syncNow", "write", "sync", "sync", "syncFolder"]);
  });

  test("goes on from the newest file after a restart in which the current one is missing or empty", async () => {
    const first = await house.open();
    first.write(TURN);
    await first.close();
    renameSync(house.file, `${house.file}.1`);
    // A program that reads logs may have been let in by hand.
    chmodSync(`${house.file}.1`, 0o640);
    const second = await house.open();
    await second.close();
    expect(statSync(house.file).size).toBe(0);
    const third = await house.open();
    third.write(TURN);
    expect(house.records().map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test("loses nothing when it is cut short between any two renames", async () => {
    const disk = createFaultyDisk();
    const real = disk.fs.rename;
    let audit = await house.open({ rotateBytes: 600, fs: disk.fs });
    for (let index = 0; index < 12; index += 1) audit.write(TURN);
    const files = auditFilesOf(house.file).length;
    expect(files).toBeGreaterThan(5);
    for (let allowed = 0; allowed < files; allowed += 1) {
      let left = allowed;
      const rename: typeof real = (from, to) => {
        if (left === 0) throw Object.assign(new Error("cut"), { code: "EIO" });
        left -= 1;
        real(from, to);
      };
      Object.assign(disk.fs, { rename });
      // Until the rotation is met: a file may have room for one more.
      for (let index = 0; index < 3; index += 1) audit.writeWhenPossible(TURN);
      await audit.close().catch(() => undefined);
      Object.assign(disk.fs, { rename: real });
      audit = await house.open({ rotateBytes: 600, fs: disk.fs });
      expect((await verifyAudit(house.file)).ok).toBe(true);
      audit.write(TURN);
      audit.write(TURN);
    }
    expect(house.records()).toHaveLength(audit.status().seq);
  });

  test("that fails refuses the record, and is made up for", async () => {
    const disk = createFaultyDisk();
    const audit = await house.open({ rotateBytes: 600, fs: disk.fs });
    audit.write(TURN);
    audit.write(TURN);
    disk.faults.rename = "EROFS";
    expect(() => audit.write(TURN)).toThrow("read-only");
    expect(house.records()).toHaveLength(2);
    delete disk.faults.rename;
    audit.write(TURN);
    expect(
      house
        .records()
        .map(({ event }) => event)
        .slice(2),
    ).toEqual(["audit_interrupted", "model_request"]);
    expect(auditFilesOf(house.file).length).toBeGreaterThan(1);
  });

  test("goes on when an old file cannot be removed", async () => {
    const disk = createFaultyDisk();
    disk.faults.remove = "EPERM";
    const audit = await house.open({ rotateBytes: 600, keep: 1, fs: disk.fs });
    for (let index = 0; index < 9; index += 1) audit.write(TURN);
    expect(house.records()).toHaveLength(9);
    expect(house.log.lines[0]).toMatchObject({ level: "warn" });
    expect(audit.status().healthy).toBe(true);
  });

  test("leaves other people's files alone", async () => {
    const audit = await house.open({ rotateBytes: 600, keep: 1 });
    const others = ["audit.jsonl.0", "audit.jsonl.01", "audit.jsonl.2x", "audit.jsonl2"];
    for (const name of others) writeFileSync(`${house.folder}/${name}`, name);
    for (let index = 0; index < 9; index += 1) audit.write(TURN);
    for (const name of others) expect(readFileSync(`${house.folder}/${name}`, "utf8")).toBe(name);
  });
});
