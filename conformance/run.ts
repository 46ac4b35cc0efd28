// `bun run conformance [--base URL --key KEY] [--model NAME] [--write]`: runs the suite against a server that runs, or one
// that it starts with the rehearsal agent; prints the matrix. Ends with 1 when a check fails. `--write` publishes it.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import manifest from "../package.json" with { type: "json" };
import { renderMatrix, renderPaper, renderReasons, renderTotals } from "./report.ts";
import { reach } from "./server.ts";
import { runSuite } from "./suite.ts";

const ROOT = join(import.meta.dir, "..");
const PAPER = join(ROOT, "docs/conformance.md");

interface Started {
  readonly base: string;
  readonly key: string;
  readonly stop: () => Promise<void>;
}

async function startOurs(): Promise<Started> {
  const home = mkdtempSync(join(tmpdir(), "mlp-conformance-"));
  const key = `mlp_${crypto.randomUUID()}${crypto.randomUUID()}`;
  const command = [
    process.execPath,
    join(ROOT, "src/main.ts"),
    "up",
    "--json",
    "--agent",
    "rehearsal",
  ];
  const child = Bun.spawn([...command, "--port", "0", "--bridge-port", "0"], {
    cwd: home,
    env: {
      PATH: process.env["PATH"] ?? "",
      MLP_HOME: home,
      MLP_API_KEY: key,
      MLP_RATE_LIMITING_REQUESTS_PER_MINUTE: "100000",
      MLP_RATE_LIMITING_SESSION_REQUESTS_PER_MINUTE: "100000",
    },
    stdio: ["ignore", "pipe", Bun.file(join(home, "log"))],
  });
  const stop = async () => {
    child.kill("SIGTERM");
    await child.exited;
    rmSync(home, { recursive: true, force: true });
  };
  let line = "";
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
    line += piece;
    if (!line.includes("\n")) continue;
    const { api } = JSON.parse(line) as { api: string };
    return { base: api, key, stop };
  }
  const said = (await Bun.file(join(home, "log")).text()).slice(-2000);
  await stop();
  throw new Error(`The server did not start: ${said}`);
}

const { values } = parseArgs({
  options: {
    base: { type: "string" },
    key: { type: "string" },
    model: { type: "string" },
    write: { type: "boolean", default: false },
  },
});
if (values.write && values.base !== undefined) {
  throw new Error("--write publishes what our own server does: leave --base out.");
}
const started = values.base === undefined ? await startOurs() : undefined;
try {
  const server = await reach({
    base: started?.base ?? values.base ?? "",
    key: started?.key ?? values.key ?? "none",
    ...(values.model !== undefined && { model: values.model }),
  });
  process.stderr.write(`${server.base}, model ${server.model}\n`);
  const results = await runSuite(server, ({ check, outcome }) => {
    if (outcome.status === "fail") {
      process.stderr.write(`FAIL ${check.column}, ${check.feature}: ${outcome.reason}\n`);
    }
  });
  const parts = [renderMatrix(results), renderReasons(results), renderTotals(results)];
  console.log(parts.filter((part) => part !== "").join("\n\n"));
  if (values.write) {
    const date = new Date().toISOString().slice(0, 10);
    await Bun.write(PAPER, renderPaper(results, manifest.version, date));
  }
  process.exitCode = results.some(({ outcome }) => outcome.status === "fail") ? 1 : 0;
} finally {
  await started?.stop();
}
