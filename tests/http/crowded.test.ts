import { describe, expect, test } from "bun:test";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TurnEvent } from "../../src/core/event.ts";
import { Type } from "@sinclair/typebox";
import { createBuffers } from "../../src/engine/buffers.ts";
import { createBodyReader } from "../../src/http/body.ts";
import { anAgent, compose, says, SECRETS } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";

const MEBIBYTE = 1024 * 1024;
const CHAT = "/v1/chat/completions";
const KEY = { authorization: `Bearer ${SECRETS.MLP_API_KEY}` };

function chat(content: string, fields: object = {}): object {
  return { model: "counter", messages: [{ role: "user", content }], ...fields };
}

/** An agent whose answers begin at once and end when the test says so. */
function aSlowAgent() {
  const go = Promise.withResolvers<void>();
  const agent = anAgent(async function* (): AsyncGenerator<TurnEvent> {
    yield { type: "text-delta", text: "first " };
    await go.promise;
    yield* says("and last");
  });
  return { agent, end: () => go.resolve() };
}

describe("connections", () => {
  test("beyond the limit are refused and closed, but for health, and nothing is started", async () => {
    const { agent, end } = aSlowAgent();
    await using place = await compose([agent], { MLP_LIMITS_CONNECTIONS: "16" });
    const open = await Promise.all(
      Array.from({ length: 16 }, (_, index) =>
        place.post(CHAT, chat(`${index}`, { stream: true })),
      ),
    );
    expect(open.map(({ status }) => status)).toEqual(Array.from({ length: 16 }, () => 200));
    const refused = await place.post(CHAT, chat("one more"));
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(refused.headers.get("connection")).toBe("close");
    expect(await refused.json()).toMatchObject({ error: { code: "too_busy" } });
    expect((await fetch(`${place.api}/v1/models`, { headers: KEY })).status).toBe(503);
    for (const path of ["/livez", "/readyz", "/health"]) {
      expect([path, (await fetch(place.api + path)).status]).toEqual([path, 200]);
    }
    expect(agent.turns).toHaveLength(16);
    end();
    for (const answer of open) expect(await answer.text()).toEndWith("data: [DONE]\n\n");
    expect((await place.post(CHAT, chat("again"))).status).toBe(200);
  });

  test("of agents on the bridge's port are bounded as well", async () => {
    await using place = await compose([], { MLP_LIMITS_CONNECTIONS: "16" });
    const url = `ws://127.0.0.1:${place.bridge.listening.port}/`;
    const headers = { authorization: `Bearer ${SECRETS.MLP_AGENT_TOKEN}` };
    const dial = async (): Promise<[WebSocket, string]> => {
      const socket = new WebSocket(url, { headers });
      const [event] = (await Promise.race([once(socket, "open"), once(socket, "error")])) as [
        Event,
      ];
      return [socket, event.type];
    };
    const links: WebSocket[] = [];
    for (let index = 0; index < 16; index += 1) {
      const [socket, event] = await dial();
      expect([index, event]).toEqual([index, "open"]);
      links.push(socket);
    }
    expect((await dial())[1]).toBe("error");
    expect((await fetch(`http://127.0.0.1:${place.bridge.listening.port}/livez`)).status).toBe(200);
    const closed = once(links[0]!, "close");
    links[0]?.close();
    await closed;
    expect((await dial())[1]).toBe("open");
  });
});

