import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, unlinkSync, writeFileSync } from "node:fs";

import { tailAudit } from "../../src/observe/audit-tail.ts";
import { createAuditHouse, linesOf, TURN } from "./audit-support.ts";
import type { AuditHouse } from "./audit-support.ts";

let house: AuditHouse;
beforeEach(() => {
  house = createAuditHouse();
});
afterEach(() => house.remove());

const seqOf = (line: string) => (JSON.parse(line) as { seq: number }).seq;

describe("the tail", () => {
  test.each([0, 1, 3, 19, 20, 50])("has the last %d records, across files", async (count) => {
    const audit = await house.open({ rotateBytes: 1_500 });
    for (let index = 0; index < 20; index += 1) audit.write(TURN);
    const tail = await tailAudit(house.file, count);
    tail.close();
    const all = linesOf(house.file);
    expect(tail.lines).toEqual(count === 0 ? [] : all.slice(-count));
  });

  test("reads back further than one piece", async () => {
    const audit = await house.open({ rotateBytes: 1_000_000 });
    for (let index = 0; index < 500; index += 1) audit.write({ ...TURN, model: "x".repeat(400) });
    const tail = await tailAudit(house.file, 400);
    tail.close();
    expect(tail.lines.map(seqOf)).toEqual(Array.from({ length: 400 }, (_, index) => index + 101));
  });

  test("goes along over rotations, each record once", async () => {
    const audit = await house.open({ rotateBytes: 1_500 });
    const tail = await tailAudit(house.file, 20);
    const seen = tail.lines.map(seqOf);
    for (const count of [1, 0, 3, 7, 25, 1, 60]) {
      for (let index = 0; index < count; index += 1) audit.write(TURN);
      seen.push(...(await tail.more()).map(seqOf));
    }
    tail.close();
    expect(seen).toEqual(Array.from({ length: 97 }, (_, index) => index + 1));
  });

  test("goes on when files that it had not read yet are gone", async () => {
    const audit = await house.open({ rotateBytes: 1_500, keep: 1 });
    audit.write(TURN);
    const tail = await tailAudit(house.file, 1);
    for (let index = 0; index < 40; index += 1) audit.write(TURN);
    const seen = (await tail.more()).map(seqOf);
    tail.close();
    expect(seen.at(-1)).toBe(41);
    expect(seen).toEqual(
      Array.from({ length: seen.length }, (_, index) => 42 - seen.length + index),
    );
  });

  test("waits for the end of a line, and for the file", async () => {
    mkdirSync(house.folder);
    const tail = await tailAudit(house.file, 20);
    expect(tail.lines).toEqual([]);
    expect(await tail.more()).toEqual([]);
    writeFileSync(house.file, "one\ntw");
    expect(await tail.more()).toEqual(["one"]);
    appendFileSync(house.file, "o\n");
    expect(await tail.more()).toEqual(["two"]);
    unlinkSync(house.file);
    expect(await tail.more()).toEqual([]);
    writeFileSync(house.file, "three\n");
    expect(await tail.more()).toEqual(["three"]);
    tail.close();
  });
});
