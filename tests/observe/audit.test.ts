import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { verifyAudit } from "../../src/observe/audit-verify.ts";
import { auditFileOf, openForAppending } from "../../src/observe/audit-files.ts";
import { createAuditFs } from "../../src/observe/audit-fs.ts";
import { createAuditHouse, TURN } from "./audit-support.ts";
import type { AuditHouse } from "./audit-support.ts";

let house: AuditHouse;
beforeEach(() => {
  house = createAuditHouse();
});
afterEach(() => house.remove());

const eventsOf = () => house.records().map(({ event }) => event);

describe("the audit", () => {
  test("has a record in its file before write returns", async () => {
    const audit = await house.open();
    audit.write(TURN);
    expect(house.records()).toMatchObject([
      { seq: 1, event_type: "REQUEST", request_id: "turn_1" },
    ]);
    audit.write({ ...TURN, requestId: "turn_2" });
    expect(house.records()).toHaveLength(2);
    expect(audit.status()).toEqual({ healthy: true, seq: 2, unsynced: 2, waiting: 0 });
  });

  test("goes on with the chain after a restart", async () => {
    const first = await house.open();
    first.write(TURN);
    await first.writeThrough(TURN);
    await first.close();
    const second = await house.open();
    expect(second.status().seq).toBe(2);
    second.write(TURN);
    expect(house.records().map(({ seq }) => seq)).toEqual([1, 2, 3]);
  });

  test("takes both clocks from the same moment", async () => {
    const audit = await house.open();
    house.clock.advance(1_500);
    audit.write(TURN);
    expect(house.records()[0]).toMatchObject({
      timestamp: "2023-11-14T22:13:21.500Z",
      monotonic_ms: 1_500,
    });
  });

  test("has secrets taken out of every line by the censor, and links what is written", async () => {
    const audit = await house.open({ censor: (line) => line.replaceAll("mlp_secret", "***") });
    audit.write({ ...TURN, userAgent: "mlp_secret", endpoint: "/k/mlp_secret/v1" });
    audit.write(TURN);
    expect(house.records()[0]).toMatchObject({ user_agent: "***", endpoint: "/k/***/v1" });
    expect(readFileSync(house.file, "utf8")).not.toContain("mlp_secret");
  });

  test("closes once, and takes nothing afterwards", async () => {
    const audit = await house.open();
    audit.write(TURN);
    await Promise.all([audit.close(), audit.close()]);
    expect(() => audit.write(TURN)).toThrow("it is closed");
    await expect(audit.writeThrough(TURN)).rejects.toMatchObject({ code: "audit_unavailable" });
    expect(() => audit.writeWhenPossible(TURN)).not.toThrow();
    expect(house.records()).toHaveLength(1);
    expect(house.clock.pending).toBe(0);
  });
});

