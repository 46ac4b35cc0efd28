// The many paths by which a client finds a model route, over real sockets: each is judged, routed and recorded as one.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import OpenAI from "openai";
import { AppError } from "../../src/core/error.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import type { Turn } from "../../src/core/turn.ts";
import { SECRETS, anAgent, compose, says } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";

const key = SECRETS.MLP_API_KEY;
const stopped = Promise.withResolvers<void>();
const agent = anAgent((turn, signal) => (isHanging(turn) ? hangs(signal) : says("ran")));
let composed: Composed;

beforeAll(async () => {
  composed = await compose([agent]);
});
afterAll(() => composed[Symbol.asyncDispose]());

function isHanging({ request }: Turn): boolean {
  return JSON.stringify(request).includes("hang");
}

async function* hangs(signal: AbortSignal): AsyncGenerator<TurnEvent> {
  yield { type: "text-delta", text: "first" };
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  stopped.resolve();
  throw new AppError("client_cancelled", "The client hung up.");
}

const user = (content: string) => [{ role: "user" as const, content }];
const ask = { model: "counter", messages: user("hi"), prompt: "hi", input: "hi" };

/** As a base address makes it: with a key in a header, or in the path. */
function variants(route: string): readonly string[] {
  const secret = `/k/${key}`;
  return [
    ...[`/v1${route}`, route, `/v1/v1${route}`, `/v1${route}/`, `//v1//${route}`, `${route}/`],
    ...[`${secret}/v1${route}`, `${secret}${route}`, `${secret}//v1/v1${route}/`],
  ];
}

