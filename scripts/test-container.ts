// `bun run test:container`: builds the image of the Dockerfile, runs it as an engine would and writes what it found to
// docs/container.md. Opt-in: needs Linux, root and Debian's packages. Nothing of it is left, and no address beyond
// loopback is asked for anything but packages.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };
import { checkEnds, checkExposure, checkImage, checkServer } from "./container/checks.ts";
import type { Check } from "./container/checks.ts";
import { createEngine } from "./container/engine.ts";
import { buildImage, configurationOf, configureTools, makeBases } from "./container/image.ts";
import { measure, writeResults } from "./container/report.ts";
import { createTools } from "./container/tools.ts";
import type { Tools } from "./container/tools.ts";

const LONGEST_MS = 9 * 60_000;
/** What is installed when it is missing: programs, and the packages that have them. */
const TOOLS = ["buildah", "podman", "crun", "conmon", "debootstrap", "curl", "ip"];
const PACKAGES = ["buildah", "podman", "crun", "conmon", "debootstrap", "curl", "iproute2"];

/** Installs, makes the one folder that everything is in, and goes on in a mount namespace that ends with us. */
async function outside({ must, signal }: Tools): Promise<number> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    throw new Error("This test needs Linux and root.");
  }
  if (TOOLS.some((tool) => Bun.which(tool) === null)) {
    await must("apt-get", "update");
    await must("apt-get", "install", "--yes", "--no-install-recommends", ...PACKAGES);
  }
  const folder = mkdtempSync(join(tmpdir(), "mlp-container-"));
  // crun refuses a machine that has both generations of cgroups; inside, the newer one is not seen.
  const enter = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"';
  const again = [process.execPath, import.meta.path, folder];
  const child = Bun.spawn(["unshare", "--mount", "sh", "-c", enter, "sh", ...again], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, TMPDIR: folder, ...configurationOf(folder) },
  });
  signal.addEventListener("abort", () => child.kill("SIGTERM"));
  const code = await child.exited;
  rmSync(folder, { recursive: true, force: true });
  return code;
}

async function inside(tools: Tools, folder: string): Promise<number> {
  const started = Date.now();
  const engine = createEngine(tools);
  const lines: string[] = [];
  let failed = 0;
  const check: Check = async (sentence, body) => {
    tools.signal.throwIfAborted();
    try {
      await body();
      lines.push(sentence);
      console.log(`ok      ${sentence}`);
    } catch (error) {
      failed += 1;
      console.log([`FAILED  ${sentence}`, messageOf(error), ...engine.errors()].join("\n"));
    }
  };
  try {
    await configureTools(folder);
    await makeBases(tools, folder);
    const labels = await labelArguments(tools);
    await buildImage(tools, labels);
    await checkImage(tools, check, labels);
    const figures = await checkServer(tools, engine, check);
    await checkEnds(engine, check);
    await checkExposure(engine, check);
    const facts = [...(await measure(tools, folder)), ...figures];
    const seconds = Math.round((Date.now() - started) / 1_000);
    if (failed === 0) await writeResults(tools, facts, lines);
    console.log(`\n${facts.map((fact) => fact.join(": ")).join("\n")}\n${seconds} s`);
    console.log(`${lines.length} passed, ${failed} failed`);
    return failed === 0 ? 0 : 1;
  } finally {
    engine.removeAll();
  }
}

async function labelArguments({ run }: Tools) {
  return {
    SOURCE: "https://source.example/mcp-local-provider",
    VERSION: manifest.version,
    REVISION: (await run("git", "rev-parse", "HEAD")).stdout || "unknown",
    CREATED: new Date().toISOString(),
  };
}

const hurry = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => hurry.abort());
const tools = createTools(AbortSignal.any([hurry.signal, AbortSignal.timeout(LONGEST_MS)]));
const folder = process.argv[2];
try {
  process.exit(folder === undefined ? await outside(tools) : await inside(tools, folder));
} catch (error) {
  console.error(messageOf(error));
  process.exit(1);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
