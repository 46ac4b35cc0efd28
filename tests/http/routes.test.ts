// Walks every route of both ports, as they are composed for `mlp up`, and tries each without the right secret.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Bridge } from "../../src/app/bridge.ts";
import type { Provider } from "../../src/app/provider.ts";
import { SECRETS, anAgent, compose, says } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";

/** All that may be had without a secret. */
const PUBLIC = ["GET /", "GET /health", "GET /livez", "GET /readyz"];

const agent = anAgent(() => says("ran"));
let composed: Composed;
let provider: Provider;
let bridge: Bridge;

beforeAll(async () => {
  composed = await compose([agent]);
  ({ provider, bridge } = composed);
});

afterAll(() => composed[Symbol.asyncDispose]());

interface Walked {
  readonly name: string;
  readonly url: string;
  readonly method: string;
  readonly path: string;
}

/** Every route with its parameters filled in, on both ports. */
function walk(): readonly Walked[] {
  const ports = [
    { app: provider.app, port: provider.listening.port },
    { app: bridge.app, port: bridge.listening.port },
  ];
  return ports.flatMap(({ app, port }) =>
    app.routes.map(({ method, path }) => {
      const filled = path.replaceAll(/:\w+|\*/g, "x");
      const url = `http://127.0.0.1:${port}${filled}`;
      return { name: `${method} ${filled}`, url, method, path: filled };
    }),
  );
}

function send(route: Walked, secret?: string): Promise<Response> {
  const body = {
    model: "counter",
    prompt: "hi",
    input: "hi",
    messages: [{ role: "user", content: "hi" }],
  };
  return fetch(route.url, {
    method: route.method,
    headers: {
      "content-type": "application/json",
      ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
    },
    ...(route.method === "POST" && { body: JSON.stringify(body) }),
  });
}

function secretFor({ path }: Walked): string {
  if (path.startsWith("/control/")) return SECRETS.MLP_CONTROL_TOKEN;
  return path === "/mcp" ? SECRETS.MLP_AGENT_TOKEN : SECRETS.MLP_API_KEY;
}

async function statuses(routes: readonly Walked[], secret?: string): Promise<object> {
  const answers = routes.map(async (route) => {
    const response = await send(route, secret);
    await response.body?.cancel();
    // Wrong keys are told apart from too many wrong keys only by the count so far.
    return [route.name, response.status === 429 ? 401 : response.status] as const;
  });
  return Object.fromEntries(await Promise.all(answers));
}

function all(routes: readonly Walked[], status: number): object {
  return Object.fromEntries(routes.map((route) => [route.name, status]));
}

function closedRoutes(): readonly Walked[] {
  return walk().filter((route) => !PUBLIC.includes(route.name));
}

describe("every route", () => {
  test("of both ports is walked", () => {
    const names = walk().map((route) => route.name);
    expect(names).toContain("POST /v1/chat/completions");
    expect(names).toContain("POST /control/sessions/x/approve");
    expect(names.length).toBeGreaterThan(40);
    expect(names.filter((name) => PUBLIC.includes(name)).sort()).toEqual(
      [...PUBLIC, ...PUBLIC.filter((name) => name !== "GET /")].sort(),
    );
  });

  test("refuses whoever shows no key, and no agent runs", async () => {
    const routes = closedRoutes();
    expect(await statuses(routes)).toEqual(all(routes, 401));
    expect(agent.turns).toEqual([]);
  });

  test("refuses a wrong key in the same words", async () => {
    let tooMany = 0;
    for (const route of closedRoutes()) {
      const [without, wrong] = await Promise.all([
        send(route),
        send(route, "mlp_wrong_key_wrong_key"),
      ]);
      const told = await wrong.text();
      if (wrong.status === 429) {
        expect(told).toContain("Too many wrong keys");
        tooMany += 1;
      } else expect([wrong.status, told]).toEqual([without.status, await without.text()]);
    }
    expect(tooMany).toBe(closedRoutes().length - 10);
    expect(agent.turns).toEqual([]);
  });

  test("of control refuses a client key, and of inference the tokens", async () => {
    const routes = closedRoutes();
    const control = routes.filter((route) => route.path.startsWith("/control/"));
    const inference = routes.filter(
      (route) => route.url.startsWith(composed.api) && !route.path.startsWith("/control/"),
    );
    expect(await statuses(control, SECRETS.MLP_API_KEY)).toEqual(all(control, 403));
    for (const token of [
      SECRETS.MLP_CONTROL_TOKEN,
      SECRETS.MLP_BRIDGE_TOKEN,
      SECRETS.MLP_AGENT_TOKEN,
    ]) {
      expect(await statuses(inference, token)).toEqual(all(inference, 401));
    }
    expect(agent.turns).toEqual([]);
  });

  test("has a second lock: the gate left out, it refuses all the same", async () => {
    for (const { app } of [provider, bridge]) {
      for (const { method, path } of app.routes) {
        if (PUBLIC.includes(`${method} ${path}`)) continue;
        const request = new Request(`http://127.0.0.1:1234${path.replaceAll(/:\w+|\*/g, "x")}`, {
          method,
          headers: { authorization: `Bearer ${SECRETS.MLP_API_KEY}` },
          ...(method === "POST" && { body: "{}" }),
        });
        const response = await app.fetch(request);
        expect([method, path, response.status]).toEqual([method, path, 401]);
      }
    }
    expect(agent.turns).toEqual([]);
  });

  test("reads no body of another type, whoever sends it: it says so, or that it is not served", async () => {
    const posts = walk().filter(({ method }) => method === "POST");
    const isUnserved = ({ path }: Walked): boolean =>
      /^\/api\/(?:create|copy|push|blobs|me|signout|experimental)/.test(path);
    const wanted = (route: Walked) => [route.name, isUnserved(route) ? 501 : 415] as const;
    for (const type of ["text/plain", "multipart/form-data; boundary=x", "application/jsonx"]) {
      const answers = posts.map(async (route) => {
        const authorization = `Bearer ${secretFor(route)}`;
        const headers = { authorization, "content-type": type };
        const body = '{"model":"counter","prompt":"hi","input":"hi"}';
        const { status } = await fetch(route.url, { method: "POST", headers, body });
        return [route.name, status] as const;
      });
      expect(await Promise.all(answers)).toEqual(posts.map(wanted));
    }
    expect(posts.filter(isUnserved).length).toBeGreaterThan(5);
    expect(agent.turns).toEqual([]);
  });

  test("lets the right key in: the locks are not simply shut", async () => {
    const chat = walk().find((route) => route.name === "POST /v1/chat/completions")!;
    expect((await send(chat, SECRETS.MLP_API_KEY)).status).toBe(200);
    expect(agent.turns).toHaveLength(1);
    const list = walk().filter((route) => route.name === "GET /control/sessions");
    expect(list).toHaveLength(2);
    expect(await statuses(list, SECRETS.MLP_CONTROL_TOKEN)).toEqual(all(list, 200));
  });

  test("is in the OpenAPI document of its port", async () => {
    const response = await fetch(`http://127.0.0.1:${provider.listening.port}/openapi.json`, {
      headers: { authorization: `Bearer ${SECRETS.MLP_API_KEY}` },
    });
    const document = (await response.json()) as { paths: Record<string, Record<string, object>> };
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const served = provider.app.routes.map(
      ({ method, path }) =>
        `${method} ${path.replaceAll(/:(\w+)/g, "{$1}").replace("*", "{name}")}`,
    );
    expect(described.sort()).toEqual(served.sort());
  });
});

