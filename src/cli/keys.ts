// `mlp keys …`: the keys that editors use. A key is shown once, when it is made.

import { KeysAnswer, NewKeyAnswer } from "../http/control-schema.ts";
import { Type } from "@sinclair/typebox";
import type { Static } from "@sinclair/typebox";

import type { CliContext } from "./context.ts";
import { connectControl } from "./control.ts";
import type { ClientFlags, TableFlags } from "./flags.ts";
import { json, minuteOf, table } from "./table.ts";

const HEAD = ["KEY", "LABEL", "STATUS", "CREATED", "EXPIRES", "MODELS", "SESSIONS"];

type KeyRow = Static<typeof KeysAnswer>["keys"][number];

export async function listKeys(context: CliContext, flags: TableFlags): Promise<void> {
  const control = connectControl("keys", flags.url, context);
  const answer = await control.ask(KeysAnswer, { method: "GET", path: ["keys"] });
  const now = Date.now();
  const text = flags.json
    ? json(answer)
    : table(
        HEAD,
        answer.keys.map((key) => row(key, now)),
      );
  context.io.output.write(text);
}

function row(key: KeyRow, now: number): readonly string[] {
  const isExpired = key.expires_at !== null && Date.parse(key.expires_at) <= now;
  return [
    key.id,
    key.label,
    key.revoked_at === null ? (isExpired ? "expired" : "active") : "revoked",
    key.created_at === null ? "-" : minuteOf(key.created_at),
    key.expires_at === null ? "never" : minuteOf(key.expires_at),
    key.models?.join(",") ?? "all",
    key.sessions?.join(",") ?? "all",
  ];
}

export interface CreateKeyFlags extends TableFlags {
  readonly label?: string;
  /** In seconds. */
  readonly ttl?: number;
  readonly models?: readonly string[];
  readonly sessions?: readonly string[];
}

export async function createKey(context: CliContext, flags: CreateKeyFlags): Promise<void> {
  const control = connectControl("keys", flags.url, context);
  const { label, ttl, models, sessions } = flags;
  const made = await control.ask(NewKeyAnswer, {
    method: "POST",
    path: ["keys"],
    body: {
      ...(label !== undefined && { label }),
      ...(ttl !== undefined && { ttl_seconds: ttl }),
      ...(models !== undefined && { models }),
      ...(sessions !== undefined && { sessions }),
    },
  });
  show(context, made, flags.json);
}

export async function rotateKey(context: CliContext, flags: TableFlags, id: string): Promise<void> {
  const control = connectControl("keys", flags.url, context);
  const made = await control.ask(NewKeyAnswer, { method: "POST", path: ["keys", id, "rotate"] });
  show(context, made, flags.json);
}

export async function revokeKey(
  context: CliContext,
  flags: ClientFlags,
  id: string,
): Promise<void> {
  const control = connectControl("keys", flags.url, context);
  await control.ask(Type.Unknown(), { method: "DELETE", path: ["keys", id] });
  context.io.output.write(`${id} revoked\n`);
}

/** The key alone on stdout, so that a script can take it; the rest is for the person. */
function show({ io }: CliContext, made: Static<typeof NewKeyAnswer>, asJson: boolean): void {
  if (asJson) {
    io.output.write(json(made));
    return;
  }
  io.errors.write(`Key ${made.key.id}, shown this once:\n`);
  io.output.write(`${made.secret}\n`);
}
