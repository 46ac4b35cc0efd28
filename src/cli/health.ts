// `mlp health`: is the server well? For people, and for a container's health check. Needs no key.

import { isJsonObject } from "../core/json.ts";
import { createClient } from "./client.ts";
import type { CliContext } from "./context.ts";
import { findServer } from "./find-server.ts";
import type { TableFlags } from "./flags.ts";
import { json, pairs } from "./table.ts";

const UNWELL = new Set(["unhealthy", "error", "failed"]);

export async function health(context: CliContext, flags: TableFlags): Promise<void> {
  const base = findServer("health", flags.url, context);
  const answer = await createClient({ base }).call("GET", "/health");
  const facts = isJsonObject(answer) ? answer : {};
  const status = typeof facts["status"] === "string" ? facts["status"] : "unknown";
  if (UNWELL.has(status)) context.setExitCode(1);
  if (flags.json) {
    context.io.output.write(json(answer));
    return;
  }
  const plain = Object.entries(facts).flatMap(([name, value]) =>
    typeof value === "string" || typeof value === "number" ? [[name, String(value)] as const] : [],
  );
  context.io.output.write(pairs([["address", base], ...plain]));
}
