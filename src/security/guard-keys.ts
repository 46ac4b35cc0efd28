// Who asks, by the secret that he shows. Secrets are compared by digest, and a wrong one is answered exactly like
// none. Pure; knows client keys by a function that finds them.

import { AppError } from "../core/error.ts";
import type { ClientKey } from "../core/ports.ts";
import { digestOf, sameDigest } from "./digest.ts";
import type { GuardCaller, GuardQuestion } from "./guard-question.ts";
import type { ReadPath } from "./guard-routes.ts";
import { shownKey } from "./shown-key.ts";

export interface KeyRules {
  /** The three tokens, in clear; only their digests are kept. */
  readonly tokens: { readonly control: string; readonly bridge: string; readonly agent: string };
  /**
   * Bridges that are not ours, each with the token by which it registers its sessions on the provider's port. It opens
   * three routes and nothing else.
   */
  readonly bridges?: readonly { readonly name: string; readonly token: string }[];
  /** The client key of this secret if it is good now: neither expired nor revoked. */
  readonly keys: { find(secret: string): ClientKey | undefined };
  /** The owner's consent to serve this caller without a key; asked only where no browser and no secret is involved. */
  readonly keyless?: (question: GuardQuestion) => boolean;
}

export interface KeyCheck {
  /** @throws AppError invalid_api_key, forbidden, not_found */
  callerOf(question: GuardQuestion, read: ReadPath): GuardCaller;
  /** The client whose key is in a header, which no web page can send by itself. */
  clientByHeader(question: GuardQuestion): GuardCaller | undefined;
}

/** Longer than any key or token: hashing more would only be work for a stranger. */
const LONGEST_SECRET = 1_024;

/** What a foreign bridge may ask: the control routes of the guides. */
const REGISTRATION = new Set([
  "POST /control/register",
  "POST /control/revoke",
  "GET /control/sessions",
]);

/** What a human reads in a browser, which sends no key of its own. They tell nothing of what is asked and answered. */
const PAPERS = new Set(["/docs", "/redoc", "/openapi.json", "/asyncapi.json"]);

export function createKeyCheck({ tokens, keys, keyless, bridges = [] }: KeyRules): KeyCheck {
  const digests = {
    control: digestOf(tokens.control),
    bridge: digestOf(tokens.bridge),
    agent: digestOf(tokens.agent),
  };
  const registrars = bridges.map(({ name, token }) => ({ name, digest: digestOf(token) }));

  function client(secrets: readonly string[]): GuardCaller | undefined {
    for (const secret of secrets) {
      const key = keys.find(secret);
      if (key !== undefined) return { kind: "client", keyId: key.id };
    }
    return undefined;
  }

  function token(
    secrets: readonly string[],
    kinds: readonly (keyof typeof digests)[],
  ): GuardCaller | undefined {
    for (const secret of secrets) {
      const digest = digestOf(secret);
      const kind = kinds.find((each) => sameDigest(digest, digests[each]));
      if (kind !== undefined) return { kind };
    }
    return undefined;
  }

  function bySecretPath({ port }: GuardQuestion, { group, path, key = "" }: ReadPath): GuardCaller {
    if (port !== "provider") throw unauthorised();
    const caller = client(spellings(key));
    if (caller === undefined) throw noClientKey();
    if (group === "inference" || path === "/" || PAPERS.has(path)) return caller;
    if (group === "control") throw notYours();
    throw new AppError(
      "not_found",
      "A secret base path leads to the model routes and to the papers about them only.",
    );
  }

  function controller(question: GuardQuestion, { path }: ReadPath): GuardCaller {
    const secrets = shown(question);
    const caller = token(secrets, ["control"]);
    if (caller !== undefined) return caller;
    const name = question.port === "provider" ? bridgeOf(secrets) : undefined;
    const mayRegister = name !== undefined && REGISTRATION.has(`${question.method} ${path}`);
    if (mayRegister) return { kind: "bridge", bridge: name };
    const isKnown = name ?? token(secrets, ["bridge", "agent"]) ?? client(secrets);
    throw isKnown === undefined ? unauthorised("The control token") : notYours();
  }

  /** The foreign bridge whose token this is. */
  function bridgeOf(secrets: readonly string[]): string | undefined {
    for (const secret of secrets) {
      const digest = digestOf(secret);
      const registrar = registrars.find((each) => sameDigest(digest, each.digest));
      if (registrar !== undefined) return registrar.name;
    }
    return undefined;
  }

  function asker(question: GuardQuestion, secrets: readonly string[]): GuardCaller {
    const caller = client(secrets);
    if (caller !== undefined) return caller;
    const sight = shownKey(question);
    if (sight !== "secret" && !isBrowser(question) && keyless?.(question) === true) {
      return { kind: "client", keyless: true };
    }
    throw sight === "placeholder" ? onlyPlaceholder() : noClientKey();
  }

  function joiner(question: GuardQuestion, kinds: readonly ("bridge" | "agent")[]): GuardCaller {
    const caller = token(bearer(question), kinds);
    if (caller === undefined) {
      throw unauthorised(`The ${kinds.map((kind) => `${kind} token`).join(" or the ")}`);
    }
    return caller;
  }

  return {
    callerOf(question, read) {
      if (read.key !== undefined) return bySecretPath(question, read);
      const secrets = shown(question);
      switch (read.group) {
        case "public":
          if (question.method === "GET" || question.method === "HEAD") return { kind: "public" };
          break;
        case "inference":
          return asker(question, secrets);
        case "control":
        case "dashboard":
          return controller(question, read);
        case "bridge":
          return joiner(question, ["bridge", "agent"]);
        case "mcp":
          return joiner(question, ["agent"]);
        case "operations":
        case "unknown":
          break;
      }
      if (question.port === "bridge") return controller(question, read);
      const caller = client(secrets);
      if (caller === undefined) throw unauthorised();
      return caller;
    },

    clientByHeader: (question) => client(shown(question)),
  };
}

