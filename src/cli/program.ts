// The command line in the real process: its terminal, its environment, its home folder.

import { homedir } from "node:os";

import { VERSION } from "../app/version.ts";
import { findPaths } from "../config/paths.ts";
import { createApp } from "./app.ts";
import { runCli } from "./cli.ts";
import type { ExitCode } from "./failure.ts";
import { createProcessIo } from "./process-io.ts";

/** Resolves when the command has ended and all that it wrote has left. */
export async function runProgram(argv: readonly string[]): Promise<ExitCode> {
  const { env, platform } = process;
  const home = homedir();
  keepLoopbackDirect(env);
  const io = createProcessIo(env);
  const exitCode = await runCli(argv, {
    io,
    env,
    version: VERSION,
    home,
    platform,
    findPaths: () => findPaths({ env, platform, home }),
    app: createApp(),
  });
  const failure = await io.flush();
  if (failure === undefined) return exitCode;
  io.errors.write(`mlp: stdout cannot be written (${failure})\n`);
  await io.flush();
  return exitCode === 0 ? 1 : exitCode;
}

/** Bun's fetch sends even 127.0.0.1 to the proxy of HTTP_PROXY, and our secrets with it. */
function keepLoopbackDirect(env: NodeJS.ProcessEnv): void {
  const hosts = [env["NO_PROXY"] ?? env["no_proxy"] ?? "", "127.0.0.1", "localhost", "::1"];
  const direct = hosts.filter((host) => host !== "").join(",");
  env["NO_PROXY"] = direct;
  env["no_proxy"] = direct;
}
