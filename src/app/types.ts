// What the commands start and stop: each of our servers, seen from the outside.

import type { Paths } from "../config/paths.ts";
import type { Config } from "../config/schema.ts";
import type { Log } from "../core/ports.ts";

export interface StartSettings {
  readonly config: Config;
  readonly paths: Paths;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
}

/** The line that `--json` prints when everything listens. */
export interface Ready {
  readonly event: "ready";
  /** `http://127.0.0.1:PORT`; null where there is no provider. */
  readonly api: string | null;
  /** `ws://127.0.0.1:PORT`; null where there is no bridge. */
  readonly bridge: string | null;
  readonly dashboard: null;
  /** Which agents answer, for people. */
  readonly agent: string | null;
  readonly version: string;
}

/** What people are told at the start. */
export interface StartNotes {
  readonly chosenAgent: { readonly spec: string; readonly why: string };
  /** Real agents on PATH that cannot be driven yet. */
  readonly foundUnsupported: readonly { readonly name: string; readonly path: string }[];
  readonly apiKey: string;
  /** Null: the key is from the environment or the configuration, and in no file of ours. */
  readonly apiKeyFile: string | null;
}

export interface Running {
  readonly ready: Ready;
  readonly notes: StartNotes;
  /** Resolves, with the reason, when something inside ends the server. */
  readonly failed: Promise<Error>;
  /** Takes over what may change while it runs: limits, keys, origins. What may not keeps its old value. */
  reload(config: Config): void;
  /** Takes nothing new, lets open turns end within `limits.drain_ms`, then stops. */
  close(): Promise<void>;
  /** Stops at once. */
  abort(): Promise<void>;
}
