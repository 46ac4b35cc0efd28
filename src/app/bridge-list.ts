// Which bridges `mlp serve` dials, from the configuration: the one at `mcp.bridge_url` and those of `mcp.bridges`.

import type { GuideDialect } from "../bridge/guide-frames.ts";
import type { BridgeEntry } from "../config/schema-bridges.ts";
import type { Config } from "../config/schema.ts";
import { AppError } from "../core/error.ts";
import type { Secrets } from "../security/secrets.ts";

interface DialledBridge {
  readonly name: string;
  readonly url: string;
  /** Whether it answers for the default model names. */
  readonly isDefault: boolean;
}

/** A hub of ours. */
export interface OwnBridge extends DialledBridge {
  readonly dialect: "mlp";
  readonly token: string;
}

export interface ForeignEntry extends DialledBridge {
  readonly dialect: GuideDialect;
  readonly token: string | undefined;
  readonly entry: Omit<BridgeEntry, "name" | "url" | "token" | "default" | "dialect">;
}

export type ListedBridge = OwnBridge | ForeignEntry;

/** The name of the bridge at `mcp.bridge_url`. */
const FIRST = "main";
/** Sessions that were registered with the control token belong to this name. */
const RESERVED = "control";

/** In the order of dialling, one of them the default. @throws AppError invalid_request */
export function listBridges({ mcp }: Config, secrets: Secrets): readonly ListedBridge[] {
  const entries = [...firstEntry(mcp, secrets), ...mcp.bridges];
  checkNames(entries);
  checkTokens(
    entries,
    new Map([
      [secrets.controlToken.value, "MLP_CONTROL_TOKEN"],
      [secrets.agentToken.value, "MLP_AGENT_TOKEN"],
      [secrets.apiKey.value, "MLP_API_KEY"],
    ]),
  );
  const first = entries.find((entry) => entry.default === true) ?? entries[0];
  return entries.map((entry) => listed(entry, secrets, entry === first));
}

/** What can be said against `mcp.bridges` without a secret at hand. @throws AppError invalid_request */
export function checkBridges({ mcp }: Config): void {
  checkNames(mcp.bridges);
  checkTokens(mcp.bridges, new Map());
  for (const { name, dialect, token } of mcp.bridges) {
    if (dialect === "nested" && token === undefined) throw tokenless(name);
  }
}

function firstEntry(mcp: Config["mcp"], { bridgeToken }: Secrets): readonly BridgeEntry[] {
  const { bridge_url: url, dialect, agent_id: agentId } = mcp;
  if (dialect === "mlp") return mcp.bridges.length > 0 ? [] : [{ name: FIRST, url, dialect }];
  // The token of this installation's own hub is not shown to a stranger, unless somebody said so.
  const said = bridgeToken.file === undefined ? bridgeToken.value : undefined;
  const token = mcp.bridge_token ?? said;
  return [
    {
      name: FIRST,
      url,
      dialect,
      ...(token !== undefined && { token }),
      ...(agentId !== null && { agent_id: agentId }),
    },
  ];
}

function listed(given: BridgeEntry, { bridgeToken }: Secrets, isDefault: boolean): ListedBridge {
  const { name, url, dialect, token, default: _default, ...entry } = given;
  if (dialect === "mlp") {
    return { name, url, dialect, isDefault, token: token ?? bridgeToken.value };
  }
  if (dialect === "nested" && token === undefined) throw tokenless(name);
  return { name, url, dialect, isDefault, token, entry };
}

function checkNames(entries: readonly BridgeEntry[]): void {
  const names = entries.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw wrong(`mcp.bridges: two bridges are called "${twice}".`);
  if (names.includes(RESERVED)) {
    throw wrong(`mcp.bridges: "${RESERVED}" is no name for a bridge; choose another one.`);
  }
  if (entries.filter((entry) => entry.default === true).length > 1) {
    throw wrong("mcp.bridges: only one bridge can be the default.");
  }
}

/** A token says which bridge it is, and must not be good for anything else here. `taken`: token → whose it is. */
function checkTokens(entries: readonly BridgeEntry[], taken: Map<string, string>): void {
  for (const { name, token, dialect } of entries) {
    if (token === undefined) continue;
    const owner = taken.get(token);
    if (owner !== undefined) {
      throw wrong(`The token of the bridge "${name}" is that of ${owner}, too. Give it its own.`);
    }
    if (dialect !== "mlp") taken.set(token, `the bridge "${name}"`);
  }
}

function tokenless(name: string): AppError {
  const key = name === FIRST ? "mcp.bridge_token" : `token of "${name}" in mcp.bridges`;
  return wrong(`A nested bridge asks for a token. Set the ${key}.`);
}

function wrong(message: string): AppError {
  return new AppError("invalid_request", message);
}
