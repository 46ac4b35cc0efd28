import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync } from "node:fs";
import { join } from "node:path";

import { verifyAudit } from "../../src/observe/audit-verify.ts";
import { createAuditHouse } from "./audit-support.ts";
import type { AuditHouse } from "./audit-support.ts";

/** `AUDIT_KILLS=500` for a long run. */
const KILLS = Number(process.env["AUDIT_KILLS"] ?? 40);
/** Small, so that some are killed while they rotate. */
const ROTATE_BYTES = 4_000;

let house: AuditHouse;
beforeEach(() => {
  house = createAuditHouse();
});
afterEach(() => house.remove());

/** Killed when it has acknowledged so many records. Answers with the last one that it acknowledged. */
async function writeUntilKilled(acknowledgements: number): Promise<number> {
  const child = join(import.meta.dir, "audit-child.ts");
  const writer = Bun.spawn(["bun", child, house.file, String(ROTATE_BYTES)], { stdout: "pipe" });
  let text = "";
  for await (const bytes of writer.stdout) {
    text += new TextDecoder().decode(bytes);
    if (text.split("\n").length > acknowledgements) writer.kill("SIGKILL");
  }
  await writer.exited;
  expect(writer.signalCode).toBe("SIGKILL");
  return Number(text.split("\n").at(-2));
}

test(
  `${KILLS} kills lose no acknowledged record, and what they tear is set aside`,
  async () => {
    let pieces = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      // What a kill seldom leaves and a power cut does.
      if (kill % 4 === 3) {
        // One that was killed in a rotation may have left no file.
        appendFileSync(house.file, '{"seq":99,"timestamp":"20', { mode: 0o600 });
        pieces += 1;
      }
      const acknowledged = await writeUntilKilled(1 + Math.floor(Math.random() * 60));
      const result = await verifyAudit(house.file);
      const isWhole = result.ok || result.firstBad?.why.includes("cut short");
      expect([isWhole, result.firstBad]).toEqual([true, result.firstBad]);
      expect(result.lastSeq).toBeGreaterThanOrEqual(acknowledged);
    }
    const audit = await house.open();
    await audit.close();
    const records = house.records();
    expect(await verifyAudit(house.file)).toMatchObject({ ok: true, records: records.length });
    const notes = records.filter(({ event }) => event === "audit_recovered");
    expect(notes.length).toBeGreaterThanOrEqual(pieces);
    expect(house.torn()).toHaveLength(notes.length);
  },
  KILLS * 3_000,
);
