// The OpenAPI documents are true: requests are made of them, good ones and spoilt ones, sent to the server as `mlp up`
// composes it, and every answer has to be one that the document foresees. Seeded: a failure can be seen again.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";

import { FRAME_EXAMPLES } from "../../src/bridge/frame-examples.ts";
import { spoiltValuesOf, valuesOf } from "../support/json-values.ts";
import type { Hints } from "../support/json-values.ts";
import { createProbe } from "./documents-probe.ts";
import type { Probe } from "./documents-probe.ts";
import { BODY_BYTES, SECRETS, startServer } from "./documents-support.ts";
import type { Operation, Server } from "./documents-support.ts";

const SEED = 20_261_122;
const RUNS = 60;

/** Where random text would never get beyond the first check. */
const HINTS: Hints = {
  model: fc.constantFrom("cursor-agent", "cursor-agent", "rehearsal:latest", "no-such-model"),
  role: fc.constantFrom("system", "user", "user", "user", "user", "assistant", "nobody"),
  content: fc.constantFrom<unknown>(
    "Say hello.",
    "/rehearse say hello",
    '/rehearse tool read_file {"path": "a"}',
    '/rehearse error agent_error "It failed."',
    '/rehearse say "I will now"\n/rehearse error agent_timeout "Too slow."',
    '/rehearse say ""',
    "/rehearse crash",
    [{ type: "text", text: "Look." }],
    null,
  ),
};

/** Once and for all sent by every operation: what the guard refuses before a body is read. */
const WRONGS: readonly (readonly [status: number, what: string, change: RequestInit])[] = [
  [401, "no key", { headers: { authorization: "" } }],
  [401, "a wrong key", { headers: { authorization: "Bearer mlp_wrong_wrong_wrong" } }],
  [403, "a foreign page", { headers: { origin: "https://evil.example" } }],
  [421, "another host", { headers: { host: "evil.example" } }],
];
const WRONG_BODIES: readonly (readonly [status: number, what: string, change: RequestInit])[] = [
  [415, "text", { headers: { "content-type": "text/plain" } }],
  [413, "a large body", { body: `{"model":"${"x".repeat(BODY_BYTES)}"}` }],
  [400, "half of a body", { body: '{"model":' }],
];

/** Routes for what is not done here are described, too: as refusals only. */
function isServed({ responses }: Operation): boolean {
  return "200" in responses;
}

