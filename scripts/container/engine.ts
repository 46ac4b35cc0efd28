// Containers of the image under podman and crun: read-only root, no capabilities, and a network namespace of their own
// with loopback in it and nothing else.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { IMAGE } from "./image.ts";
import type { Ran, Tools } from "./tools.ts";

type Variables = Readonly<Record<string, string>>;

export interface Container {
  readonly name: string;
  /** As this machine counts. */
  readonly pid: number;
  /** Where its data folder is on this machine. */
  readonly volume: string;
  readonly exited: Promise<number>;
}

interface StartSettings {
  readonly env?: Variables;
  /** In place of the image's own command. */
  readonly command?: readonly string[];
  /** Shares this one's network. */
  readonly beside?: Container;
  /** What it says on stderr when it is ready; without it, that is the first word on stdout. */
  readonly ready?: string;
}

interface Question {
  readonly secret?: string;
  /** The address that is connected to, and from. */
  readonly at?: string;
  readonly body?: unknown;
}

export type Engine = ReturnType<typeof createEngine>;

export function createEngine({ signal, run, must }: Tools) {
  const how = ["podman", "run", "--read-only", "--read-only-tmpfs=false", "--cap-drop", "ALL"];
  how.push("--security-opt", "no-new-privileges");

  const started: { readonly name: string; readonly said: () => string }[] = [];

  async function start(name: string, settings: StartSettings = {}): Promise<Container> {
    const { env = {}, command = [], beside, ready } = settings;
    const network = beside === undefined ? "none" : `container:${beside.name}`;
    const place = ["--name", name, "--volume", `${name}:/data`];
    const argv = [...how, ...place, "--network", network, ...variables(env), IMAGE, ...command];
    const child = Bun.spawn(argv, { stdout: "pipe", stderr: "pipe", signal });
    const words = createWords(ready === undefined ? child.stdout : child.stderr);
    const others = createWords(ready === undefined ? child.stderr : child.stdout);
    started.push({ name, said: () => `${words.text()}${others.text()}` });
    const came = await words.until(ready ?? "");
    if (!came) throw new Error(`${name} did not start: ${words.text()}${others.text()}`);
    const pid = Number(
      await must("podman", "container", "inspect", "--format", "{{.State.Pid}}", name),
    );
    const volume = await must("podman", "volume", "inspect", "--format", "{{.Mountpoint}}", name);
    return { name, pid, volume, exited: child.exited };
  }

  const within = ({ pid }: Container): readonly string[] => [
    "nsenter",
    `--net=/proc/${pid}/ns/net`,
  ];

  const curl = (container: Container, { secret, at, body }: Question): readonly string[] => {
    const argv = [...within(container), "curl", "--silent", "--noproxy", "*", "--max-time", "30"];
    if (secret !== undefined) argv.push("--header", `authorization: Bearer ${secret}`);
    if (at !== undefined) argv.push("--connect-to", `::${at}:`, "--interface", at);
    if (body !== undefined) argv.push("--json", JSON.stringify(body));
    return argv;
  };

  return {
    start,
    /** One that is expected not to start. */
    run: (env: Variables): Promise<Ran> =>
      run(...how, "--rm", "--no-healthcheck", "--network", "none", ...variables(env), IMAGE),
    exec: ({ name }: Container, ...argv: readonly string[]): Promise<string> =>
      must("podman", "exec", name, ...argv),
    /** One more address of the container's loopback; what connects from it comes from elsewhere. */
    addAddress: (container: Container, address: string): Promise<string> =>
      must(...within(container), "ip", "address", "add", `${address}/32`, "dev", "lo"),
    ask: async (container: Container, url: string, question: Question = {}) => {
      const answer = await must(...curl(container, question), "--write-out", "\n%{http_code}", url);
      const end = answer.lastIndexOf("\n");
      return { status: Number(answer.slice(end + 1)), text: answer.slice(0, end) };
    },
    /** Sends SIGTERM once the answer has begun; answers with all of it and with how the container ended. */
    endDuring: async (container: Container, url: string, question: Question) => {
      const argv = [...curl(container, question), "--no-buffer", url];
      const child = Bun.spawn(argv, { stdout: "pipe", signal });
      const words = createWords(child.stdout);
      await words.until("");
      await must("podman", "kill", "--signal", "TERM", container.name);
      await child.exited;
      return { text: await words.all, code: await container.exited };
    },
    /** Its volume stays, for another one of this name. */
    stop: async ({ name, exited }: Container): Promise<number> => {
      await must("podman", "stop", "--time", "15", name);
      const code = await exited;
      await must("podman", "rm", name);
      return code;
    },
    /** The last errors that any of them has logged. */
    errors: (): readonly string[] =>
      started
        .flatMap(({ said }) => said().split("\n"))
        .filter((line) => /"level":"(?:error|fatal)"|^mlp: /.test(line))
        .slice(-3),
    /** After the signal, too. The last one first: it may share another one's network. */
    removeAll: (): void => {
      const names = [...new Set(started.map(({ name }) => name))].toReversed();
      const rm = ["podman", "rm", "--force", "--ignore", "--volumes", "--time", "0"];
      for (const name of names) Bun.spawnSync([...rm, name]);
    },
  };
}

export function secretOf({ volume }: Container, name: string): string {
  return readFileSync(join(volume, "secrets", name), "utf8").trim();
}

const variables = (env: Variables): readonly string[] =>
  Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]);

/** Reads a stream to its end, whoever waits for what. */
function createWords(stream: ReadableStream<Uint8Array>) {
  let text = "";
  let waiting: { wanted: string; resolve: (came: boolean) => void } | undefined;
  const look = (): void => {
    if (text !== "" && waiting !== undefined && text.includes(waiting.wanted))
      waiting.resolve(true);
  };
  const all = (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      text += decoder.decode(bytes, { stream: true });
      look();
    }
    waiting?.resolve(false);
    return text;
  })();
  return {
    all,
    text: () => text,
    /** Whether it came; an empty text is anything at all. */
    until: (wanted: string): Promise<boolean> => {
      const came = Promise.withResolvers<boolean>();
      waiting = { wanted, resolve: came.resolve };
      look();
      void all.then(() => came.resolve(false));
      return came.promise;
    },
  };
}