describe("the file", () => {
  test("is its owner's only, and so is the folder", async () => {
    await house.open();
    expect(statSync(house.file).mode & 0o777).toBe(0o600);
    expect(statSync(house.folder).mode & 0o777).toBe(0o700);
  });

  test("is quoted in what is to be run, where a shell would not read it as one word", () => {
    const file = join(house.folder, "my audit.jsonl");
    mkdirSync(house.folder, { recursive: true, mode: 0o700 });
    writeFileSync(file, "", { mode: 0o644 });
    expect(() => openForAppending(createAuditFs(), file)).toThrow(`run: chmod 600 '${file}'`);
  });

  test.each([
    ["can be read by others", () => writeFileSync(house.file, "", { mode: 0o644 }), "chmod 600"],
    ["is a link", () => symlinkSync("/dev/null", house.file), "symbolic link"],
    ["is a folder", () => mkdirSync(house.file), "folder"],
    ["is a pipe", () => void Bun.spawnSync(["mkfifo", "-m", "600", house.file]), "regular file"],
    ["is in an open folder", () => chmodSync(house.folder, 0o777), "chmod 700"],
    [
      "is somebody's notes",
      () => writeFileSync(house.file, "milk\nbread\n", { mode: 0o600 }),
      "does not end in a record",
    ],
  ])("that %s is refused, with what helps", async (_, prepare, message) => {
    mkdirSync(house.folder, { mode: 0o700 });
    prepare();
    const error = await house.open().catch((error: unknown) => error);
    expect(String(error)).toMatch(message === "folder" ? /EISDIR|folder|file/ : message);
    expect(String(error)).toContain(house.folder);
  });

  test("that cannot be made is named, with what to do", async () => {
    writeFileSync(house.folder, "a file in the place of the folder");
    await expect(house.open()).rejects.toThrow("audit.file");
    unlinkSync(house.folder);
  });

  test("has one writer, and the next one when that has closed", async () => {
    const first = await house.open();
    await expect(house.open()).rejects.toMatchObject({ code: "conflict" });
    first.write(TURN);
    await first.close();
    const second = await house.open();
    second.write(TURN);
    expect(house.records()).toHaveLength(2);
  });

  test("has one writer among processes, and a killed one holds nothing up", async () => {
    const child = Bun.spawn(
      ["bun", join(import.meta.dir, "audit-child.ts"), house.file, "1000000"],
      {
        stdout: "pipe",
      },
    );
    const reader = child.stdout.getReader();
    await reader.read();
    await expect(house.open()).rejects.toThrow("Another mlp process writes the audit");
    child.kill("SIGKILL");
    await child.exited;
    const audit = await house.open();
    audit.write(TURN);
    expect(house.records().length).toBeGreaterThan(1);
  });

  test("of the bridge is another one than the provider's", () => {
    expect(auditFileOf(null, "/state", "provider")).toBe("/state/audit.jsonl");
    expect(auditFileOf(null, "/state", "bridge")).toBe("/state/audit-bridge.jsonl");
    expect(auditFileOf("/var/log/a.b/mlp", "/state", "bridge")).toBe("/var/log/a.b/mlp-bridge");
    expect(auditFileOf("/var/log/mlp.log", "/state", "provider")).toBe("/var/log/mlp.log");
  });
});

describe("a torn tail", () => {
  test.each([
    ["half a record", '{"seq":3,"timesta'],
    ["a line that is no JSON", '{"seq":3,"timesta\n'],
    ["zeros that the disk never filled", "\0".repeat(20_000)],
    ["several lines of rubbish", "a\nb\n\nc"],
    ["one byte", "{"],
  ])("of %s is set aside and noted", async (_, torn) => {
    const first = await house.open();
    first.write(TURN);
    first.write(TURN);
    await first.close();
    appendFileSync(house.file, torn);
    const second = await house.open();
    expect(house.records()).toMatchObject([
      { seq: 1 },
      { seq: 2 },
      { seq: 3, event_type: "ERROR", event: "audit_recovered" },
    ]);
    const [name = ""] = house.torn();
    expect(readFileSync(join(house.folder, name), "utf8")).toBe(torn);
    expect(statSync(join(house.folder, name)).mode & 0o777).toBe(0o600);
    expect(house.records()[2]?.["error_details"]).toBe(
      `the last line was cut short; its ${torn.length} bytes are in ${name}`,
    );
    second.write(TURN);
    expect(await verifyAudit(house.file)).toMatchObject({ ok: true, records: 4 });
  });

  test("that is all there is leaves an empty audit, and none is written over another", async () => {
    mkdirSync(house.folder, { mode: 0o700 });
    for (const torn of ["{", "{\0"]) {
      writeFileSync(house.file, torn, { mode: 0o600 });
      const audit = await house.open();
      expect(eventsOf()).toEqual(["audit_recovered"]);
      await audit.close();
    }
    const contents = house.torn().map((name) => readFileSync(join(house.folder, name), "utf8"));
    expect(contents.toSorted()).toEqual(["{", "{\0"]);
  });

  test("is told from a record that somebody changed: that one stays, and is noted", async () => {
    const first = await house.open();
    first.write({ ...TURN, model: "small" });
    first.write(TURN);
    await first.close();
    const text = readFileSync(house.file, "utf8");
    writeFileSync(house.file, text.replace("small", "large"));
    await house.open();
    const lines = readFileSync(house.file, "utf8").split("\n");
    expect(lines[2]).toContain("the last record does not follow the one before it");
    expect(house.torn()).toEqual([]);
    expect(await verifyAudit(house.file)).toMatchObject({ ok: false, firstBad: { line: 1 } });
  });
});

