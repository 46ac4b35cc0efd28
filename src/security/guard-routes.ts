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
  /** As routes are to see it: one slash between names, none at the end, no secret base path. */
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
/** The OpenAI and Anthropic routes again without `/v1`: users drop it. */
const ROOT_INFERENCE = [
  "/chat/completions",
  "/completions",
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
  const path = tidy(secret === null ? raw : (secret[2] ?? "/"));
  const decoded = decode(path);
  if (decoded === undefined || /[?#\\]/.test(path)) return undefined;
  if (DOT_SEGMENT.test(path) || DOT_SEGMENT.test(decoded)) return undefined;
  const group = groupOf(port, path);
  if (group !== groupOf(port, tidy(decoded))) return undefined;
  return { path, group, key: secret?.[1] };
}

function tidy(path: string): string {
  const single = path.replaceAll(/\/{2,}/g, "/");
  return single.length > 1 && single.endsWith("/") ? single.slice(0, -1) : single;
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
  if (isUnder(path, "/v1") || isUnder(path, "/api")) return "inference";
  return ROOT_INFERENCE.some((root) => isUnder(path, root)) ? "inference" : "unknown";
}

function isUnder(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}
