// The server as `mlp up` composes it, in this process, with the rehearsal agent behind it; and its documents as read.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startUp } from "../../src/app/start-up.ts";
import type { Running } from "../../src/app/types.ts";
import { loadConfig } from "../../src/config/load.ts";
import { findPaths } from "../../src/config/paths.ts";
import type { Log } from "../../src/core/ports.ts";

export const SECRETS = {
  MLP_API_KEY: "client-key-of-the-documents-test",
  MLP_CONTROL_TOKEN: "control-token-of-the-documents-test",
  MLP_BRIDGE_TOKEN: "bridge-token-of-the-documents-test",
  MLP_AGENT_TOKEN: "agent-token-of-the-documents-test",
};

/** Small, so that a body over it is cheap to send. */
export const BODY_BYTES = 64 * 1024;

const silent: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export interface Server {
  readonly running: Running;
  readonly api: string;
  readonly bridge: string;
  stop(): Promise<void>;
}

export async function startServer(variables: Record<string, string> = {}): Promise<Server> {
  const home = mkdtempSync(join(tmpdir(), "mlp-documents-"));
  const env = {
    MLP_HOME: home,
    ...SECRETS,
    MLP_PROVIDER_PORT: "0",
    MLP_BRIDGE_PORT: "0",
    MLP_LIMITS_BODY_BYTES: String(BODY_BYTES),
    MLP_LIMITS_CONTROL_BODY_BYTES: String(BODY_BYTES),
    MLP_MODEL_ALIASES: "nomic-embed-text=rehearsal",
    MLP_RATE_LIMITING_REQUESTS_PER_MINUTE: "1000000",
    MLP_RATE_LIMITING_TOKENS_PER_MINUTE: "1000000000",
    ...variables,
  };
  const paths = findPaths({ env, platform: process.platform, home });
  const { config } = loadConfig({ env, paths });
  const running = await startUp({ config, paths, env, log: silent, agents: ["rehearsal"] });
  return {
    running,
    api: running.ready.api!,
    bridge: running.ready.bridge!.replace(/^ws:/, "http:"),
    stop: async () => {
      await running.abort();
      rmSync(home, { recursive: true });
    },
  };
}

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: object;
}

export interface MediaType {
  readonly schema: object;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
  readonly "x-item-schema"?: object;
}

export interface Answer {
  readonly description: string;
  readonly headers?: Readonly<Record<string, object>>;
  readonly content?: Readonly<Record<string, MediaType>>;
}

export interface OperationObject {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly object[];
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly servers?: readonly { readonly url: string; readonly variables?: object }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, MediaType>> };
  readonly responses: Readonly<Record<string, object>>;
}

export interface OpenApi {
  readonly openapi: string;
  readonly info: Readonly<Record<string, unknown>>;
  readonly servers: readonly { readonly url: string }[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, object>>>>;
}

export interface Operation extends OperationObject {
  /** As in `GET /v1/models`. */
  readonly name: string;
  readonly method: string;
  readonly path: string;
}

export function operationsOf(document: OpenApi): readonly Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      ...operation,
      method: method.toUpperCase(),
      path,
      name: `${method.toUpperCase()} ${path}`,
    })),
  );
}

export async function readDocument<T>(base: string, path: string, secret: string): Promise<T> {
  const response = await fetch(`${base}${path}`, {
    headers: { authorization: `Bearer ${secret}` },
  });
  if (response.status !== 200) throw new Error(`${path}: ${response.status}`);
  return (await response.json()) as T;
}