async function send(path: string, method = "GET", body?: unknown): Promise<Response> {
  return await fetch(composed.api + path, {
    method,
    headers: {
      ...(!path.startsWith("/k/") && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

function post(path: string, body: unknown): Promise<Response> {
  return send(path, "POST", body);
}

describe.each(["/chat/completions", "/completions"])("%s", (route) => {
  test("is found with /v1, without, and with too much of it", async () => {
    for (const path of variants(route)) {
      const before = agent.turns.length;
      const answer = await post(path, { ...ask, stream: true });
      expect([path, answer.status]).toEqual([path, 200]);
      expect(await answer.text()).toEndWith("data: [DONE]\n\n");
      expect(agent.turns.length).toBe(before + 1);
    }
  });

  test("refuses in one form: no key, another method, a wrong body", async () => {
    for (const path of variants(route)) {
      const get = await send(path);
      expect([path, get.status, get.headers.get("allow")]).toEqual([path, 405, "POST"]);
      expect(await get.json()).toMatchObject({ error: { code: "method_not_allowed" } });
      const head = await send(path, "HEAD");
      expect([path, head.status]).toEqual([path, 405]);
      const wrong = await post(path, { ...ask, model: 5 });
      expect([wrong.status, wrong.headers.get("content-type")]).toEqual([400, "application/json"]);
      expect(await wrong.json()).toMatchObject({ error: { param: "model" } });
    }
    const keyless = await fetch(`${composed.api}${route}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(keyless.status).toBe(401);
    expect(await keyless.json()).toMatchObject({ error: { code: "invalid_api_key" } });
  });
});

test("models are listed and described by each of them, HEAD included", async () => {
  for (const path of [...variants("/models"), ...variants("/models/counter:latest")]) {
    const answer = await send(path);
    expect([path, answer.status]).toEqual([path, 200]);
    const body = (await answer.json()) as { id?: string; data?: { id: string }[] };
    expect([body.id, ...(body.data ?? []).map(({ id }) => id)].join()).toContain("counter");
    const head = await send(path, "HEAD");
    expect([path, head.status, await head.text()]).toEqual([path, 200, ""]);
  }
});

test("OpenAI's client works with a base address of any of these forms", async () => {
  for (const base of ["", "/", "/v1", "/v1/", "/v1/v1", `/k/${key}`, `/k/${key}/v1/`]) {
    const client = new OpenAI({
      apiKey: base.startsWith("/k/") ? "noop" : key,
      baseURL: composed.api + base,
    });
    const answer = await client.chat.completions.create({
      model: "counter",
      messages: ask.messages,
    });
    expect([base, answer.choices[0]?.message.content]).toEqual([base, "ran"]);
    const completion = await client.completions.create({ model: "counter", prompt: "hi" });
    expect([base, completion.choices[0]?.text]).toEqual([base, "ran"]);
  }
});

test("hanging up on one of them stops the agent", async () => {
  const client = new OpenAI({ apiKey: key, baseURL: composed.api });
  const stream = await client.chat.completions.create({
    model: "counter",
    messages: user("hang"),
    stream: true,
  });
  for await (const { choices } of stream) if (choices[0]?.delta.content === "first") break;
  await stopped.promise;
  expect(agent.turns.at(-1)?.request).toMatchObject({ messages: [{ role: "user" }] });
});

test("a page of an editor may ask by each of them", async () => {
  for (const path of variants("/chat/completions")) {
    const answer = await fetch(composed.api + path, {
      method: "OPTIONS",
      headers: { origin: "vscode-webview://abc", "access-control-request-method": "POST" },
    });
    expect([path, answer.status]).toEqual([path, 204]);
  }
});

test("a path that can be read in two ways, or that leads elsewhere, is none of them", async () => {
  for (const path of ["/chat%2Fcompletions", "/v1/models%2F..", "/%6dodels"]) {
    expect([path, (await send(path)).status]).toEqual([path, 400]);
  }
  for (const path of ["/v1/control/sessions", "/v1/v1/control/sessions", "/v1/v1/metrics"]) {
    expect([path, (await send(path)).status]).toEqual([path, 404]);
  }
});

test("errors of Ollama's paths are in its form, slashes doubled and key missing or not", async () => {
  for (const path of ["//api//nope", "/api/nope/", `/k/${key}//api/nope`, "/api", "/api/"]) {
    expect(await (await send(path)).json()).toEqual({ error: expect.any(String) });
  }
  expect(await (await fetch(`${composed.api}//api//tags`)).json()).toEqual({
    error: expect.any(String),
  });
});

describe("a file, sent where none is read", () => {
  function sendFile(path: string, secret: string | null = key): Promise<Response> {
    const body = new FormData();
    body.set("file", new Blob(["RIFF".repeat(5_000)]), "speech.wav");
    const headers: Record<string, string> =
      secret === null ? {} : { authorization: `Bearer ${secret}` };
    return fetch(composed.api + path, { method: "POST", body, headers });
  }
  const openai = { error: { code: "not_found", param: null } };
  const anthropic = { type: "error", error: { type: "not_found_error" } };
  const ollama = { error: expect.any(String) };

  test.each([
    ["/v1/audio/transcriptions", 404, openai],
    [`/k/${key}/v1/audio/transcriptions`, 404, openai],
    ["/v1/images/edits", 404, openai],
    ["/nothing", 404, openai],
    ["/v1/messages/batches", 404, anthropic],
    ["/api/nothing", 404, ollama],
    ["/api/blobs/sha256:abc", 501, ollama],
    ["/api/create", 501, ollama],
    ["/v1/models", 405, { error: { code: "method_not_allowed" } }],
    ["/v1/chat/completions", 415, { error: { code: "unsupported_media_type" } }],
    ["/v1/messages", 415, { type: "error", error: { type: "invalid_request_error" } }],
    ["/api/chat", 415, ollama],
  ])("%s answers %i, as its dialect does", async (path, status, body) => {
    const before = agent.turns.length;
    const answer = await sendFile(path, path.startsWith("/k/") ? null : key);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject(body);
    expect(answer.headers.get("x-should-retry")).toBe("false");
    expect(agent.turns.length).toBe(before);
  });

  test("tells nobody without a key which routes there are", async () => {
    const paths = ["/v1/audio/transcriptions", "/v1/chat/completions", "/v1/models"];
    for (const secret of [null, SECRETS.MLP_CONTROL_TOKEN]) {
      const told = await Promise.all(
        paths.map(async (path) => {
          const answer = await sendFile(path, secret);
          return [answer.status, await answer.text()];
        }),
      );
      expect(told).toEqual(paths.map(() => [401, told[0]?.[1] ?? ""]));
    }
  });

  test("leaves the connection fit for the next request of OpenAI's client", async () => {
    const client = new OpenAI({ apiKey: key, baseURL: `${composed.api}/v1`, maxRetries: 0 });
    const file = new File(["RIFF"], "speech.wav");
    const asked = client.audio.transcriptions.create({ model: "whisper-1", file });
    expect(await asked.catch((error: unknown) => error)).toBeInstanceOf(OpenAI.NotFoundError);
    const answer = await client.completions.create({ model: "counter", prompt: "hi" });
    expect(answer.choices[0]?.text).toBe("ran");
  });
});

test("metrics and audit know one path for all of them, and no key", async () => {
  await post(`/k/${key}//v1/v1/completions/`, ask);
  const metrics = await (await send("/metrics")).text();
  expect(metrics).toContain('route="/v1/completions"');
  expect(metrics).toContain('route="/v1/models/*"');
  expect(metrics).not.toContain('route="/completions"');
  const records = auditRecords();
  const endpoints = new Set(records.map(({ endpoint }) => endpoint));
  expect(endpoints).toContain("/v1/completions");
  expect(
    [...endpoints].filter((each) => each !== undefined && !/^\/(v1|api)\//.test(each)),
  ).toEqual([]);
  expect(JSON.stringify(records)).not.toContain(key);
});

function auditRecords(): readonly { readonly endpoint?: string }[] {
  const files = readdirSync(composed.home, { recursive: true, encoding: "utf8" });
  const audits = files.filter((file) => file.includes("audit") && file.endsWith(".jsonl"));
  return audits
    .flatMap((file) => readFileSync(join(composed.home, file), "utf8").trim().split("\n"))
    .map((line) => JSON.parse(line) as { endpoint?: string });
}
