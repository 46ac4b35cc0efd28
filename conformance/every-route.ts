// What is the same on every route: its addresses, keys, types and headers, and how it refuses.

import { must, same, skip } from "./check.ts";
import type { Check, Feature } from "./check.ts";
import * as prompt from "./prompts.ts";
import type { Server } from "./server.ts";
import { ROUTES, bodyOf, refuses, succeeds, unslowed } from "./routes.ts";
import type { Route } from "./routes.ts";

type Make = (route: Route) => Omit<Check, "column"> | undefined;

const make =
  (
    feature: Feature,
    title: string,
    run: (route: Route, server: Server) => Promise<void>,
    more: { readonly ours?: true; readonly where?: (route: Route) => boolean } = {},
  ): Make =>
  (route) => {
    const { where = () => true, ours } = more;
    if (!where(route)) return undefined;
    return { feature, title, run: (server) => run(route, server), ...(ours && { ours }) };
  };

const takesBody = { where: (route: Route) => route.body !== undefined };

const MAKES: readonly Make[] = [
  make(
    "spellings of a name",
    "with `:latest`, and in any case",
    async (route, server) => {
      for (const model of [`${server.model}:latest`, server.model.toUpperCase()]) {
        succeeds(model, await server.send(route.path, bodyOf(route, { ...server, model })));
      }
    },
    takesBody,
  ),
  make(
    "spellings of a path",
    "doubled and trailing slashes, and `/v1` left out or doubled where it has one",
    async (route, server) => {
      for (const path of route.paths) {
        succeeds(path, await server.send(path, bodyOf(route, server)));
      }
    },
  ),
  make(
    "key in the address",
    "`/k/<key>` before the path, whatever the headers say",
    async (route, server) => {
      for (const key of [null, "noop"]) {
        const call = { ...bodyOf(route, server), key };
        succeeds("/k/<key>", await server.send(`/k/${server.key}${route.path}`, call));
        succeeds("/k/<key>/", await server.send(`/k/${server.key}/${route.path}`, call));
      }
      // A server may slow down an address that shows many wrong keys, so one route stands for all here.
      if (route.column !== "chat") return;
      const wrong = { ...bodyOf(route, server), key: null };
      refuses(route, unslowed(await server.send(`/k/wrong${route.path}`, wrong)), 401);
    },
    { ours: true },
  ),
  make(
    "compressed bodies",
    "gzip and zstd",
    async (route, server) => {
      const { body } = bodyOf(route, server);
      const bytes = new TextEncoder().encode(JSON.stringify(body));
      const packed = {
        gzip: Bun.gzipSync(bytes),
        zstd: new Uint8Array(Bun.zstdCompressSync(bytes)),
      };
      for (const encoding of route.encodings) {
        const headers = { "content-encoding": encoding };
        succeeds(encoding, await server.send(route.path, { body: packed[encoding], headers }));
      }
    },
    { where: ({ encodings }) => encodings.length > 0 },
  ),
  make("content types", "answers JSON; takes a charset and any `accept`", async (route, server) => {
    for (const accept of ["application/json", "text/event-stream", "*/*"]) {
      const type =
        route.body === undefined ? {} : { "content-type": "application/json; charset=utf-8" };
      const answer = await server.send(route.path, {
        ...bodyOf(route, server),
        headers: { accept, ...type },
      });
      succeeds(accept, answer);
      same("the content type", answer.type, "application/json");
    }
  }),
  make("request ids", "every answer has an id of its own, errors too", async (route, server) => {
    const header = route.column === "anthropic" ? "request-id" : "x-request-id";
    const answers = [
      await server.send(route.path, bodyOf(route, server)),
      await server.send(route.path, bodyOf(route, server)),
      await server.send(route.nowhere),
      await server.send(route.path, { ...bodyOf(route, server), key: null }),
    ];
    const ids = answers.map(({ headers }) => headers.get(header) ?? "");
    must(!ids.includes(""), `an answer has no ${header}`);
    same("the number of different ids", new Set(ids).size, ids.length);
  }),
  make(
    "headers about limits",
    "say where the key stands, in the dialect's own form",
    async (route, server) => {
      const answer = await server.send(route.path, bodyOf(route, server));
      succeeds(route.path, answer);
      const { headers } = answer;
      const missing = route.limits.filter((name) => !headers.has(name));
      if (missing.length === route.limits.length) skip("it has no limits");
      same("the headers that are missing", missing, []);
      const left = route.limits.filter((name) => name.includes("remaining"));
      must(
        left.every((name) => Number(headers.get(name)) >= 0),
        "what remains is no number",
      );
    },
    { where: ({ limits }) => limits.length > 0 },
  ),
  make(
    "origins",
    "an editor's page may ask with any header, a stranger's may not",
    async (route, server) => {
      const method = route.body === undefined ? "GET" : "POST";
      const asked = "authorization, content-type, x-stainless-retry-count";
      const preflight = (origin: string) => {
        const headers = {
          origin,
          "access-control-request-method": method,
          "access-control-request-headers": asked,
        };
        return server.send(route.path, { method: "OPTIONS", key: null, headers });
      };
      for (const origin of ["vscode-webview://abc", "http://localhost:3000"]) {
        const { status, headers } = await preflight(origin);
        same("the status of a preflight", status, 204);
        same("the allowed origin", headers.get("access-control-allow-origin"), origin);
        const allowed = (headers.get("access-control-allow-headers") ?? "").toLowerCase();
        must(
          asked.split(", ").every((name) => allowed.includes(name)),
          "a header is not allowed",
        );
        const answer = await server.send(route.path, {
          ...bodyOf(route, server),
          headers: { origin },
        });
        succeeds(origin, answer);
        same("the allowed origin", answer.headers.get("access-control-allow-origin"), origin);
      }
      for (const origin of ["https://stranger.example", "null"]) {
        const { status, headers } = await preflight(origin);
        must(status === 403, `a preflight from ${origin} is answered ${status}`);
        same("the allowed origin", headers.get("access-control-allow-origin"), null);
        refuses(
          route,
          await server.send(route.path, { ...bodyOf(route, server), headers: { origin } }),
          403,
        );
      }
    },
  ),
  make(
    "methods",
    "another one is refused, and `allow` names the right one",
    async (route, server) => {
      const right = route.body === undefined ? "GET" : "POST";
      for (const method of ["PUT", "DELETE", right === "GET" ? "POST" : "GET"]) {
        const body = method === "GET" || method === "DELETE" ? {} : { body: {} };
        const answer = await server.send(route.path, { method, ...body });
        refuses(route, answer, 405);
        must((answer.headers.get("allow") ?? "").split(", ").includes(right), "`allow` lacks it");
      }
      const head = await server.send(route.path, { method: "HEAD" });
      same("the status of HEAD", head.status, right === "GET" ? 200 : 405);
      same("the body of HEAD", head.text, "");
    },
  ),
  make("no such route", "a 404 in the dialect's form, to a file too", async (route, server) => {
    const headers = { "content-type": "multipart/form-data; boundary=a" };
    refuses(route, await server.send(route.nowhere), 404);
    refuses(route, await server.send(route.nowhere, { body: {} }), [404, 405]);
    refuses(route, await server.send(route.nowhere, { body: "--a--", headers }), [404, 405]);
  }),
  make(
    "no such model",
    "a 404 that names it",
    async (route, server) => {
      const model = "no-such-model";
      const answer = await server.send(route.path, bodyOf(route, { ...server, model }));
      refuses(route, answer, 404);
      must(answer.text.includes(model), "the message does not name it");
    },
    takesBody,
  ),
  make(
    "malformed bodies",
    "no JSON, no object, no model, a wrong type",
    async (route, server) => {
      const { body = {} } = bodyOf(route, server);
      const { model: _, ...nameless } = body as { readonly model: string };
      const bodies = ['{"model":', "", "[]", '"text"', nameless, { ...nameless, model: 5 }];
      for (const each of bodies) refuses(route, await server.send(route.path, { body: each }), 400);
    },
    takesBody,
  ),
  make(
    "bodies that are too large",
    "a 413, if there is a limit below 12 MB",
    async (route, server) => {
      const call = bodyOf(route, server, `${"a".repeat(12_000_000)}\n`);
      const answer = await server.send(route.path, call);
      if (answer.status === 200) skip("it takes 12 MB");
      refuses(route, answer, 413);
    },
    takesBody,
  ),
  make(
    "bodies of another type",
    "a 415 for what is not called JSON",
    async (route, server) => {
      for (const type of ["text/plain", "multipart/form-data; boundary=a"]) {
        const call = { ...bodyOf(route, server), headers: { "content-type": type } };
        refuses(route, await server.send(route.path, call), 415);
      }
    },
    takesBody,
  ),
  make("keys", "taken in three headers; without a good one a 401", async (route, server) => {
    for (const header of ["x-api-key", "api-key"]) {
      const call = { ...bodyOf(route, server), key: null, headers: { [header]: server.key } };
      succeeds(header, await server.send(route.path, call));
    }
    for (const key of [null, "", "wrong", "noop", "undefined"]) {
      const answer = await server.send(route.path, { ...bodyOf(route, server), key });
      if (answer.status === 200) skip("it answers without a key");
      refuses(route, unslowed(answer), 401);
    }
  }),
  make(
    "failures",
    "an agent that fails is a 5xx that is not to be tried again",
    async (route, server) => {
      const answer = await server.send(route.path, bodyOf(route, server, prompt.fail()));
      refuses(route, answer, [500, 502, 503, 504]);
      must(answer.text.includes("It fell over."), "the message does not say what happened");
      same("x-should-retry", answer.headers.get("x-should-retry"), "false");
    },
    { ours: true, where: ({ fails }) => fails },
  ),
];

export const EVERY_ROUTE: readonly Check[] = ROUTES.flatMap((route) =>
  MAKES.flatMap((make) => {
    const check = make(route);
    return check === undefined ? [] : [{ column: route.column, ...check }];
  }),
);
