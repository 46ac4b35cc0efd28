// A process that writes to an audit and says after each record that it is acknowledged, until somebody kills it.
// Arguments: the file, and the size at which it is rotated.

import { writeSync } from "node:fs";

import { createSystem } from "../../src/app/system.ts";
import { openAudit } from "../../src/observe/audit.ts";
import { createListeningLog, TURN } from "./audit-support.ts";

const [file = "", rotateBytes = ""] = process.argv.slice(2);
const audit = await openAudit({
  file,
  clock: createSystem().clock,
  log: createListeningLog(),
  rotateBytes: Number(rotateBytes),
  keep: 0,
});
const TOGETHER = Array.from({ length: 5 }, (_, index) => ({ ...TURN, requestId: `turn_${index}` }));
const tell = (): void => void writeSync(1, `${audit.status().seq}\n`);
for (let index = 0; ; index += 1) {
  if (index % 8 === 7) await audit.writeThrough(TURN);
  else if (index % 8 === 3) await Promise.all(TOGETHER.map((entry) => audit.writeTogether(entry)));
  else audit.write({ ...TURN, userAgent: "x".repeat(index % 500) });
  tell();
  if (index % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
}
