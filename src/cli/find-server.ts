// Where the running server is: what it left in the run folder, or what `--url` says.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { Type } from "@sinclair/typebox";
import type { Static } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";

import { parseJson } from "../core/json.ts";
import type { CliContext } from "./context.ts";
import { CommandError, UsageError } from "./failure.ts";

const address = Type.Union([Type.String(), Type.Null()]);

/** What a server writes when it is ready and takes away when it ends. A killed one leaves it behind. */
const RunFile = Type.Object(
  {
    pid: Type.Integer({ minimum: 1 }),
    kind: Type.String(),
    api: address,
    bridge: address,
    control: address,
    /** Absent in what earlier versions left. */
    sessions: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: true },
);
export type RunFile = Static<typeof RunFile>;

/** What the caller wants of a server. Sessions live with the hub, client keys with the provider. */
export type Need = "api" | "sessions" | "keys" | "health";

/** Which kinds can give it. Of the groups the first counts that has a server: a provider's health has its link in it. */
const KINDS: Readonly<Record<Need, readonly (readonly string[])[]>> = {
  api: [["up", "serve"]],
  sessions: [["up", "bridge"]],
  keys: [["up", "serve"]],
  health: [["up", "serve"], ["bridge"]],
};

/** No server runs here, and none was named. */
export class NoServerError extends CommandError {}

/** The base address, without a slash at its end. Throws `NoServerError` for none, `CommandError` for several, `UsageError` for a bad `url`. */
export function findServer(
  need: Need,
  url: string | undefined,
  { paths }: Pick<CliContext, "paths">,
): string {
  if (url !== undefined) return checkUrl(url);
  const running = readRunFiles(paths.run);
  const found = KINDS[need]
    .map((kinds) => running.filter((file) => kinds.includes(file.kind) || isHub(file, need)))
    .find((group) => group.length > 0);
  const byAddress = new Map<string, string>();
  for (const file of found ?? []) {
    const address = need === "api" ? file.api : (file.control ?? file.api);
    if (address !== null) byAddress.set(checkUrl(address), file.kind);
  }
  const [first, ...others] = [...byAddress.keys()].toSorted();
  if (first === undefined) {
    const what = need === "sessions" ? "`mlp up` or `mlp bridge`" : "`mlp up` or `mlp serve`";
    throw new NoServerError(
      `no server is running here; start ${what}, or say where it is with --url`,
    );
  }
  if (others.length > 0) {
    const all = [first, ...others].map((address) => `${address} (mlp ${byAddress.get(address)})`);
    throw new CommandError(`several servers are running; choose with --url: ${all.join(", ")}`);
  }
  return first;
}

/** A provider that dials foreign bridges keeps their sessions: nobody else has a record of them. */
function isHub({ sessions }: RunFile, need: Need): boolean {
  return need === "sessions" && sessions === true;
}

/** What the servers left that run now. */
export function readRunFiles(folder: string): readonly RunFile[] {
  return namesIn(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => read(join(folder, name)))
    .filter((content) => Value.Check(RunFile, content))
    .filter((file) => isAlive(file.pid));
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** `undefined` for a file that went away meanwhile or is not ours. */
function read(file: string): unknown {
  try {
    return parseJson(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of another user exists, too.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** A server that listens everywhere is reached on this machine's own address. */
export function checkUrl(text: string): string {
  const url = URL.parse(text.replace(/^ws(s?):/, "http$1:"));
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new UsageError("--url: expected an address such as http://127.0.0.1:11434");
  }
  if (url.hostname === "0.0.0.0") url.hostname = "127.0.0.1";
  if (url.hostname === "[::]") url.hostname = "[::1]";
  return `${url.origin}${url.pathname}`.replace(/\/$/, "");
}
