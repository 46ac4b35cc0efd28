// Which group of routes a path belongs to. Pure, and stricter than any router: a path that could be read in two
// ways belongs to nobody.

export type RouteGroup =
  | "public"
  | "inference"
  | "operations"
  | "control"
  | "dashboard"
  | "bridge"
  | "mcp"
  /** Nothing we serve: still behind a key, so that nobody learns what there is. */
  | "unknown";

export interface ReadPath {
  /**
   * As routes are to see it: one slash between names, none at the end, no secret base path, and the model routes
   * under one `/v1`, however often the client wrote it.
   */
  readonly path: string;
  readonly group: RouteGroup;
  /** The key of a secret base path `/k/<key>/…`, as it was written. */
  readonly key: string | undefined;
}

const PUBLIC = new Set(["/", "/health", "/livez", "/readyz"]);
const OPERATIONS = new Set([
  "/health/deep",
  "/metrics",
  "/openapi.json",
  "/asyncapi.json",
  "/docs",
  "/redoc",
]);
/** The OpenAI and Anthropic routes again without `/v1`: users drop it from a base address, or write it twice. */
const ROOT_INFERENCE = [
  "/chat/completions",
  "/completions",
  "/fim/completions",
  "/responses",
  "/embeddings",
  "/models",
  "/messages",
] as const;

const LONGEST_PATH = 4_096;
const SECRET_BASE = /^\/+k\/([^/]+)(\/.*)?$/;
const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:\/|$)/;

/** `undefined` for what is no path, or two paths at once (encoded slashes and dots, backslashes, `..`). */
export function readPath(port: "provider" | "bridge", raw: string): ReadPath | undefined {
  if (raw.length > LONGEST_PATH || !/^\/[\x21-\x7e]*$/.test(raw)) return undefined;
  const secret = SECRET_BASE.exec(raw);
  const path = tidy(port, secret === null ? raw : (secret[2] ?? "/"));
  const decoded = decode(path);
  if (decoded === undefined || /[?#\\]/.test(path)) return undefined;
  if (DOT_SEGMENT.test(path) || DOT_SEGMENT.test(decoded)) return undefined;
  const group = groupOf(port, path);
  if (group !== groupOf(port, tidy(port, decoded))) return undefined;
  return { path, group, key: secret?.[1] };
}

/** The one place where a path gets its final form: whatever judges, routes or records it, has it from here. */
function tidy(port: "provider" | "bridge", path: string): string {
  const single = path.replaceAll(/\/{2,}/g, "/");
  const bare = single.length > 1 && single.endsWith("/") ? single.slice(0, -1) : single;
  return port === "provider" ? versioned(bare) : bare;
}

function versioned(path: string): string {
  if (ROOT_INFERENCE.some((root) => isUnder(path, root))) return `/v1${path}`;
  return path.replace(/^(?:\/v1){2,}(?=\/|$)/, "/v1");
}

function decode(path: string): string | undefined {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

function groupOf(port: "provider" | "bridge", path: string): RouteGroup {
  if (isUnder(path, "/control")) return "control";
  if (port === "bridge") {
    if (path === "/") return "bridge";
    if (isUnder(path, "/mcp")) return "mcp";
    return PUBLIC.has(path) ? "public" : "unknown";
  }
  if (PUBLIC.has(path)) return "public";
  if (OPERATIONS.has(path) || isUnder(path, "/docs")) return "operations";
  if (isUnder(path, "/ui")) return "dashboard";
  return isUnder(path, "/v1") || isUnder(path, "/api") ? "inference" : "unknown";
}

function isUnder(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}