describe.each(["provider", "bridge"] as const)("on the %s's port", (port) => {
  let server: Server;
  let probe: Probe;
  const own = port === "provider" ? SECRETS.MLP_API_KEY : SECRETS.MLP_CONTROL_TOKEN;
  beforeAll(async () => {
    server = await startServer();
    probe = await createProbe(port === "provider" ? server.api : server.bridge, own);
  });
  afterAll(() => server.stop());

  test("the examples of the document are answered, not refused", async () => {
    let count = 0;
    const { operations, good, send } = probe;
    for (const operation of operations) {
      if (operation.path.includes("{")) continue;
      const examples = operation.requestBody?.content["application/json"]?.examples;
      const bodies = Object.values(examples ?? { none: { value: undefined } });
      for (const { value } of bodies) {
        const { status } = await send(operation, good(operation, value));
        const wanted = isServed(operation) ? 200 : 501;
        expect([operation.name, value, status]).toEqual([operation.name, value, wanted]);
        count += 1;
      }
    }
    expect(count).toBeGreaterThan(5);
  });

  test("requests made of the schemas get answers that are foreseen", async () => {
    const { operations, good, send } = probe;
    for (const operation of operations) {
      const schema = operation.requestBody?.content["application/json"]?.schema;
      const bodies =
        schema === undefined
          ? [undefined, undefined]
          : fc.sample(valuesOf(schema, probe.judge, HINTS), { seed: SEED, numRuns: RUNS });
      await inTurn(bodies, (body, index) => send(operation, good(operation, body, index)));
    }
  });

  test("requests that were spoilt are refused as it is foreseen, each with 400", async () => {
    const { operations, good, send } = probe;
    for (const operation of operations) {
      const schema = operation.requestBody?.content["application/json"]?.schema;
      if (schema === undefined) continue;
      const bodies = fc.sample(spoiltValuesOf(schema, probe.judge, HINTS), {
        seed: SEED,
        numRuns: RUNS,
      });
      await inTurn(bodies, async (body) => {
        const { status } = await send(operation, good(operation, body));
        expect([operation.name, body, status]).toEqual([operation.name, body, 400]);
      });
    }
  });

  test("what the guard refuses is foreseen, on every route", async () => {
    const { operations, good, send } = probe;
    for (const operation of operations) {
      const hasBody = operation.requestBody !== undefined;
      const wrongs = [...WRONGS, ...(hasBody ? WRONG_BODIES : [])];
      for (const [status, what, change] of wrongs) {
        if (status === 401 && operation.security.length === 0) continue;
        const answer = await send(operation, good(operation, {}), change);
        // After ten wrong keys from one address, further ones are too many.
        const expected = what === "a wrong key" && answer.status === 429 ? 429 : status;
        expect([operation.name, what, answer.status]).toEqual([operation.name, what, expected]);
      }
    }
  });

  test("another method is refused as it is foreseen, with the methods that there are", async () => {
    const { operations, good, send } = probe;
    for (const operation of operations) {
      const others = ["PUT", "PATCH"].map(async (method) => {
        const [url, request] = good({ ...operation, requestBody: { content: {} } }, {});
        const secret = probe.secretFor(operation) ?? own;
        const headers = { authorization: `Bearer ${secret}` };
        const answer = await send(operation, [url, request], { method, headers });
        expect([operation.name, answer.status]).toEqual([operation.name, 405]);
        expect(answer.headers.get("allow")?.split(", ")).toContain(operation.method);
      });
      await Promise.all(others);
    }
  });

  test("all of this was no game: every route gave good answers, and turns failed in several ways", () => {
    const { operations, seen } = probe;
    const bare = operations.filter((each) => !each.path.includes("{") && isServed(each));
    expect(bare.filter(({ name }) => !seen.get(name)?.has(200)).map(({ name }) => name)).toEqual(
      [],
    );
    if (port === "bridge") return;
    const ofChat = seen.get("POST /v1/chat/completions");
    const wanted = [200, 400, 401, 403, 404, 405, 413, 415, 421, 502, 504];
    expect(wanted.filter((status) => ofChat?.has(status) !== true)).toEqual([]);
  });
});

const HELLO = { model: "cursor-agent", messages: [{ role: "user", content: "Hello." }] };

/** Joins the bridge as an agent that has to be approved; resolves to its session. */
function join(server: Server, agentId: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = new WebSocket(server.bridge.replace(/^http/, "ws"), {
    headers: { authorization: `Bearer ${SECRETS.MLP_AGENT_TOKEN}` },
  });
  socket.addEventListener("open", () => {
    socket.send(JSON.stringify({ ...FRAME_EXAMPLES.hello, agent_id: agentId }));
  });
  socket.addEventListener("message", ({ data }) => {
    const frame = JSON.parse(String(data)) as { type: string; session: string };
    if (frame.type === "welcome") resolve(frame.session);
  });
  socket.addEventListener("error", () => reject(new Error("the link failed")));
  return promise;
}

