import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { openAudit } from "../../src/observe/audit.ts";
import type { AuditFile } from "../../src/observe/audit.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createHome, mlp } from "./support.ts";
import type { FakeHome } from "./support.ts";

const noLog = { debug() {}, info() {}, warn() {}, error() {} };

let home: FakeHome;
let audits: AuditFile[];
beforeEach(() => {
  home = createHome();
  audits = [];
});
afterEach(async () => {
  for (const audit of audits) await audit.close();
  home.remove();
});

async function write(name: string, count: number, rotateBytes = 1_000_000): Promise<string> {
  const file = join(home.path, name);
  const clock = createFakeClock();
  const audit = await openAudit({ file, clock, log: noLog, rotateBytes, keep: 2 });
  audits.push(audit);
  for (let index = 1; index <= count; index += 1) {
    audit.write({
      eventType: "RESPONSE",
      event: "model_request",
      requestId: `turn_${index}`,
      userAgent: "my editor\u001b[2J",
      statusCode: 200,
      promptHash: "ab".repeat(32),
    });
  }
  return file;
}

describe("mlp audit verify", () => {
  test("says how much is well, and where the chain stands", async () => {
    const file = await write("audit.jsonl", 2);
    const { code, stdout } = await mlp(["audit", "verify"], { home });
    expect(code).toBe(0);
    expect(stdout).toMatch(/: ok, 2 records \(1 to 2\) in 1 file; head [0-9a-f]{64}\n$/);
    expect(stdout).toStartWith(file);
  });

  test("checks the provider's and the bridge's, and says what is no longer kept", async () => {
    await write("audit.jsonl", 30, 1_500);
    await write("audit-bridge.jsonl", 0);
    const { stdout } = await mlp(["audit", "verify"], { home });
    expect(stdout).toMatch(/ to 30\) in 3 files; those before \d+ are no longer kept; head /);
    expect(stdout).toEndWith("audit-bridge.jsonl: ok, no records yet\n");
  });

  test("names file and line of what is not well, and goes on with the next audit", async () => {
    const file = await write("audit.jsonl", 3);
    await write("audit-bridge.jsonl", 1);
    writeFileSync(file, readFileSync(file, "utf8").replace("turn_2", "turn_x"));
    const { code, stdout, stderr } = await mlp(["audit", "verify"], { home });
    expect([code, stderr]).toEqual([
      1,
      `mlp: ${file}:2: this record is not as it was when record 3 was written\n`,
    ]);
    expect(stdout).toContain("audit-bridge.jsonl: ok, 1 record (1 to 1)");
  });

  test("takes another file, by name or from the configuration, and writes nothing", async () => {
    const file = await write("other.log", 1);
    const before = statSync(file).mtimeMs;
    const named = await mlp(["audit", "verify", file], { home });
    const configured = await mlp(["audit", "verify"], { home, env: { MLP_AUDIT_FILE: file } });
    expect([named.code, configured.code]).toEqual([0, 0]);
    expect(configured.stdout).toBe(named.stdout);
    expect(statSync(file).mtimeMs).toBe(before);
  });

  test("fails where there is none", async () => {
    for (const verb of ["verify", "tail"]) {
      const { code, stderr } = await mlp(["audit", verb], { home });
      expect([code, stderr]).toEqual([
        1,
        `mlp: ${join(home.path, "audit.jsonl")} does not exist; a server makes it when it starts\n`,
      ]);
    }
  });
});

describe("mlp audit tail", () => {
  test("does not call absent what it could not look at", async () => {
    const file = join(home.path, "audit.jsonl");
    symlinkSync(file, file);
    const { code, stderr } = await mlp(["audit", "tail"], { home });
    expect(code).toBe(1);
    expect(stderr).toStartWith("mlp: ELOOP: ");
    expect(stderr).toContain(file);
    expect(stderr).not.toContain("does not exist");
  });

  test("shows time, number, event and what else there is", async () => {
    await write("audit.jsonl", 30);
    const { code, stdout } = await mlp(["audit", "tail", "-n", "2"], { home });
    expect(code).toBe(0);
    const line = (index: number) =>
      `2023-11-14T22:13:20.000Z ${index} RESPONSE model_request ` +
      String.raw`user_agent="my editor\u001b[2J" request_id=turn_${index} status_code=200`;
    expect(stdout).toBe(`${line(29)}\n${line(30)}\n`);
  });

  test("shows 20 unless told otherwise, as they are with --json", async () => {
    const file = await write("audit.jsonl", 30);
    const { stdout } = await mlp(["audit", "tail", "--json"], { home });
    const lines = stdout.split("\n").slice(0, -1);
    expect(lines).toHaveLength(20);
    expect(readFileSync(file, "utf8")).toEndWith(`${lines.at(-1)}\n`);
  });

  test("shows what somebody else put there without obeying it", async () => {
    const file = await write("audit.jsonl", 1);
    appendFileSync(file, '\u001b[2J\n{"a":"\u202e"}\n');
    for (const flags of [[], ["--json"]]) {
      const { stdout } = await mlp(["audit", "tail", "-n", "2", ...flags], { home });
      expect(stdout).not.toMatch(/[\u001b\u202e]/);
      expect(stdout).toContain(String.raw`\u001b[2J`);
    }
  });

  test("follows until a signal", async () => {
    await write("audit.jsonl", 1);
    let signalled = 0;
    const { code, stdout } = await mlp(["audit", "tail", "--follow"], {
      home,
      onOutput: (all, signal) => {
        const count = all.split("\n").length - 1;
        if (count < 4) {
          audits[0]?.write({ eventType: "SESSION", event: `event_${count}` });
        } else {
          signalled += 1;
          signal();
        }
      },
    });
    expect([code, signalled]).toEqual([0, 1]);
    expect(stdout.match(/SESSION event_\d/g)).toEqual([
      "SESSION event_1",
      "SESSION event_2",
      "SESSION event_3",
    ]);
  });

  test("takes a number only", async () => {
    expect(await mlp(["audit", "tail", "-n", "many"], { home })).toMatchObject({ code: 2 });
  });
});
