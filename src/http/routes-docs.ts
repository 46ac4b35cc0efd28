// A page about the port's routes, for people, in debug only. Made of the OpenAPI document; needs no script, no network
// and no file.

import { Elysia } from "elysia";
import { isJsonObject } from "../core/json.ts";
import { operation } from "./operation.ts";
import type { DocumentDeps } from "./routes-documents.ts";

const TYPE = "text/html; charset=utf-8";
/** The page is text and its own style: whatever slipped in beside that, a browser would not run it. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
const STYLE =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}" +
  "code{font:14px ui-monospace,monospace}h2{margin:2rem 0 0}p{margin:.2rem 0;white-space:pre-line}";

export function docsRoutes(deps: Pick<DocumentDeps, "openapi">) {
  return (
    new Elysia({ name: "docs", normalize: false })
      .get(
        "/docs",
        () => {
          const headers = {
            "content-type": TYPE,
            "content-security-policy": POLICY,
            // The address may hold a key: no other page hears of it, and no cache keeps the page under it.
            "referrer-policy": "no-referrer",
            "cache-control": "no-store",
          };
          return new Response(docsPage(deps.openapi()), { headers });
        },
        {
          detail: operation({
            summary: "A page about the routes",
            description: "In a browser, which sends no key by itself: `/k/<key>/docs`.",
            tag: "Operations",
            text: { type: "text/html", example: "<!doctype html>" },
          }),
        },
      )
      // Relative: in front of us the routes may be under a path.
      .get("/redoc", () => new Response(null, { status: 302, headers: { location: "docs" } }))
  );
}

/** `document` as openApiDocument makes it. */
export function docsPage(document: object): string {
  const { info, paths } = document as Readonly<Record<string, unknown>>;
  const title = isJsonObject(info) ? `${text(info["title"])} ${text(info["version"])}` : "";
  const operations = entries(paths).flatMap(([path, item]) =>
    entries(item).map(([method, notes]) => section(`${method.toUpperCase()} ${path}`, notes)),
  );
  return [
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title>`,
    `<style>${STYLE}</style><h1>${title}</h1>`,
    `<p>The same for programs: <a href="openapi.json">openapi.json</a>, <a href="asyncapi.json">asyncapi.json</a></p>`,
    ...operations,
    "</html>",
  ].join("\n");
}

function section(name: string, notes: unknown): string {
  if (!isJsonObject(notes)) return "";
  const answers = entries(notes["responses"]).map(([status]) => escaped(status));
  return [
    `<h2><code>${escaped(name)}</code></h2>`,
    `<p><b>${text(notes["summary"])}</b></p>`,
    `<p>${text(notes["description"])}</p>`,
    `<p>Answers with ${answers.join(", ")}.</p>`,
  ].join("\n");
}

function entries(value: unknown): readonly (readonly [string, unknown])[] {
  return isJsonObject(value) ? Object.entries(value) : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? escaped(value) : "";
}

function escaped(value: string): string {
  return value
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
