// Ollama's routes as they are composed for `mlp up`: what runs an agent and what does not, to the status and the header.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { Turn } from "../../src/core/turn.ts";
import { SECRETS, anAgent, compose, says } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";

const coder = anAgent(() => says("x + ", "1"), {
  agentId: "coder",
  models: [
    {
      id: "coder",
      contextLength: 32_768,
      capabilities: ["completion", "tools", "insert", "vision", "thinking"],
    },
  ],
  requestedScopes: ["inference", "tools"],
});
const talker = anAgent(() => says("Hello."), {
  agentId: "talker",
  models: [{ id: "talker", capabilities: ["completion"] }],
});

const KEY = { authorization: `Bearer ${SECRETS.MLP_API_KEY}` };
let composed: Composed;
let turnsBefore = 0;

beforeAll(async () => {
  composed = await compose([coder, talker]);
});
afterAll(() => composed[Symbol.asyncDispose]());
beforeEach(() => {
  turnsBefore = turnCount();
});

function turnCount(): number {
  return coder.turns.length + talker.turns.length;
}

function turnsSince(): number {
  return turnCount() - turnsBefore;
}

async function post(path: string, body: object): Promise<{ status: number; body: unknown }> {
  const response = await composed.post(path, body);
  return { status: response.status, body: await response.json() };
}

