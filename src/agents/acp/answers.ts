// What an ACP agent answers to `initialize` and to the opening of a session, as we need it. Pure, and tolerant: agents
// leave out what they do not have, and several still use the forms that came before config options.
// Source of the formats: agentclientprotocol.com/protocol/v1.

import { isJsonObject } from "../../core/json.ts";

export interface AcpOption {
  readonly id: string;
  readonly label: string;
}

export interface AcpAbilities {
  /** The agent's own name, for people; `undefined` when it says none. */
  readonly name: string | undefined;
  readonly version: string | undefined;
  readonly protocolVersion: number | undefined;
  readonly loadsSessions: boolean;
  readonly resumesSessions: boolean;
  readonly closesSessions: boolean;
  readonly takesImages: boolean;
  /** MCP servers over Streamable HTTP. */
  readonly takesHttpServers: boolean;
  readonly authMethods: readonly AcpOption[];
}

/** Something that a session has one of: its model, its mode. */
export interface AcpChoice {
  /** How it is changed: a config option by its id, or the method of its own that came before. */
  readonly by: { readonly configId: string } | "method";
  readonly current: string | undefined;
  readonly options: readonly AcpOption[];
}

export interface AcpOpened {
  /** Empty in the answer to `session/load` and `session/resume`. */
  readonly id: string;
  readonly models: AcpChoice | undefined;
  readonly modes: AcpChoice | undefined;
}

export function decodeAbilities(answer: unknown): AcpAbilities {
  const body = object(answer);
  const agent = object(body["agentInfo"]);
  const can = object(body["agentCapabilities"]);
  const session = object(can["sessionCapabilities"]);
  const version = body["protocolVersion"];
  return {
    name: text(agent["title"]) ?? text(agent["name"]),
    version: text(agent["version"]),
    protocolVersion: typeof version === "number" ? version : undefined,
    loadsSessions: can["loadSession"] === true,
    resumesSessions: isJsonObject(session["resume"]),
    closesSessions: isJsonObject(session["close"]),
    takesImages: object(can["promptCapabilities"])["image"] === true,
    takesHttpServers: object(can["mcpCapabilities"])["http"] === true,
    authMethods: objects(body["authMethods"]).flatMap((method) => option(method, "id")),
  };
}

export function decodeOpened(answer: unknown): AcpOpened {
  const body = object(answer);
  const options = objects(body["configOptions"]);
  return {
    id: text(body["sessionId"]) ?? "",
    models: configChoice(options, "model") ?? legacyChoice(body["models"], MODELS),
    modes: legacyChoice(body["modes"], MODES) ?? configChoice(options, "mode"),
  };
}

/** `config_option_update`, and the answer to `session/set_config_option`: all options, as they are now. */
export function currentOf(answer: unknown, configId: string): string | undefined {
  const found = objects(object(answer)["configOptions"]).find(({ id }) => id === configId);
  return text(found?.["currentValue"]);
}

interface LegacyNames {
  readonly list: string;
  readonly id: string;
  readonly current: string;
}
const MODELS: LegacyNames = { list: "availableModels", id: "modelId", current: "currentModelId" };
const MODES: LegacyNames = { list: "availableModes", id: "id", current: "currentModeId" };

function legacyChoice(value: unknown, names: LegacyNames): AcpChoice | undefined {
  const state = object(value);
  const options = objects(state[names.list]).flatMap((entry) => option(entry, names.id));
  if (options.length === 0) return undefined;
  return { by: "method", current: text(state[names.current]), options };
}

/** Options may stand in groups. A category is a hint: an option that has only its id counts, too. */
function configChoice(
  configOptions: readonly Record<string, unknown>[],
  category: string,
): AcpChoice | undefined {
  const found =
    configOptions.find((entry) => entry["category"] === category) ??
    configOptions.find(({ id, category: other }) => id === category && text(other) === undefined);
  const configId = text(found?.["id"]);
  if (found === undefined || configId === undefined) return undefined;
  const options = objects(found["options"])
    .flatMap((entry) => (Array.isArray(entry["options"]) ? objects(entry["options"]) : [entry]))
    .flatMap((entry) => option(entry, "value"));
  if (options.length === 0) return undefined;
  return { by: { configId }, current: text(found["currentValue"]), options };
}

function option(entry: Record<string, unknown>, idName: string): readonly AcpOption[] {
  const id = text(entry[idName]);
  return id === undefined ? [] : [{ id, label: text(entry["name"]) ?? id }];
}

function object(value: unknown): Record<string, unknown> {
  return isJsonObject(value) ? value : {};
}

function objects(value: unknown): readonly Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