describe("a file that changes under the server", () => {
  test("when deleted, is made again, and the loss is on record", async () => {
    const audit = await house.open();
    audit.write(TURN);
    audit.write(TURN);
    unlinkSync(house.file);
    house.clock.advance(10);
    audit.write(TURN);
    expect(house.records()).toMatchObject([
      { seq: 3, event: "audit_recovered", error_details: expect.stringContaining("deleted") },
      { seq: 4, event: "model_request" },
    ]);
    expect(house.log.lines.map(({ level }) => level)).toEqual(["error"]);
    expect(await verifyAudit(house.file)).toMatchObject({ ok: true, firstSeq: 3 });
  });

  test("when deleted with its folder, is made again", async () => {
    const audit = await house.open();
    audit.write(TURN);
    renameSync(house.folder, `${house.folder}-away`);
    house.clock.advance(10);
    audit.write(TURN);
    expect(eventsOf()).toEqual(["audit_recovered", "model_request"]);
  });

  test("when moved away, goes on in a new one, and the two are one chain", async () => {
    const audit = await house.open();
    audit.write(TURN);
    renameSync(house.file, `${house.file}.1`);
    house.clock.advance(10);
    audit.write(TURN);
    expect(eventsOf()).toEqual(["model_request", "audit_recovered", "model_request"]);
    expect(await verifyAudit(house.file)).toMatchObject({ ok: true, records: 3 });
  });

  test("when replaced, is not trusted: verify finds the place", async () => {
    const audit = await house.open();
    audit.write(TURN);
    const old = readFileSync(house.file);
    audit.write(TURN);
    renameSync(house.file, join(house.folder, "away"));
    writeFileSync(house.file, old, { mode: 0o600 });
    house.clock.advance(10);
    audit.write(TURN);
    const { firstBad } = await verifyAudit(house.file);
    expect(firstBad).toEqual({
      file: house.file,
      line: 2,
      why: "is record 3: record 2 is missing before it",
    });
  });

  test("when shortened or written by somebody else, is whole again, and verify finds it", async () => {
    const audit = await house.open();
    audit.write(TURN);
    const { size } = statSync(house.file);
    audit.write(TURN);
    truncateSync(house.file, size + 10);
    house.clock.advance(10);
    audit.write(TURN);
    appendFileSync(house.file, "me too\n");
    house.clock.advance(10);
    audit.write(TURN);
    const lines = readFileSync(house.file, "utf8").split("\n").slice(0, -1);
    const records = lines.map(
      (line) => JSON.parse(line) as { seq: number; error_details?: string },
    );
    expect(records.map(({ seq }) => seq)).toEqual([1, 3, 4, 5, 6, 7, 8]);
    const notes = records.flatMap(({ error_details: note }) => note ?? []);
    expect(notes).toMatchObject([
      "somebody shortened the file",
      expect.stringContaining("its 10 bytes"),
      "somebody else wrote to the file",
      expect.stringContaining("its 7 bytes"),
    ]);
    expect(house.torn()).toHaveLength(2);
    expect(await verifyAudit(house.file)).toMatchObject({ ok: false, firstBad: { line: 2 } });
  });

  test("is noticed within 10 ms, and no record is lost that was written meanwhile", async () => {
    const audit = await house.open();
    audit.write(TURN);
    renameSync(house.file, `${house.file}.1`);
    house.clock.advance(9);
    audit.write(TURN);
    expect(readFileSync(`${house.file}.1`, "utf8").split("\n")).toHaveLength(3);
    house.clock.advance(1);
    audit.write(TURN);
    expect(house.records()).toHaveLength(4);
  });

  test("when full as well, is not rotated away", async () => {
    const audit = await house.open({ rotateBytes: 600 });
    audit.write(TURN);
    audit.write(TURN);
    renameSync(house.file, join(house.folder, "away"));
    writeFileSync(house.file, "", { mode: 0o600 });
    audit.write(TURN);
    expect(readdirSync(house.folder).toSorted()).toEqual([
      "audit.jsonl",
      "audit.jsonl.lock",
      "away",
    ]);
    audit.write(TURN);
    expect(eventsOf()).toEqual(["model_request", "audit_recovered", "model_request"]);
  });

  test("when others may suddenly read it, is written no more until that is mended", async () => {
    const audit = await house.open();
    audit.write(TURN);
    unlinkSync(house.file);
    writeFileSync(house.file, "", { mode: 0o666 });
    chmodSync(house.file, 0o666);
    house.clock.advance(10);
    expect(() => audit.write(TURN)).toThrow("cannot be used");
    chmodSync(house.file, 0o600);
    audit.write(TURN);
    expect(eventsOf()).toContain("audit_interrupted");
    expect(audit.status().healthy).toBe(true);
  });
});