describe("memory", () => {
  test("for a body is set aside while it is read, so that no other one is begun beside it", async () => {
    const buffers = createBuffers(100);
    const schema = Type.Object({ a: Type.String() });
    const reader = createBodyReader(schema, { bodyBytes: 90, jsonDepth: 8, buffers });
    const arriving = new TransformStream<Uint8Array, Uint8Array>();
    const init = { method: "POST", headers: { "content-length": "80" } };
    const slow = reader.read(new Request("http://x/", { ...init, body: arriving.readable }));
    expect(buffers.used).toBe(80);
    const other = (): Promise<unknown> =>
      reader.read(new Request("http://x/", { ...init, body: '{"a":"b"}' }));
    await expect(other()).rejects.toMatchObject({ code: "too_busy", retryAfterMs: 1_000 });
    const writer = arriving.writable.getWriter();
    await writer.write(new TextEncoder().encode("{}"));
    await writer.close();
    await expect(slow).rejects.toMatchObject({ code: "invalid_request" });
    expect(buffers.used).toBe(0);
    await other();
    const unsized = new Request("http://x/", { method: "POST", body: '{"a":"b"}' });
    await reader.read(unsized);
    expect(buffers.used).toBe(0);
  });

  test("of a turn's body is held until its end, and beyond the total nothing new is taken", async () => {
    const { agent, end } = aSlowAgent();
    await using place = await compose([agent], {
      MLP_LIMITS_TOTAL_BUFFER_BYTES: String(16 * MEBIBYTE),
    });
    const ask = (): Promise<Response> =>
      place.post(CHAT, chat("x".repeat(9 * MEBIBYTE), { stream: true }));
    const first = await ask();
    const refused = await ask();
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await refused.json()).toMatchObject({ error: { code: "too_busy" } });
    expect((await place.post(CHAT, chat("small", { stream: true }))).status).toBe(200);
    end();
    expect(await first.text()).toEndWith("data: [DONE]\n\n");
    expect((await ask()).status).toBe(200);
    expect(agent.turns).toHaveLength(3);
  });

  test("is one account, to which everything is given back once", () => {
    const buffers = createBuffers(100);
    const first = buffers.open(60);
    expect(() => buffers.open(41)).toThrow("memory");
    const second = buffers.hold(50);
    second.grow(10);
    expect(buffers.used).toBe(120);
    first.release();
    first.release();
    first.grow(5);
    second.release();
    expect(buffers.used).toBe(0);
  });
});

test("a refusal by the rate limits says where the client stands, in the headers of its dialect", async () => {
  await using place = await compose([anAgent(() => says("ok"))], {
    MLP_RATE_LIMITING_REQUESTS_PER_MINUTE: "1",
  });
  expect((await place.post(CHAT, chat("one"))).status).toBe(200);
  const openai = await place.post(CHAT, chat("two"));
  expect(openai.status).toBe(429);
  expect(Object.fromEntries(openai.headers)).toMatchObject({
    "x-ratelimit-limit-requests": "1",
    "x-ratelimit-remaining-requests": "0",
    "x-ratelimit-reset-requests": expect.stringMatching(/^(?:1m0s|5\d(?:\.\d+)?s)$/),
    "x-ratelimit-remaining-tokens": expect.stringMatching(/^\d+$/),
  });
  const anthropic = await place.post("/v1/messages", { ...chat("two"), max_tokens: 64 });
  expect(anthropic.status).toBe(429);
  expect(Object.fromEntries(anthropic.headers)).toMatchObject({
    "x-ratelimit-remaining-requests": "0",
    "anthropic-ratelimit-requests-remaining": "0",
    "anthropic-ratelimit-requests-reset": expect.stringMatching(/^\d{4}-.*Z$/),
  });
  const ollama = await place.post("/api/chat", chat("three"));
  expect([ollama.status, ollama.headers.get("x-ratelimit-remaining-requests")]).toEqual([429, "0"]);
  for (const { headers } of [openai, ollama]) {
    expect(headers.get("anthropic-ratelimit-requests-remaining")).toBeNull();
  }
});

test("a retry that hears an earlier outcome is on record by itself, and never as forwarded again", async () => {
  const agent = anAgent(() => says("once"));
  const place = await compose([agent]);
  await using _ = place;
  const ask = (): Promise<Response> =>
    place.post(CHAT, chat("same"), { headers: { "idempotency-key": "one" } });
  const [first, second] = [await ask(), await ask()];
  expect([await first.text(), await second.text()].every((text) => text.includes("once"))).toBe(
    true,
  );
  expect(agent.turns).toHaveLength(1);
  const ids = [first, second].map(({ headers }) => headers.get("x-request-id"));
  const records = auditOf(place).filter(({ event }) => event?.startsWith("model_request"));
  expect(
    records.map(({ event, request_id, repeats }) => [event, request_id, repeats ?? null]),
  ).toEqual([
    ["model_request", ids[0]!, null],
    ["model_request_repeated", ids[1]!, ids[0]!],
  ]);
});

function auditOf({ home }: Composed): Partial<Record<string, string>>[] {
  const files = readdirSync(home, { recursive: true, encoding: "utf8" });
  const file = files.find((name) => /audit.*\.(?:jsonl|log)$/.test(name));
  const lines = readFileSync(join(home, file ?? ""), "utf8")
    .trim()
    .split("\n");
  return lines.map((line) => JSON.parse(line) as Partial<Record<string, string>>);
}
