// The one decision about a request, taken before its body on both ports and for every method: who asks, from
// where, for what. Pure, and never throws: what cannot be judged is refused. Knows no server and no route handler.

import { isIP } from "node:net";
import { AppError, toAppError } from "../core/error.ts";
import { tooManyWrongKeys } from "./auth-failures.ts";
import type { AuthFailures } from "./auth-failures.ts";
import { judgeBody } from "./guard-body.ts";
import type { BodyVerdict } from "./guard-body.ts";
import { createOriginRule, isForeign, ownOrigin } from "./guard-origin.ts";
import type { OriginRule } from "./guard-origin.ts";
import { createKeyCheck } from "./guard-keys.ts";
import type { KeyCheck, KeyRules } from "./guard-keys.ts";
import type { GuardCaller, GuardQuestion } from "./guard-question.ts";
import { readPath } from "./guard-routes.ts";
import type { ReadPath, RouteGroup } from "./guard-routes.ts";
import { createPeerRule } from "./peers.ts";
import { shownKey } from "./shown-key.ts";

export type { GuardCaller, GuardQuestion } from "./guard-question.ts";

export type GuardVerdict =
  | {
      readonly allow: true;
      /** What to route by: tidied, without a secret base path. Safe to log. */
      readonly path: string;
      readonly caller: GuardCaller;
      readonly group: RouteGroup;
      /** An origin that gets CORS headers. */
      readonly origin?: string;
      /** The body says it is a form and is JSON: what `curl -d` sends. */
      readonly formAsJson?: true;
      /** A CORS preflight: to be answered with 204, and by no route. */
      readonly preflight?: true;
      /** Why the body must not be read: what a route that wants it answers, and one that does not never hears. */
      readonly unreadable?: AppError;
    }
  | {
      readonly allow: false;
      readonly error: AppError;
      readonly group: RouteGroup;
      /** What would have been routed by; `undefined` for what is no path. It may still begin with `/k/…`. */
      readonly path: string | undefined;
      /** An origin that is allowed, and may read why it is refused all the same. */
      readonly origin?: string;
    };

export type Guard = (question: GuardQuestion) => GuardVerdict;

export interface GuardRules extends KeyRules {
  /** Whole `Host` values in lower case, with the port: see `hostsOf`. Read at every request. */
  readonly hosts: ReadonlySet<string>;
  readonly allowedOrigins?: readonly string[];
  readonly allowedPeers?: readonly string[];
  /** Declared sizes, in bytes. */
  readonly limits: { readonly bodyBytes: number; readonly controlBodyBytes: number };
  /** Content encodings that are decoded on `/v1`: `gzip` and `zstd` unless said otherwise. */
  readonly encodings?: readonly string[];
  /** Counts wrong keys; without it none is too many. */
  readonly failures?: AuthFailures;
}

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
const PREFLIGHT_METHODS = new Set(["GET", "HEAD", "POST", "DELETE"]);
/** Groups that editors' pages may call; all others are for our own pages only. */
const CROSS_ORIGIN: ReadonlySet<RouteGroup> = new Set<RouteGroup>(["public", "inference"]);
/** Groups that nobody reaches by typing an address, or by a link from elsewhere. */
const NEVER_TYPED: ReadonlySet<RouteGroup> = new Set<RouteGroup>(["control", "bridge", "mcp"]);
/** Groups that no model client has business with: there a body that must not be read ends the request at once. */
const STRICT: ReadonlySet<RouteGroup> = new Set<RouteGroup>([...NEVER_TYPED, "dashboard"]);

/** @throws AppError invalid_request for an origin or a network that cannot be allowed */
export function createGuard(rules: GuardRules): Guard {
  const parts: Parts = {
    rules,
    isPeer: createPeerRule(rules.allowedPeers),
    isEditor: createOriginRule(rules.allowedOrigins),
    check: createKeyCheck(rules),
    encodings: new Set(rules.encodings ?? ["gzip", "zstd"]),
  };
  const readKnown = rememberPaths();
  return (question) => {
    let read: ReadPath | undefined;
    let source: Source | undefined;
    try {
      read = readKnown(question.port, question.path);
      source = checkSource(parts, question, read);
      return decide(parts, question, source);
    } catch (caught) {
      const refused = toAppError(caught);
      const isWrongKey = refused.code === "invalid_api_key" && showsKey(question);
      const isOneTooMany = isWrongKey && rules.failures?.failed(question.peer) === true;
      const error = isOneTooMany ? tooManyWrongKeys() : refused;
      const { origin } = source ?? {};
      const refusal = { allow: false, error, group: read?.group ?? "unknown" } as const;
      return { ...refusal, path: read?.path, ...(origin !== undefined && { origin }) };
    }
  };
}

/** A guess, and not just a key that is missing: an editor without one looks for models every few seconds. */
function showsKey(question: GuardQuestion): boolean {
  return shownKey(question) === "secret" || /^\/+k\//.test(question.path);
}

/**
 * The `Host` values of a port: those of this machine with the port, and each name or address given beside them
 * with the port and, for a proxy in front, without one.
 */
export function hostsOf(port: number, names: readonly string[] = []): Set<string> {
  const local = ["127.0.0.1", "localhost", "[::1]"];
  const hosts = new Set(local.map((name) => `${name}:${port}`));
  if (port === 80) for (const name of local) hosts.add(name);
  for (const name of names) {
    const plain = isIP(name) === 6 ? `[${name.toLowerCase()}]` : name.toLowerCase();
    hosts.add(plain);
    if (!/:[0-9]+$/.test(plain)) hosts.add(`${plain}:${port}`);
  }
  return hosts;
}