describe("what depends on the state of the server", () => {
  test("too many requests are a 429 that is foreseen, and says when to come again", async () => {
    const server = await startServer({ MLP_RATE_LIMITING_REQUESTS_PER_MINUTE: "1" });
    try {
      const { operations, good, send } = await createProbe(server.api, SECRETS.MLP_API_KEY);
      const chats = operations.filter(({ path }) => /chat\/completions$|\/api\/chat$/.test(path));
      const statuses: number[] = [];
      for (const operation of chats) {
        const { status, headers } = await send(operation, good(operation, HELLO));
        statuses.push(status);
        if (status === 429) expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
      }
      expect(statuses).toEqual([200, 429]);
    } finally {
      await server.stop();
    }
  });

  test("sessions that a human ended or paused are refusals that are foreseen", async () => {
    const server = await startServer();
    try {
      const probe = await createProbe(server.api, SECRETS.MLP_API_KEY);
      const { sessions } = await probe.ask<{ sessions: { session_id: string }[] }>(
        "GET /control/sessions",
      );
      const { session_id: id } = sessions[0]!;
      const chat = async (pin?: string) => {
        const headers: Record<string, string> = pin === undefined ? {} : { "x-mcp-session": pin };
        const operation = probe.find("POST /v1/chat/completions");
        const answer = await probe.send(operation, probe.good(operation, HELLO), { headers });
        const { error } = (await answer.json()) as { error?: { code: string } };
        return [answer.status, error?.code];
      };
      const change = (verb: string) => probe.status(`POST /control/sessions/{id}/${verb}`, {}, id);
      expect(await chat("no-such-session")).toEqual([404, "session_not_found"]);
      expect(await chat(id)).toEqual([200, undefined]);
      expect(await change("suspend")).toBe(200);
      expect(await change("suspend")).toBe(409);
      expect(await chat(id)).toEqual([403, "session_suspended"]);
      expect(await change("resume")).toBe(200);
      expect(
        await probe.status("POST /control/sessions/{id}/extend", { ttl_seconds: 60 }, id),
      ).toBe(200);
      expect(await change("revoke")).toBe(200);
      expect(await chat(id)).toEqual([403, "session_revoked"]);
      expect(await chat()).toEqual([503, "no_active_session"]);
    } finally {
      await server.stop();
    }
  });

  test("agents that ask are approved and denied with answers that are foreseen", async () => {
    const server = await startServer();
    try {
      const probe = await createProbe(server.bridge, SECRETS.MLP_CONTROL_TOKEN);
      const [first, second] = await Promise.all([join(server, "one"), join(server, "two")]);
      expect(await probe.status("POST /control/sessions/{id}/approve", {}, first)).toBe(200);
      expect(await probe.status("POST /control/sessions/{id}/approve", {}, first)).toBe(409);
      expect(await probe.status("POST /control/sessions/{id}/deny", {}, second)).toBe(200);
    } finally {
      await server.stop();
    }
  });

  test("keys, models and turns by their own names give good answers that are foreseen", async () => {
    const server = await startServer();
    try {
      const probe = await createProbe(server.api, SECRETS.MLP_API_KEY);
      const { key } = await probe.ask<{ key: { id: string } }>("POST /control/keys");
      expect(await probe.status("POST /control/keys/{id}/rotate", {}, key.id)).toBe(200);
      expect(await probe.status("DELETE /control/keys/{id}", {}, key.id)).toBe(200);
      expect(await probe.status("POST /control/keys/{id}/rotate", {}, key.id)).toBe(409);
      expect(await probe.status("GET /v1/models/{name}", {}, "cursor-agent")).toBe(200);
      const hanging = fetch(`${server.api}/v1/chat/completions`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${SECRETS.MLP_API_KEY}`,
          "content-type": "application/json",
        },
        body: JSON.stringify({
          model: "cursor-agent",
          messages: [{ role: "user", content: "/rehearse hang" }],
          stream: true,
        }),
      });
      // Its headers are sent once the turn is open.
      const stream = await hanging;
      const { turns } = await probe.ask<{ turns: { turn_id: string }[] }>("GET /control/turns");
      expect(await probe.status("POST /control/turns/{id}/cancel", {}, turns[0]!.turn_id)).toBe(
        200,
      );
      expect(await stream.text()).toContain('"error"');
    } finally {
      await server.stop();
    }
  });
});

/** A few at a time, in their order. */
async function inTurn<T>(
  items: readonly T[],
  act: (item: T, index: number) => Promise<unknown>,
): Promise<void> {
  for (let at = 0; at < items.length; at += 4) {
    await Promise.all(items.slice(at, at + 4).map((item, index) => act(item, at + index)));
  }
}
