// What `--agent` and the `agents` list say, as data. Starts nothing.

import { AppError } from "../core/error.ts";
import { AGENT_SPEC_PATTERN } from "./schema.ts";
import type { AgentEntry } from "./schema.ts";

/** Which agent to run. `none`: agents join by the bridge only. */
export type AgentSpec =
  | { readonly connector: "rehearsal" }
  | { readonly connector: "none" }
  | {
      readonly connector: "openai";
      readonly baseUrl: string;
      readonly model?: string;
      readonly apiKey?: string;
      readonly label?: string;
    };

const LATER = /^(cursor|acp|mcp)(:|$)/;

/** `rehearsal`, `none`, `openai:<base-url>[#model]`. Throws `AppError` `invalid_request` for anything else. */
export function parseAgentSpec(spec: string): AgentSpec {
  if (LATER.test(spec)) {
    throw new AppError(
      "invalid_request",
      `--agent: ${spec.split(":")[0]} agents are not supported yet; use rehearsal or openai:<base address>`,
    );
  }
  if (!new RegExp(AGENT_SPEC_PATTERN).test(spec)) {
    throw new AppError(
      "invalid_request",
      "--agent: expected rehearsal, none or openai:<base address>[#model]",
    );
  }
  if (spec === "rehearsal" || spec === "none") return { connector: spec };
  const address = spec.slice("openai:".length);
  const hash = address.indexOf("#");
  if (hash === -1) return { connector: "openai", baseUrl: address };
  const model = address.slice(hash + 1);
  const baseUrl = address.slice(0, hash);
  return model === "" ? { connector: "openai", baseUrl } : { connector: "openai", baseUrl, model };
}

/** An entry of the `agents` list, in either of its forms. */
export function agentSpecOf(entry: AgentEntry): AgentSpec {
  if (typeof entry === "string") return parseAgentSpec(entry);
  return {
    connector: entry.connector,
    baseUrl: entry.base_url,
    ...(entry.model !== undefined && { model: entry.model }),
    ...(entry.api_key !== undefined && { apiKey: entry.api_key }),
    ...(entry.label !== undefined && { label: entry.label }),
  };
}
