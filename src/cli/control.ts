// The control routes as the commands see them: where they are, and answers checked before they are shown.

import { Value } from "@sinclair/typebox/value";
import type { Static, TSchema } from "@sinclair/typebox";

import { createClient } from "./client.ts";
import type { CliContext } from "./context.ts";
import { CommandError } from "./failure.ts";
import { findServer } from "./find-server.ts";
import { readSecret } from "./read-secret.ts";

export interface Control {
  /** Throws `CommandError` when the server refuses, or answers in a form that we do not know. */
  ask<S extends TSchema>(schema: S, request: ControlRequest): Promise<Static<S>>;
}

interface ControlRequest {
  readonly method: "GET" | "POST" | "DELETE";
  /** Each part is escaped. */
  readonly path: readonly string[];
  readonly body?: object;
}

export function connectControl(
  need: "sessions" | "keys",
  url: string | undefined,
  context: CliContext,
): Control {
  const base = findServer(need, url, context);
  const client = createClient({ base, secret: readSecret("control-token", context) });
  return {
    async ask(schema, { method, path, body }) {
      const route = ["", "control", ...path.map(encodeURIComponent)].join("/");
      const content = method === "POST" ? (body ?? {}) : undefined;
      const answer = await client.call(method, route, content);
      if (Value.Check(schema, answer)) return answer;
      throw new CommandError(`${base} answers in a form that this version does not know`);
    },
  };
}
