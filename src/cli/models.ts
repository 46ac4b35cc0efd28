// `mlp list`, `mlp ps`, `mlp show`: what the running provider offers, by Ollama's verbs and routes.

import { isJsonObject } from "../core/json.ts";
import type { JsonObject, JsonValue } from "../core/json.ts";
import { createClient } from "./client.ts";
import type { Client } from "./client.ts";
import type { CliContext } from "./context.ts";
import { findServer } from "./find-server.ts";
import type { TableFlags } from "./flags.ts";
import { readSecret } from "./read-secret.ts";
import { json, minuteOf, pairs, table } from "./table.ts";

/** A client of the provider's inference routes. */
export function connectApi(url: string | undefined, context: CliContext): Client {
  const base = findServer("api", url, context);
  return createClient({ base, secret: readSecret("api-key", context) });
}

export async function listModels(context: CliContext, flags: TableFlags): Promise<void> {
  const answer = await connectApi(flags.url, context).call("GET", "/api/tags");
  const rows = modelsOf(answer).map((model) => [
    text(model["name"]),
    text(member(model["details"], "family")),
    minuteOf(text(model["modified_at"])),
  ]);
  context.io.output.write(flags.json ? json(answer) : table(["NAME", "AGENT", "MODIFIED"], rows));
}

export async function listRunning(context: CliContext, flags: TableFlags): Promise<void> {
  const answer = await connectApi(flags.url, context).call("GET", "/api/ps");
  const rows = modelsOf(answer).map((model) => [
    text(model["name"]),
    text(member(model["details"], "family")),
    until(text(model["expires_at"])),
  ]);
  context.io.output.write(flags.json ? json(answer) : table(["NAME", "AGENT", "UNTIL"], rows));
}

export async function showModel(
  context: CliContext,
  flags: TableFlags,
  model: string,
): Promise<void> {
  const answer = await connectApi(flags.url, context).call("POST", "/api/show", { model });
  if (flags.json) {
    context.io.output.write(json(answer));
    return;
  }
  const facts = isJsonObject(answer) ? answer : {};
  const capabilities = facts["capabilities"];
  context.io.output.write(
    pairs([
      ["model", model],
      ["agent", text(member(facts["details"], "family"))],
      ["capabilities", Array.isArray(capabilities) ? capabilities.map(text).join(", ") : ""],
      ...infoEntries(facts["model_info"]),
    ]),
  );
}

/** In tokens; `undefined` where the server does not say it. Throws `CommandError` as `call` does. */
export async function contextLengthOf(api: Client, model: string): Promise<number | undefined> {
  const answer = await api.call("POST", "/api/show", { model });
  const info = isJsonObject(answer) ? answer["model_info"] : undefined;
  if (!isJsonObject(info)) return undefined;
  const name = Object.keys(info).find((each) => each.endsWith(".context_length"));
  const length = name === undefined ? undefined : info[name];
  return typeof length === "number" && Number.isSafeInteger(length) && length > 0
    ? length
    : undefined;
}

/** A model has to expire in Ollama's answer; one that does not is given a year far away. */
function until(time: string): string {
  return Number(time.slice(0, 4)) >= 2100 ? "no end" : minuteOf(time);
}

function infoEntries(info: JsonValue | undefined): readonly (readonly [string, string])[] {
  if (!isJsonObject(info)) return [];
  return Object.entries(info)
    .filter(([, value]) => value !== null && typeof value !== "object")
    .map(([name, value]) => [name, text(value)] as const);
}

function modelsOf(answer: JsonValue): readonly JsonObject[] {
  const models = isJsonObject(answer) ? answer["models"] : undefined;
  return Array.isArray(models) ? models.filter(isJsonObject) : [];
}

function member(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return isJsonObject(value) ? value[name] : undefined;
}

function text(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
