// Servers of ours, each with a home of its own: before the model, and before the agent.

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const MLP = [process.execPath, join(import.meta.dir, "../../src/main.ts")];
const START_MILLISECONDS = 60_000;

export interface ServerOptions {
  /** Where its files are. */
  readonly home: string;
  /** What the agent gets, but for what is ours. */
  readonly env: Readonly<Record<string, string>>;
  readonly key: string;
  /** JSON is YAML. */
  readonly config: object;
  readonly words: readonly string[];
}

export interface Server {
  /** "" for one that serves no editors. */
  readonly api: string;
  readonly log: () => string;
  /** Resolves with its exit code. */
  readonly stop: () => Promise<number>;
}

/** @throws Error with the end of its log */
export async function startMlp({ home, env, key, config, words }: ServerOptions): Promise<Server> {
  mkdirSync(home, { recursive: true });
  const [command = "mlp"] = words;
  const [log, file] = [join(home, `${command}.log`), join(home, `${command}.json`)];
  await Bun.write(file, JSON.stringify(config));
  const child = Bun.spawn([...MLP, ...words, "--json", "--config", file, "--log-level", "debug"], {
    cwd: home,
    env: { ...env, MLP_HOME: home, MLP_API_KEY: key },
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
    throw new Error(`mlp ${words.join(" ")} did not start: ${readFileSync(log, "utf8").slice(-800)}`);
  }
  const { api } = JSON.parse(line) as { api: string | null };
  return { api: api ?? "", log: () => readFileSync(log, "utf8"), stop };
}
