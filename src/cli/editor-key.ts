// The key that an editor gets: one of its own from the running server, else the one of this install.

import { Type } from "@sinclair/typebox";

import { NewKeyAnswer } from "../http/control-schema.ts";
import type { CliContext } from "./context.ts";
import { connectControl } from "./control.ts";
import { CommandError } from "./failure.ts";
import { readSecret } from "./read-secret.ts";

export interface EditorKey {
  readonly secret: string;
  /** `null`: the install's own key, which nothing may revoke on an editor's behalf. */
  readonly id: string | null;
}

/** Throws `CommandError` when there is no key to be had. */
export async function makeEditorKey(
  context: CliContext,
  url: string | undefined,
  label: string,
): Promise<EditorKey> {
  try {
    const control = connectControl("keys", url, context);
    const made = await control.ask(NewKeyAnswer, {
      method: "POST",
      path: ["keys"],
      body: { label },
    });
    return { secret: made.secret, id: made.key.id };
  } catch (error) {
    // The key of this install is nobody else's: not that of a server elsewhere.
    if (!(error instanceof CommandError) || !isHere(url)) throw error;
    const secret = readSecret("api-key", context).value;
    context.io.errors.write(
      `No key of its own: ${error.message}. It gets the client key of this install.\n`,
    );
    return { secret, id: null };
  }
}

/** Says so when it could not be done: the key goes on working then. */
export async function revokeEditorKey(
  context: CliContext,
  url: string | undefined,
  id: string | null,
): Promise<void> {
  if (id === null) return;
  try {
    const control = connectControl("keys", url, context);
    await control.ask(Type.Unknown(), { method: "DELETE", path: ["keys", id] });
    context.io.output.write(`Key ${id} is revoked.\n`);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    context.io.errors.write(
      `Key ${id} still works: ${error.message}. End it with: mlp keys revoke ${id}\n`,
    );
  }
}

function isHere(url: string | undefined): boolean {
  if (url === undefined) return true;
  const { hostname } = new URL(url);
  return hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d+){3}$/.test(hostname);
}
