// Servers of ours, each with a home of its own: before the model, and before the agent.

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const MLP = [process.execPath, join(import.meta.dir, "../../src/main.ts")];
/** For our own control routes. */
export const CONTROL = `mlp_${crypto.randomUUID()}`;
export const PORTS = ["--port", "0", "--bridge-port", "0"];
const START_MILLISECONDS = 60_000;

export interface ServerOptions {
  /** Where its files are. */
  readonly home: string;
  /** What the agent gets, but for what is ours. */
  readonly env: Readonly<Record<string, string>>;
  readonly key: string;
  /** JSON is YAML. */
  readonly config: object;
  /** The command, and what it is told. */
  readonly words: readonly string[];
  /** What comes last: the command of an agent. */
  readonly rest?: readonly string[];
}

export interface Server {
  /** "" for one that serves no editors. */
  readonly api: string;
  readonly bridge: string;
  readonly log: () => string;
  /** Resolves with its exit code. */
  readonly stop: () => Promise<number>;
}

/** @throws Error with the end of its log */
export async function startMlp(options: ServerOptions): Promise<Server> {
  const { home, env, key, config, words, rest = [] } = options;
  mkdirSync(home, { recursive: true });
  const [command = "mlp"] = words;
  const [log, file] = [join(home, `${command}.log`), join(home, `${command}.json`)];
  await Bun.write(file, JSON.stringify(config));
  const common = ["--json", "--config", file, "--log-level", "debug"];
  const child = Bun.spawn([...MLP, ...words, ...common, ...rest], {
    cwd: home,
    env: { ...env, MLP_HOME: home, MLP_API_KEY: key, MLP_CONTROL_TOKEN: CONTROL },
    stdio: ["ignore", "pipe", Bun.file(log)],
  });
  const timer = setTimeout(() => child.kill("SIGTERM"), START_MILLISECONDS);
  let line = "";
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
    line += piece;
    if (line.includes("\n")) break;
  }
  clearTimeout(timer);
  const stop = async (): Promise<number> => {
    child.kill("SIGTERM");
    return await child.exited;
  };
  if (!line.includes("\n")) {
    await stop();
    throw new Error(
      `mlp ${words.join(" ")} did not start: ${readFileSync(log, "utf8").slice(-800)}`,
    );
  }
  const { api, bridge } = JSON.parse(line) as { api: string | null; bridge: string };
  return { api: api ?? "", bridge, log: () => readFileSync(log, "utf8"), stop };
}
