// What a browser is told, so that a page may read our answers. Who may is the guard's to say: nobody else's pages come here.

import { cors } from "@elysiajs/cors";
import { LIMIT_HEADERS } from "./limit-headers.ts";
import type { Visits } from "./visit.ts";

const EXPOSED = [
  "x-request-id",
  "request-id",
  "x-session-id",
  "x-mlp-queued",
  "x-mlp-notice",
  "retry-after",
  // SDKs in a page obey these two as they do elsewhere.
  "retry-after-ms",
  "x-should-retry",
  "openai-processing-ms",
  ...LIMIT_HEADERS,
];

/** Only requests whose origin the guard allowed come here; asked headers are reflected, since editors' differ. */
export function corsFor(visits: Visits) {
  return cors({
    origin: (request) => visits.of(request) !== undefined,
    methods: ["GET", "POST", "DELETE", "OPTIONS"],
    allowedHeaders: true,
    exposeHeaders: EXPOSED,
    credentials: false,
    maxAge: 600,
  });
}

/** The same for a refusal that no route has seen: a page that may ask is told why it may not have, say a better key. */
export function shareRefusal({ headers }: Response, origin: string): void {
  if (headers.has("access-control-allow-origin")) return;
  headers.set("access-control-allow-origin", origin);
  headers.set("access-control-expose-headers", EXPOSED.join(", "));
  headers.set("vary", "Origin");
}
