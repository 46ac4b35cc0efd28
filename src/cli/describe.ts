// What a server says of itself to a person, in a few lines. Pure.

import { join } from "node:path";

import type { Paths } from "../config/paths.ts";
import type { Config } from "../config/schema.ts";
import { visible } from "../observe/visible.ts";
import { shellQuoted } from "../wire/shell.ts";
import type { Running } from "../app/types.ts";
import { pairs } from "./table.ts";

export interface DescribeSettings {
  readonly config: Config;
  /** Only on a terminal: elsewhere it would end in somebody's log. */
  readonly showKey: boolean;
}

type Entry = readonly [name: string, value: string];

export function describeUp(running: Running, settings: DescribeSettings): string {
  const { ready, notes } = running;
  const { spec, why } = notes.chosenAgent;
  return [
    `mlp ${ready.version}: a model server for your editor, answered by an agent\n\n`,
    indent(
      pairs([
        ["API", apiEntry(ready.api)],
        ["bridge", ready.bridge ?? "none"],
        ...keyEntries(running, settings),
        ["agent", why === "" ? spec : `${spec} (${why})`],
        ...notes.foundUnsupported.map(({ name, path }): Entry => [
          "",
          `found, and needs an adapter that speaks ACP: ${name} at ${path}`,
        ]),
      ]),
    ),
    tryIt(running, settings),
  ].join("");
}

export function describeServe(running: Running, settings: DescribeSettings): string {
  const { ready } = running;
  return [
    `mlp ${ready.version}: the provider; its agents are behind a bridge\n\n`,
    indent(
      pairs([
        ["API", apiEntry(ready.api)],
        ["bridge", ready.bridge ?? settings.config.mcp.bridge_url],
        ...keyEntries(running, settings),
      ]),
    ),
    tryIt(running, settings),
  ].join("");
}

export function describeBridge({ ready }: Running, paths: Pick<Paths, "secrets">): string {
  return [
    `mlp ${ready.version}: the bridge, where agents and providers meet\n\n`,
    indent(
      pairs([
        ["bridge", ready.bridge ?? "none"],
        ["agents", `join with the token in ${join(paths.secrets, "agent-token")}`],
        ["providers", `join with the token in ${join(paths.secrets, "bridge-token")}`],
        ["approval", "mlp sessions list, mlp sessions approve"],
      ]),
    ),
  ].join("");
}

export function describeAgent({ ready }: Running): string {
  const name = ready.agent ?? "the agent";
  return [
    `mlp ${ready.version}: agent ${visible(name)}, for the bridge at ${ready.bridge ?? "none"}\n`,
    `Unless a policy there approves it, it waits for: mlp sessions approve ${shellQuoted(name)}\n`,
  ].join("");
}

function apiEntry(api: string | null): string {
  return api === null
    ? "none"
    : `${api}/v1 for OpenAI clients, ${api} for Ollama and Anthropic clients`;
}

function keyEntries({ notes }: Running, { showKey }: DescribeSettings): readonly Entry[] {
  const place = notes.apiKeyFile ?? "$MLP_API_KEY";
  return showKey
    ? [
        ["key", notes.apiKey],
        ["", `kept in ${place}`],
      ]
    : [["key", `in ${place}`]];
}

/** Works when pasted, and leaves no key in the shell's history. */
function tryIt({ ready, notes }: Running, { config }: DescribeSettings): string {
  if (ready.api === null) return "";
  const { apiKeyFile } = notes;
  const key = apiKeyFile === null ? "$MLP_API_KEY" : `$(cat ${shellQuoted(apiKeyFile)})`;
  const body = JSON.stringify({
    model: config.model.model_name,
    messages: [{ role: "user", content: "Say hello." }],
  });
  return [
    apiKeyFile === null ? "\nTry it, with the key in MLP_API_KEY:\n" : "\nTry it:\n",
    `  curl ${ready.api}/v1/chat/completions -H "authorization: Bearer ${key}" `,
    `-H "content-type: application/json" -d ${shellQuoted(body)}\n`,
  ].join("");
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, "  ");
}