async function lines(path: string, body: object): Promise<Record<string, unknown>[]> {
  const response = await composed.post(path, body);
  expect(response.headers.get("content-type")).toBe("application/x-ndjson");
  const text = await response.text();
  expect(text).toEndWith("\n");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("load and unload calls run no agent", () => {
  test.each([
    ["/api/chat", { messages: [] }, "load"],
    ["/api/chat", { messages: [], keep_alive: 0, stream: false }, "unload"],
    ["/api/generate", { keep_alive: "30m" }, "load"],
    ["/api/generate", { prompt: "", keep_alive: "0s" }, "unload"],
  ])("POST %s with %j", async (path, fields, reason) => {
    const { status, body } = await post(path, { model: "coder", ...fields });
    expect(status).toBe(200);
    expect(body).toMatchObject({ model: "coder", done: true, done_reason: reason });
    expect(turnsSince()).toBe(0);
  });

  test("of a model that there is not", async () => {
    expect(await post("/api/generate", { model: "missing" })).toEqual({
      status: 404,
      body: { error: "model 'missing' not found" },
    });
  });
});

describe("filling in", () => {
  const raw = (prompt: string) => ({ prompt, raw: true });

  test.each([
    { prompt: "let y = ", suffix: ";" },
    raw("<|fim_prefix|>let y = <|fim_suffix|>;<|fim_middle|>"),
    raw("[SUFFIX];[PREFIX]let y = "),
    { ...raw("let y = "), suffix: "" },
  ])("is refused at once by a model that cannot, without an agent: %j", async (fields) => {
    const { status, body } = await post("/api/generate", { model: "talker", ...fields });
    expect([status, body]).toEqual([400, { error: expect.stringContaining("fill in") }]);
    expect(turnsSince()).toBe(0);
  });

  test.each([
    { prompt: "let y = ", suffix: ";" },
    raw("<|fim_prefix|>let y = <|fim_suffix|>;<|fim_middle|>"),
  ])("reaches a model that can as two texts: %j", async (fields) => {
    const answer = await lines("/api/generate", { model: "coder:latest", ...fields });
    expect(answer.map(({ response }) => response).join("")).toBe("x + 1");
    expect(lastTurn(coder.turns).request).toMatchObject({
      kind: "completion",
      prompt: "let y = ",
      suffix: ";",
    });
  });
});

function lastTurn(turns: readonly Turn[]): Turn {
  const turn = turns.at(-1);
  if (turn === undefined) throw new Error("no turn has run");
  return turn;
}

test("every field may be null, and any other may be there", async () => {
  const fields = ["stream", "format", "tools", "options", "think", "keep_alive"];
  const nulls = Object.fromEntries(fields.map((field) => [field, null]));
  const message = { role: "user", content: "Hi", images: null, tool_calls: null, thinking: null };
  const answer = await lines("/api/chat", {
    model: "coder",
    messages: [message],
    ...nulls,
    truncate: null,
    surprise: [{}],
  });
  expect(answer.at(-1)).toMatchObject({ done: true, done_reason: "stop", eval_count: 5 });
  expect(lastTurn(coder.turns).request).toMatchObject({ parameters: {} });
});

describe("show", () => {
  test.each([{ model: "coder" }, { name: "coder" }, { model: "", name: "coder", verbose: true }])(
    "describes a model for every reader, asked with %j",
    async (body) => {
      const shown = await post("/api/show", body);
      expect(shown.status).toBe(200);
      expect(shown.body).toMatchObject({
        capabilities: ["completion", "tools", "insert", "vision", "thinking"],
        model_info: {
          "general.architecture": "test",
          "general.basename": "coder",
          "test.context_length": 32_768,
        },
        parameters: expect.stringMatching(/^num_ctx +32768$/),
        template: expect.stringContaining(".Suffix"),
        details: { family: "test", families: ["test"], context_length: 32_768 },
        modified_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        license: "",
      });
    },
  );

  test("says which field is missing, and which model is not there", async () => {
    expect(await post("/api/show", {})).toEqual({
      status: 400,
      body: { error: expect.stringContaining("model is required") },
    });
    expect(await post("/api/show", { name: "no\nsuch" })).toEqual({
      status: 404,
      body: { error: "model 'no?such' not found" },
    });
  });
});

describe("pull", () => {
  test("of a listed model succeeds, line by line unless told not to", async () => {
    expect(await lines("/api/pull", { name: "coder" })).toEqual([
      { status: "pulling manifest" },
      { status: "success" },
    ]);
    expect(await post("/api/pull", { model: "coder:latest", stream: false })).toEqual({
      status: 200,
      body: { status: "success" },
    });
  });

  test("of another fails: in the stream, or with its status", async () => {
    const error = "model 'llama3' not found";
    expect(await lines("/api/pull", { model: "llama3" })).toEqual([
      { status: "pulling manifest" },
      { error },
    ]);
    expect(await post("/api/pull", { model: "llama3", stream: false })).toEqual({
      status: 404,
      body: { error },
    });
  });
});

describe("what is not served here", () => {
  test.each([
    ["POST", "/api/create"],
    ["POST", "/api/copy"],
    ["DELETE", "/api/delete"],
    ["POST", "/api/push"],
    ["POST", "/api/blobs/sha256:abc"],
    ["POST", "/api/me"],
    ["POST", "/api/signout"],
    ["DELETE", "/api/user/keys/abc"],
    ["POST", "/api/experimental/web_search"],
    ["POST", "/api/experimental/web_fetch"],
    ["GET", "/api/experimental/model-recommendations"],
  ])("%s %s says so in Ollama's form", async (method, path) => {
    const response = await fetch(composed.api + path, {
      method,
      headers: { ...KEY, "content-type": "application/json" },
      ...(method !== "GET" && { body: '{"model":"coder"}' }),
    });
    expect(response.status).toBe(501);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(await response.json()).toEqual({ error: expect.stringMatching(/\w{4}.*\S$/) });
  });

  test("HEAD /api/blobs says so before a file is sent", async () => {
    const response = await fetch(`${composed.api}/api/blobs/sha256:abc`, {
      method: "HEAD",
      headers: KEY,
    });
    expect([response.status, await response.text()]).toEqual([501, ""]);
  });

  test.each([
    ["GET", "/api/chat", "POST"],
    ["GET", "/api/generate", "POST"],
    ["GET", "/api/show", "POST"],
    ["GET", "/api/pull", "POST"],
    ["POST", "/api/tags", "GET, HEAD"],
    ["DELETE", "/api/version", "GET, HEAD"],
    ["POST", "/api/delete", "DELETE"],
  ])("%s %s is refused with the methods that there are", async (method, path, allow) => {
    const headers = { ...KEY, "content-type": "application/json" };
    const response = await fetch(composed.api + path, { method, headers });
    expect([response.status, response.headers.get("allow")]).toEqual([405, allow]);
    expect(await response.json()).toEqual({ error: expect.stringContaining(method) });
  });
});

describe("lists and probes", () => {
  test.each(["/", "/api/version", "/api/tags", "/api/ps", "/api/status"])(
    "HEAD %s is answered as GET is, without a body",
    async (path) => {
      const response = await fetch(composed.api + path, { method: "HEAD", headers: KEY });
      expect([response.status, await response.text()]).toEqual([200, ""]);
    },
  );

  test.each([
    "/api/tags/",
    "//api//tags",
    "/api/tags?",
    `/k/${SECRETS.MLP_API_KEY}/api/tags`,
    `/k/${SECRETS.MLP_API_KEY}//api/tags/`,
  ])("GET %s is the list of models", async (path) => {
    const headers: Record<string, string> = path.startsWith("/k/") ? {} : KEY;
    const response = await fetch(composed.api + path, { headers });
    expect(response.status).toBe(200);
    const { models } = (await response.json()) as { models: { name: string }[] };
    expect(models.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["cursor-agent", "coder", "talker"]),
    );
  });

  test("says that there is no cloud behind it", async () => {
    const response = await fetch(`${composed.api}/api/status`, { headers: KEY });
    expect(await response.json()).toEqual({ cloud: { disabled: true, source: "config" } });
  });

  test("each running model is there once, however many agents offer it", async () => {
    const twin = anAgent(() => says("Hello."), {
      agentId: "twin",
      models: [{ id: "Talker", capabilities: ["completion"] }],
    });
    await using both = await compose([talker, twin]);
    const response = await fetch(`${both.api}/api/ps`, { headers: KEY });
    const { models } = (await response.json()) as { models: { name: string }[] };
    expect(models.map(({ name }) => name.toLowerCase())).toEqual(["talker"]);
  });
});
