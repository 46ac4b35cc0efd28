// A process that fills the small file system its audit is on, makes room, and goes on; 20 times. Prints what came of it.
// Argument: the file.

import { rmSync, writeFileSync } from "node:fs";

import { createSystem } from "../../src/app/system.ts";
import { toAppError } from "../../src/core/error.ts";
import { verifyAudit } from "../../src/observe/audit-verify.ts";
import { openAudit } from "../../src/observe/audit.ts";
import { createListeningLog, linesOf, TURN } from "./audit-support.ts";

const [file = ""] = process.argv.slice(2);
const { clock } = createSystem();
const settings = { file, clock, log: createListeningLog(), rotateBytes: 1_000_000, keep: 0 };
const ballast = `${file}.ballast`;
const rounds: object[] = [];
for (let round = 0; round < 20; round += 1) {
  // Of another size each time, so that the disk ends somewhere else in a record.
  writeFileSync(ballast, "x".repeat(40_000 + round * 1_111));
  const audit = await openAudit(settings);
  let taken = 0;
  let code = "";
  while (code === "") {
    try {
      audit.write({ ...TURN, userAgent: `round ${round} ${"x".repeat(taken % 300)}` });
      taken += 1;
    } catch (error) {
      code = toAppError(error).code;
    }
  }
  rmSync(ballast);
  audit.write({ ...TURN, userAgent: `round ${round} again` });
  taken += 1;
  const { healthy } = audit.status();
  await audit.close();
  const { ok } = await verifyAudit(file);
  const found = linesOf(file).filter((line) => line.includes(`"round ${round} `)).length;
  rounds.push({ taken, found, ok, code, healthy });
  rmSync(file);
}
process.stdout.write(JSON.stringify(rounds));