describe("what is served by no route", () => {
  const url = (path: string) => `http://127.0.0.1:${provider.listening.port}${path}`;
  const key = { authorization: `Bearer ${SECRETS.MLP_API_KEY}` };

  test("is a 401 without a key, and a 404 in the dialect's shape with one", async () => {
    expect((await fetch(url("/nope"))).status).toBe(401);
    const openai = await fetch(url("/v1/nope"), { headers: key });
    expect([openai.status, await openai.json()]).toMatchObject([
      404,
      { error: { code: "not_found" } },
    ]);
    const ollama = await fetch(url("/api/nope"), { headers: key });
    expect([ollama.status, await ollama.json()]).toEqual([404, { error: expect.any(String) }]);
  });

  test("is a 405 with Allow where another method is", async () => {
    const response = await fetch(url("/v1/chat/completions"), { headers: key });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
    expect((await fetch(url("/"), { method: "HEAD" })).status).toBe(200);
  });

  test("a WebSocket on the provider's port is refused", async () => {
    const headers = { ...key, connection: "Upgrade", upgrade: "websocket" };
    expect((await fetch(url("/v1/models"), { headers })).status).toBe(404);
  });
});

describe("a page of an editor that is refused", () => {
  const origin = "vscode-webview://abc";
  const key = { authorization: `Bearer ${SECRETS.MLP_API_KEY}` };
  /** Of its own: wrong keys that others have tried count, too. */
  let place: Composed;
  beforeAll(async () => {
    place = await compose([agent]);
  });
  afterAll(() => place[Symbol.asyncDispose]());
  const ask = (path: string, headers: Record<string, string>, body = "{}"): Promise<Response> =>
    fetch(place.api + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    });

  test.each([
    ["without a key", "/v1/chat/completions", {}, 401],
    ["with a wrong one", "/v1/messages", { authorization: "Bearer mlp_wrong_key" }, 401],
    ["by a wrong address", "/k/mlp_wrong_key/api/chat", {}, 401],
    ["for its body", "/api/chat", key, 400],
    ["for its type", "/api/chat", { ...key, "content-type": "text/plain" }, 415],
    ["for its path", "/v1/nothing", key, 404],
    ["for its method", "/v1/models", key, 405],
  ] as const)("%s may read why", async (_, path, headers, status) => {
    const answer = await ask(path, { ...headers, origin });
    expect(answer.status).toBe(status);
    expect(answer.headers.get("allow")).toBe(status === 405 ? "GET, HEAD" : null);
    expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
    const exposed = answer.headers.get("access-control-expose-headers")?.split(", ");
    expect(exposed).toEqual(expect.arrayContaining(["x-request-id", "x-should-retry"]));
    expect(answer.headers.get("vary")).toBe("Origin");
  });

  test("reads nothing where it has no business, nor does anybody else's page anywhere", async () => {
    const asked: [string, Record<string, string>][] = [
      ["/control/sessions", { origin }],
      ["/metrics", { origin }],
      ["/v1/chat/completions", { origin: "https://evil.example" }],
      ["/v1/chat/completions", { origin: "null" }],
      ["/v1/chat/completions", { origin, host: "evil.example" }],
      ["/v1/%zz", { origin }],
      ["/v1/chat/completions", {}],
    ];
    for (const [path, headers] of asked) {
      const answer = await ask(path, headers);
      const told = [...answer.headers.keys()].filter((name) => name.startsWith("access-control"));
      expect([path, headers, told]).toEqual([path, headers, []]);
    }
  });
});