/** Editors ask for the same few paths all day. Secret base paths are not kept. */
const REMEMBERED_PATHS = 256;

function rememberPaths(): typeof readPath {
  const known = new Map<string, ReadPath>();
  return (port, raw) => {
    const name = port + raw;
    const remembered = known.get(name);
    if (remembered !== undefined) return remembered;
    const read = readPath(port, raw);
    if (read !== undefined && read.key === undefined && known.size < REMEMBERED_PATHS) {
      known.set(name, read);
    }
    return read;
  };
}

interface Parts {
  readonly rules: GuardRules;
  readonly isPeer: (address: string | undefined) => boolean;
  readonly isEditor: OriginRule;
  readonly check: KeyCheck;
  readonly encodings: ReadonlySet<string>;
}

/** Where a request comes from, once that is known to be allowed, and where it goes. */
interface Source {
  readonly read: ReadPath;
  /** For which CORS headers are due. */
  readonly origin: string | undefined;
}

/** In the order of the checks, cheapest and least telling first: these come before those of `decide`. @throws AppError */
function checkSource(parts: Parts, question: GuardQuestion, read: ReadPath | undefined): Source {
  if (!parts.isPeer(question.peer)) {
    throw new AppError("forbidden", "Connections are accepted from this machine only.");
  }
  const host = checkHost(parts.rules.hosts, question, read);
  if (read === undefined) throw new AppError("invalid_request", "The path is not valid.");
  return { read, origin: checkOrigin(parts, question, { host, group: read.group }) };
}

/** @throws AppError the refusal */
function decide(
  parts: Parts,
  question: GuardQuestion,
  { read, origin }: Source,
): Extract<GuardVerdict, { allow: true }> {
  const { group, path } = read;
  if (!METHODS.has(question.method)) {
    throw new AppError("method_not_allowed", "This method is not served.");
  }
  const shared = { path, group, ...(origin !== undefined && { origin }) };
  if (question.method === "OPTIONS") {
    checkPreflight(question, group);
    return { allow: true, ...shared, caller: { kind: "public" }, preflight: true };
  }
  const body = judge(parts, question, read);
  // A web page can send a form by itself, but no key in a header.
  const vouched = group === "inference" && read.key === undefined && origin === undefined;
  const client = body.isForm && vouched ? parts.check.clientByHeader(question) : undefined;
  if (client !== undefined) return { allow: true, ...shared, caller: client, formAsJson: true };
  const unreadable = body.isForm ? wrongType() : body.error;
  if (unreadable !== undefined && STRICT.has(group)) throw unreadable;
  // Only who has a key hears of the body, since only a route that is there has anything against it.
  const caller = parts.check.callerOf(question, read);
  return { allow: true, ...shared, caller, ...(unreadable !== undefined && { unreadable }) };
}

/** One whole value of the set, in any case; two Host headers make a value that is in no set. */
function checkHost(
  hosts: ReadonlySet<string>,
  question: GuardQuestion,
  read: ReadPath | undefined,
): string {
  const host = question.header("host")?.toLowerCase() ?? "";
  if (hosts.has(host)) return host;
  throw new AppError(
    read?.group === "mcp" ? "forbidden" : "misdirected",
    "This server does not answer for that Host. Use the address that it printed at its start.",
  );
}

/** The origin to answer with CORS headers. @throws AppError forbidden_origin */
function checkOrigin(
  { isEditor }: Parts,
  question: GuardQuestion,
  { host, group }: { host: string; group: RouteGroup },
): string | undefined {
  const own = ownOrigin(host);
  const crossOrigin = CROSS_ORIGIN.has(group);
  const signs = {
    origin: question.header("origin"),
    fetchSite: question.header("sec-fetch-site"),
    referer: question.header("referer"),
  };
  const allows = crossOrigin ? (from: string) => own(from) || isEditor(from) : own;
  const isRead = question.method === "GET" || question.method === "HEAD";
  const noneIsFine = group === "dashboard" ? isRead : !NEVER_TYPED.has(group);
  if (isForeign(signs, allows, { originDecides: group === "inference", noneIsFine })) {
    throw new AppError(
      "forbidden_origin",
      "Pages of this origin may not call this. Allow an editor's origin with security.allowed_origins.",
    );
  }
  return crossOrigin ? (signs.origin ?? undefined) : undefined;
}

/** Asked by a browser before it sends a key, so it cannot carry one. The origin has been checked. */
function checkPreflight(question: GuardQuestion, group: RouteGroup): void {
  const wanted = question.header("access-control-request-method");
  const isPreflight = question.header("origin") !== null && wanted !== null;
  if (isPreflight && group === "inference" && PREFLIGHT_METHODS.has(wanted)) return;
  throw new AppError("forbidden_origin", "Preflights are answered for inference routes only.");
}

function judge({ rules, encodings }: Parts, question: GuardQuestion, read: ReadPath): BodyVerdict {
  const { bodyBytes, controlBodyBytes } = rules.limits;
  const isLarge = read.group === "inference";
  return judgeBody({
    method: question.method,
    contentType: question.header("content-type"),
    contentEncoding: question.header("content-encoding"),
    contentLength: question.header("content-length"),
    transferEncoding: question.header("transfer-encoding"),
    limit: isLarge ? bodyBytes : controlBodyBytes,
    setting: isLarge ? "limits.body_bytes" : "limits.control_body_bytes",
    encodings: read.path.startsWith("/v1/") ? encodings : new Set(),
    mayBeEmpty: read.group === "control",
  });
}

function wrongType(): AppError {
  return new AppError(
    "unsupported_media_type",
    "Send JSON with the header Content-Type: application/json",
  );
}
