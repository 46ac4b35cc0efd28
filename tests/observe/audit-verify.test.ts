import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { appendFileSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { verifyAudit } from "../../src/observe/audit-verify.ts";
import { auditFilesOf, createAuditHouse, linesOf, TURN } from "./audit-support.ts";
import type { AuditHouse } from "./audit-support.ts";

let house: AuditHouse;
beforeEach(() => {
  house = createAuditHouse();
});
afterEach(() => house.remove());

/** 20 records in five files or so. */
async function write(): Promise<readonly string[]> {
  const audit = await house.open({ rotateBytes: 1_500 });
  for (let index = 0; index < 20; index += 1) audit.write({ ...TURN, model: `small-${index}` });
  await audit.close();
  const files = auditFilesOf(house.file);
  expect(files.length).toBeGreaterThan(3);
  return files;
}

function change(file: string, edit: (lines: string[]) => void): void {
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  edit(lines);
  writeFileSync(file, lines.map((line) => `${line}\n`).join(""));
}

describe("verify", () => {
  test("reads all files in order, and says where the chain stands", async () => {
    const files = await write();
    const last = linesOf(house.file).at(-1)!;
    expect(await verifyAudit(house.file)).toEqual({
      ok: true,
      files,
      records: 20,
      firstSeq: 1,
      lastSeq: 20,
      head: createHash("sha256").update(last).digest("hex"),
    });
  });

  test("finds nothing wrong with an empty audit, and no files where there is none", async () => {
    const audit = await house.open();
    await audit.close();
    expect(await verifyAudit(house.file)).toEqual({ ok: true, files: [house.file], records: 0 });
    expect(await verifyAudit(`${house.file}-none`)).toEqual({ ok: true, files: [], records: 0 });
    expect(await verifyAudit("/nowhere/at/all")).toMatchObject({ files: [] });
  });

  test("finds a record that was changed, in the middle and at the end of a file", async () => {
    const [oldest = "", next = ""] = await write();
    const intact = readFileSync(next, "utf8");
    change(next, (lines) => (lines[1] = lines[1]!.replace("small", "large")));
    expect((await verifyAudit(house.file)).firstBad).toEqual({
      file: next,
      line: 2,
      why: expect.stringMatching(/^is not as it was when record \d+ was written$/) as string,
    });
    writeFileSync(next, intact);
    const count = readFileSync(oldest, "utf8").split("\n").length - 1;
    change(oldest, (lines) => (lines[count - 1] = lines[count - 1]!.replace("POST", "GET")));
    expect((await verifyAudit(house.file)).firstBad).toMatchObject({ file: oldest, line: count });
  });

  test("finds a single bit that changed, wherever it is but in the last record", async () => {
    await write();
    const intact = readFileSync(house.file);
    const end = intact.lastIndexOf("\n", intact.length - 2) + 1;
    for (let position = 0; position < end; position += 7) {
      const bytes = Buffer.from(intact);
      bytes[position]! ^= 1;
      writeFileSync(house.file, bytes);
      expect(await verifyAudit(house.file)).toMatchObject({
        ok: false,
        firstBad: { file: house.file },
      });
    }
  });

  test("finds a record that was removed", async () => {
    const [, file = ""] = await write();
    change(file, (lines) => lines.splice(1, 1));
    const { firstBad } = await verifyAudit(house.file);
    expect(firstBad).toMatchObject({ file, line: 2 });
    expect(firstBad?.why).toMatch(/^is record (\d+): record \d+ is missing before it$/);
  });

  test("finds a file that was removed", async () => {
    const [, gone = "", after = ""] = await write();
    unlinkSync(gone);
    const { firstBad } = await verifyAudit(house.file);
    expect(firstBad).toMatchObject({ file: after, line: 1 });
    expect(firstBad?.why).toMatch(/records \d+ to \d+ are missing before it$/);
  });

  test("finds records in another order", async () => {
    const [, file = ""] = await write();
    change(file, (lines) => lines.reverse());
    expect(await verifyAudit(house.file)).toMatchObject({ ok: false, firstBad: { file, line: 1 } });
  });

  test("finds a record twice, and one that was put in", async () => {
    const [, file = ""] = await write();
    const intact = readFileSync(file, "utf8");
    change(file, (lines) => lines.splice(1, 0, lines[0]!));
    const { firstBad } = await verifyAudit(house.file);
    expect(firstBad).toMatchObject({ file, line: 2 });
    expect(firstBad?.why).toMatch(/^is record (\d+), and record \1 is before it$/);
    writeFileSync(file, intact);
    change(file, (lines) => lines.splice(1, 0, "", "{}"));
    expect(await verifyAudit(house.file)).toMatchObject({
      firstBad: { file, line: 2, why: "is no record" },
    });
  });

  test("finds a first record that claims another before it", async () => {
    const audit = await house.open();
    audit.write(TURN);
    await audit.close();
    change(house.file, (lines) => (lines[0] = lines[0]!.replace("0".repeat(64), "1".repeat(64))));
    expect(await verifyAudit(house.file)).toMatchObject({ ok: false, firstBad: { line: 1 } });
  });

  test("finds a line that is cut short, and one without an end", async () => {
    const audit = await house.open();
    audit.write(TURN);
    await audit.close();
    appendFileSync(house.file, '{"seq":2');
    expect(await verifyAudit(house.file)).toMatchObject({
      ok: false,
      records: 1,
      firstBad: { line: 2, why: expect.stringContaining("cut short") as string },
    });
    appendFileSync(house.file, "x".repeat(3_000_000));
    expect((await verifyAudit(house.file)).firstBad).toMatchObject({
      line: 2,
      why: "is no record",
    });
  });

  test("promises to set a cut line aside only where that is done: in the file that is written", async () => {
    const [oldest = ""] = await write();
    writeFileSync(oldest, readFileSync(oldest).subarray(0, -5));
    const { firstBad } = await verifyAudit(house.file);
    expect(firstBad).toMatchObject({ file: oldest, why: "is cut short" });
  });

  test("is right while another process writes and rotates", async () => {
    const child = join(import.meta.dir, "audit-child.ts");
    const writer = Bun.spawn(["bun", child, house.file, "100000"], { stdout: "pipe" });
    let checks = 0;
    let files = 0;
    // Each piece that it has said is one more check; it goes on writing meanwhile.
    for await (const _ of writer.stdout) {
      const result = await verifyAudit(house.file);
      expect(result).toMatchObject({ ok: true });
      checks += 1;
      files = result.files.length;
      if (checks >= 10 && files > 3) writer.kill("SIGKILL");
    }
    await writer.exited;
    expect(checks).toBeGreaterThanOrEqual(10);
    expect(files).toBeGreaterThan(3);
  });

  test("reads lines that lie across the pieces it reads", async () => {
    const audit = await house.open({ rotateBytes: 10_000_000 });
    for (let index = 0; index < 6_000; index += 1) {
      audit.write({ ...TURN, userAgent: "x".repeat(index % 500) });
    }
    expect(await verifyAudit(house.file)).toMatchObject({ ok: true, records: 6_000 });
  });
});
