// Who may call from a browser: Origin, and where there is none, fetch metadata and Referer. Pure; every
// comparison is of whole values, since half of one is how others were broken into.

import { AppError } from "../core/error.ts";

/** Says whether an origin is allowed. An origin is text such as `http://localhost:3000`. */
export type OriginRule = (origin: string) => boolean;

/**
 * Editors' webviews, whose origin is made up by the editor. `file://` is exact: pages opened from a disk in an
 * ordinary browser say `null`, which is never allowed.
 */
const WEBVIEW = /^(?:vscode-webview|vscode-file|app|tauri):\/\/[A-Za-z0-9._~-]{0,255}$/;
const LOOPBACK = /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?$/;

/**
 * The origins that may call inference routes: editors, pages of this machine, and those configured: whole
 * origins, `scheme://host:*` for any port, or `scheme://*` for the scheme of an editor.
 * @throws AppError invalid_request for a pattern that would let the web in, or that cannot match
 */
export function createOriginRule(configured: readonly string[] = []): OriginRule {
  const exact = new Set<string>();
  const rules: RegExp[] = [WEBVIEW, LOOPBACK];
  for (const pattern of configured) {
    const parts = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/.exec(pattern);
    const [, scheme = "", rest = ""] = parts ?? [];
    const anyPort = /^([^/?#@\s*]+):\*$/.exec(rest)?.[1];
    if (parts === null) throw unusable(pattern);
    if (rest === "*" && !/^(?:https?|wss?)$/.test(scheme)) {
      rules.push(new RegExp(`^${escaped(scheme)}://[A-Za-z0-9._~-]{0,255}$`));
    } else if (anyPort !== undefined) {
      rules.push(new RegExp(`^${escaped(`${scheme}://${anyPort}`)}(?::[0-9]{1,5})?$`));
    } else if (/^[^/?#@\s*]+$/.test(rest)) exact.add(pattern);
    else throw unusable(pattern);
  }
  return (origin) =>
    origin === "file://" || exact.has(origin) || rules.some((rule) => rule.test(origin));
}

/** The port's own pages, as the (already checked) Host names it. */
export function ownOrigin(host: string): OriginRule {
  return (origin) => origin === `http://${host}` || origin === `https://${host}`;
}

export interface BrowserSigns {
  readonly origin: string | null;
  readonly fetchSite: string | null;
  readonly referer: string | null;
}

/**
 * Whether a browser sends this on behalf of somebody else. An allowed Origin decides alone where
 * `originDecides`: an editor's webview is cross-site by nature. `none` is a human's own typing.
 */
export function isForeign(
  signs: BrowserSigns,
  allows: OriginRule,
  options: { readonly originDecides: boolean; readonly noneIsFine: boolean },
): boolean {
  const { origin, fetchSite, referer } = signs;
  if (origin !== null) {
    if (!allows(origin)) return true;
    if (options.originDecides) return false;
  }
  if (fetchSite !== null && fetchSite !== "same-origin") {
    if (fetchSite !== "none" || !options.noneIsFine) return true;
  }
  if (referer === null || referer === "") return false;
  const from = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(referer)?.[0];
  return from === undefined || !allows(from);
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`);
}

function unusable(pattern: string): AppError {
  return new AppError(
    "invalid_request",
    `The origin "${pattern}" cannot be allowed. Write one such as https://ide.example, http://host:* or myeditor://*.`,
    { param: "security.allowed_origins" },
  );
}