/** Every secret in the headers that clients use: some send a dummy in one and the key in another. */
function shown(question: GuardQuestion): readonly string[] {
  const plain = [question.header("x-api-key"), question.header("api-key")];
  return [...bearer(question), ...plain.flatMap((value) => usable(value?.trim()))];
}

function bearer(question: GuardQuestion): readonly string[] {
  return usable(/^bearer +(\S+)\s*$/i.exec(question.header("authorization") ?? "")?.[1]);
}

function usable(secret: string | undefined): readonly string[] {
  return secret === undefined || secret === "" || secret.length > LONGEST_SECRET ? [] : [secret];
}

/** A key in a path may have been percent-encoded on the way. */
function spellings(secret: string): readonly string[] {
  if (secret.length > LONGEST_SECRET) return [];
  try {
    const decoded = decodeURIComponent(secret);
    return decoded === secret ? [secret] : [secret, decoded];
  } catch {
    return [secret];
  }
}

/**
 * What browsers send of themselves. `sec-fetch-mode` is not among it: the `fetch` of Node sends that too, and with it
 * half of all editors.
 */
const BROWSER_HEADERS = [
  "origin",
  "referer",
  "cookie",
  "sec-fetch-site",
  "sec-fetch-dest",
  "sec-fetch-user",
  "sec-ch-ua",
  "sec-purpose",
  "access-control-request-method",
] as const;

function isBrowser(question: GuardQuestion): boolean {
  return BROWSER_HEADERS.some((name) => question.header(name) !== null);
}

function unauthorised(what = "A valid key"): AppError {
  return new AppError(
    "invalid_api_key",
    `${what} is required. Send it as: Authorization: Bearer <key>`,
  );
}

/** Many editors have no field for a key, so the address is named beside the header. */
function noClientKey(): AppError {
  return new AppError(
    "invalid_api_key",
    "A valid key is required: as Authorization: Bearer <key>, or in the address as /k/<key>. To make one: mlp keys create",
  );
}

function onlyPlaceholder(): AppError {
  return new AppError(
    "invalid_api_key",
    "A valid key is required, and what came is only a placeholder. Put a key into the editor's settings (mlp keys create), or into its address as /k/<key>; or let your own programs in with security.keyless: same_user.",
  );
}

function notYours(): AppError {
  return new AppError("forbidden", "This needs the control token; this key is for something else.");
}
