// A `cursor-agent` that leaves a process behind, in a group of its own, which holds its output and its error output open,
// and then ends without an answer. Run by bun as a process of its own; tells the id of what it left.

import { writeSync } from "node:fs";

if (import.meta.main) {
  const [command] = process.argv.slice(2);
  if (command !== "-p") process.exit(command === "acp" ? 1 : 0);
  const left = Bun.spawn(["/bin/sh", "-c", "sleep 600"], {
    detached: true,
    stdio: ["ignore", "inherit", "inherit"],
  });
  left.unref();
  writeSync(2, `left ${left.pid}\n`);
  process.exit(3);
}
