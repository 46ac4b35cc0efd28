// Starts a child as a connector does, tells its id, and then waits to be killed. Run by bun, for child.test.ts.

import { startChild } from "../../../src/agents/process/child.ts";
import { createSystem } from "../../../src/app/system.ts";

const quiet = () => undefined;
const child = startChild({
  command: ["/bin/sh", "-c", "trap '' TERM; (trap '' TERM; sleep 600) & echo $!; sleep 600"],
  cwd: "/",
  env: { PATH: "/usr/bin:/bin" },
  clock: createSystem().clock,
  log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  redact: (text) => text,
});
const { value } = await child.output.getReader().read();
const grandchild = Number(new TextDecoder().decode(value).trim());
process.stdout.write(`${JSON.stringify({ child: child.pid, grandchild })}\n`);
setInterval(quiet, 60_000);
