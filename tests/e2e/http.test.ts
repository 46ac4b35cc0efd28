// HTTP as it is on the wire: framing, heartbeats, the shape of every refusal in either dialect, and what must never
// appear anywhere. One server, asked without any client library.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { request as rawRequest } from "node:http";

import { createSuite } from "../support/mlp.ts";
import type { Mlp } from "../support/mlp.ts";
import { ask, chatBody, control, mark, openStream, parsed, sseData } from "../support/requests.ts";
import type { Call } from "../support/requests.ts";

const suite = createSuite();
let mlp: Mlp;

beforeAll(async () => {
  mlp = await suite.start(
    [
      ...["up", "--port", "0", "--bridge-port", "0"],
      ...["--agent", "rehearsal", "--log-level", "debug"],
    ],
    { env: { MLP_LIMITS_HEARTBEAT_MS: "100", MLP_LIMITS_BODY_BYTES: "65536" } },
  );
});
afterAll(() => suite.close());

const OPENAI = "/v1/chat/completions";
const OLLAMA = "/api/chat";

describe("what probes ask for", () => {
  test("GET and HEAD of / say that Ollama is running, without a key", async () => {
    const answer = await ask(mlp, "/", { key: null });
    expect({ status: answer.status, text: answer.text }).toEqual({
      status: 200,
      text: "Ollama is running",
    });
    const head = await ask(mlp, "/", { key: null, method: "HEAD" });
    expect({ status: head.status, text: head.text }).toEqual({ status: 200, text: "" });
  });

  test("health needs no key, the models do", async () => {
    for (const path of ["/health", "/livez", "/readyz"]) {
      expect((await ask(mlp, path, { key: null })).status).toBe(200);
    }
    for (const path of [
      "/v1/models",
      "/api/tags",
      "/api/version",
      "/openapi.json",
      "/control/turns",
    ]) {
      const answer = await ask(mlp, path, { key: null });
      expect({ path, status: answer.status }).toEqual({ path, status: 401 });
      expect(answer.headers.get("www-authenticate")).toBe("Bearer");
    }
  });

  test("each secret opens its own routes only", async () => {
    const { apiKey, controlToken, bridgeToken, agentToken } = mlp.secrets;
    const status = async (path: string, key: string) => (await ask(mlp, path, { key })).status;
    expect(await status("/control/turns", controlToken)).toBe(200);
    expect(await status("/v1/models", apiKey)).toBe(200);
    for (const key of [apiKey, bridgeToken, agentToken]) {
      expect([401, 403]).toContain(await status("/control/turns", key));
    }
    for (const key of [controlToken, bridgeToken, agentToken]) {
      expect([401, 403]).toContain(await status("/v1/models", key));
    }
  });

  test("the document describes the routes that there are", async () => {
    const { json } = await ask(mlp, "/openapi.json");
    expect(json.openapi).toStartWith("3.1");
    expect(Object.keys(json.paths)).toEqual(expect.arrayContaining([OPENAI, OLLAMA, "/v1/models"]));
  });
});

describe("answers", () => {
  test("carry their request's id, the session and the time they took", async () => {
    const first = await ask(mlp, OPENAI, { body: chatBody("hello one") });
    const second = await ask(mlp, OPENAI, { body: chatBody("hello two") });
    expect(first.requestId).toMatch(/^req_[\w-]{20,}$/);
    expect(second.requestId).not.toBe(first.requestId);
    expect(first.headers.get("x-session-id")).toMatch(/^session_/);
    expect(first.headers.get("openai-processing-ms")).toMatch(/^\d+$/);
    expect(first.headers.get("content-type")).toStartWith("application/json");
  });

  test("a stream of either dialect is typed, framed and ended as its readers expect", async () => {
    const prompt = `/rehearse say "one two"`;
    const sse = await ask(mlp, OPENAI, { body: chatBody(prompt, { stream: true }) });
    expect(sse.headers.get("content-type")).toStartWith("text/event-stream");
    expect(sse.headers.get("cache-control")).toContain("no-cache");
    expect(sse.text.endsWith("data: [DONE]\n\n")).toBe(true);
    for (const event of sse.text.split("\n\n").slice(0, -1)) expect(event).toMatch(/^(data: |: )/);
    const ndjson = await ask(mlp, OLLAMA, { body: chatBody(prompt) });
    expect(ndjson.headers.get("content-type")).toStartWith("application/x-ndjson");
    expect(ndjson.text.endsWith("\n")).toBe(true);
    const lines = ndjson.text.trimEnd().split("\n").map(parsed);
    expect(lines.every(({ message }) => typeof message.content === "string")).toBe(true);
    expect(lines.map(({ done }) => done).lastIndexOf(false)).toBe(lines.length - 2);
    expect(lines.at(-1)).toMatchObject({ done: true, done_reason: "stop" });
  });

  test("a silent agent is no dead socket: the headers come at once, then signs of life", async () => {
    const hang = chatBody("/rehearse hang", { stream: true });
    const sse = await openStream(mlp, OPENAI, hang);
    await sse.until(": keep-alive\n\n: keep-alive\n\n");
    expect(sse.status).toBe(200);
    expect(parsed(sseData(sse.text())[0] ?? "").choices[0].delta.role).toBe("assistant");
    sse.hangUp();
    const ndjson = await openStream(mlp, OLLAMA, hang);
    await ndjson.until("\n");
    while (ndjson.text().split("\n").length < 4) await ndjson.until(`${ndjson.text()}{`);
    const lines = ndjson.text().split("\n").slice(0, -1).map(parsed);
    for (const line of lines) {
      expect(line).toMatchObject({ done: false, message: { role: "assistant", content: "" } });
    }
    ndjson.hangUp();
  });

  test("a failure in mid-stream is the last frame, and nothing after it looks like success", async () => {
    const prompt = `/rehearse say "half "\n/rehearse error agent_error "The agent fell over."`;
    const sse = await ask(mlp, OPENAI, { body: chatBody(prompt, { stream: true }) });
    expect(sse.text).not.toContain("[DONE]");
    expect(sse.text).not.toContain('"finish_reason":"stop"');
    const last = parsed(sseData(sse.text).at(-1) ?? "");
    expect(last).toEqual({
      error: {
        message: "The agent fell over.",
        type: "api_error",
        param: null,
        code: "agent_error",
      },
    });
    const ndjson = await ask(mlp, OLLAMA, { body: chatBody(prompt) });
    expect(ndjson.text).not.toContain('"done":true');
    expect(parsed(ndjson.text.trimEnd().split("\n").at(-1) ?? "")).toEqual({
      error: "The agent fell over.",
    });
  });
});

describe("a request that comes again", () => {
  /** How many turns the agent began since then. */
  async function started(since: number): Promise<number> {
    const until = await mark(mlp);
    const lines = mlp.log.lines.slice(since, until);
    return lines.filter(({ msg }) => msg === "rehearsal turn started").length - 1;
  }

  test("as an SDK's retry, it joins the turn that is running: one run, the same answer", async () => {
    const since = await mark(mlp);
    const body = chatBody(`/rehearse delay 100\n/rehearse say "only once"`);
    const first = ask(mlp, OPENAI, { body });
    await mlp.log.until(({ msg }) => msg === "rehearsal turn started", { since });
    const retry = ask(mlp, OPENAI, { body, headers: { "x-stainless-retry-count": "1" } });
    const answers = await Promise.all([first, retry]);
    expect(answers.map(({ json }) => json.choices[0].message.content)).toEqual([
      "only once",
      "only once",
    ]);
    expect(await started(since)).toBe(1);
  });

  test("with its Idempotency-Key, it hears the outcome again; with another body it is refused", async () => {
    const since = await mark(mlp);
    const headers = { "idempotency-key": "one-and-only" };
    const body = chatBody(`/rehearse say "said before"`);
    for (const _time of [1, 2, 3]) {
      const answer = await ask(mlp, OPENAI, { body, headers });
      expect(answer.json.choices[0].message.content).toBe("said before");
    }
    const other = await ask(mlp, OPENAI, { body: chatBody("something else"), headers });
    expect(other.status).toBe(409);
    expect(await started(since)).toBe(1);
  });

  test("without either, and after an answer, it is a new turn", async () => {
    const since = await mark(mlp);
    const body = chatBody(`/rehearse say "again and again"`);
    for (const _time of [1, 2]) expect((await ask(mlp, OPENAI, { body })).status).toBe(200);
    expect(await started(since)).toBe(2);
  });
});

test("an operator can end a turn: the client is told in-band, and the agent hears", async () => {
  const body = chatBody(`/rehearse say "first words "\n/rehearse hang`, { stream: true });
  const stream = await openStream(mlp, OPENAI, body);
  await stream.until("words ");
  const id = stream.requestId;
  expect((await control(mlp, `turns/${id}/cancel`, {})).json).toEqual({ cancelled: id });
  const { text, broken } = await stream.rest();
  expect(broken).toBe(false);
  expect(text).not.toContain("[DONE]");
  expect(parsed(sseData(text).at(-1) ?? "").error.code).toBe("client_cancelled");
  await mlp.log.until(({ msg, turn }) => msg === "rehearsal turn cancelled" && turn === id);
  expect((await control(mlp, `turns/${id}/cancel`, {})).status).toBe(404);
});

describe("refusals", () => {
  const deep = `${"[".repeat(100)}${"]".repeat(100)}`;
  const cases: Record<string, { path: string; call: Call; status: number; code?: string }> = {
    "no such route": { path: "/v1/nothing", call: {}, status: 404 },
    "no such Ollama route": { path: "/api/nothing", call: {}, status: 404 },
    "a wrong method": { path: OPENAI, call: { method: "GET" }, status: 405 },
    "a wrong method of Ollama": { path: "/api/tags", call: { body: {} }, status: 405 },
    "no JSON": { path: OPENAI, call: { body: "{nope" }, status: 400, code: "invalid_json" },
    "no JSON for Ollama": { path: OLLAMA, call: { body: "{nope" }, status: 400 },
    "a field of the wrong type": {
      path: OPENAI,
      call: { body: { model: "cursor-agent", messages: "hello" } },
      status: 400,
      code: "invalid_request",
    },
    "a field of the wrong type for Ollama": {
      path: OLLAMA,
      call: { body: { model: "cursor-agent", messages: 7 } },
      status: 400,
    },
    "a body that is nested too deeply": {
      path: OPENAI,
      call: { body: `{"model":"cursor-agent","messages":[],"x":${deep}}` },
      status: 400,
    },
    "a wrong type of body": {
      path: OPENAI,
      call: { body: "hello", headers: { "content-type": "text/plain" } },
      status: 415,
    },
    "an encoding nobody knows": {
      path: OPENAI,
      call: { body: chatBody("hello"), headers: { "content-encoding": "br" } },
      status: 415,
    },
    "a body over the limit": {
      path: OPENAI,
      call: { body: chatBody("x".repeat(70_000)) },
      status: 413,
      code: "payload_too_large",
    },
    "a body over the limit for Ollama": {
      path: OLLAMA,
      call: { body: chatBody("x".repeat(70_000)) },
      status: 413,
    },
    "an unknown model": {
      path: OPENAI,
      call: { body: { ...chatBody("hello"), model: "nobody" } },
      status: 404,
      code: "model_not_found",
    },
    "a wrong key": {
      path: OPENAI,
      call: { body: chatBody("hello"), key: "mlp_wrong-wrong-wrong-wrong" },
      status: 401,
      code: "invalid_api_key",
    },
    "a wrong key in the path": {
      path: "/k/mlp_wrong-wrong-wrong-wrong/api/tags",
      call: { key: null },
      status: 401,
    },
  };

  for (const [name, { path, call, status, code }] of Object.entries(cases)) {
    test(`${name} is ${status}, in the shape of the route's dialect`, async () => {
      const answer = await ask(mlp, path, call);
      expect(answer.status).toBe(status);
      expect(answer.headers.get("content-type")).toStartWith("application/json");
      expect(answer.requestId).toMatch(/^req_/);
      expect(answer.headers.get("x-should-retry")).toBe("false");
      if (path.includes("/api/")) {
        expect(answer.json).toEqual({ error: expect.any(String) });
      } else {
        expect(Object.keys(answer.json.error).toSorted()).toEqual([
          ...["code", "message", "param", "type"],
        ]);
        if (code !== undefined) expect(answer.json.error.code).toBe(code);
      }
      if (status === 405)
        expect(answer.headers.get("allow")).toContain(path === OPENAI ? "POST" : "GET");
    });
  }
});

test("a body that does not declare its size is counted as it comes", async () => {
  const pieces = (count: number) =>
    async function* () {
      yield `{"model":"cursor-agent","messages":[{"role":"user","content":"`;
      for (let piece = 0; piece < count; piece += 1) yield "x".repeat(1_000);
      yield `"}]}`;
    };
  const send = (count: number) =>
    fetch(`${mlp.api}${OPENAI}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${mlp.secrets.apiKey}`,
        "content-type": "application/json",
      },
      body: pieces(count),
    });
  expect((await send(10)).status).toBe(200);
  const refused = await send(100);
  expect(refused.status).toBe(413);
  expect(parsed(await refused.text()).error.code).toBe("payload_too_large");
});

describe("where requests come from", () => {
  const EDITOR = "vscode-webview://0123abc";
  const evil = { origin: "https://evil.example" };

  test("a Host that is not ours is 421 on every route, those without a key included", async () => {
    for (const path of ["/", "/health", "/v1/models", "/nothing"]) {
      const answer = await withHost(path, "evil.example");
      expect({ path, ...answer }).toEqual({ path, status: 421 });
    }
    const { port } = new URL(mlp.api);
    expect(await withHost("/livez", `localhost:${port}`)).toEqual({ status: 200 });
  });

  test("a page from elsewhere is refused, with and without a key, and gets no CORS headers", async () => {
    const calls: readonly [string, Call][] = [
      [OPENAI, { body: chatBody("hello"), headers: evil }],
      ["/v1/models", { headers: evil }],
      ["/api/tags", { headers: { origin: "null" } }],
      [OPENAI, { method: "OPTIONS", key: null, headers: { ...evil, ...asksFor("POST") } }],
      ["/control/turns", { key: mlp.secrets.controlToken, headers: { origin: EDITOR } }],
      [
        "/control/turns",
        { method: "OPTIONS", key: null, headers: { origin: EDITOR, ...asksFor("GET") } },
      ],
    ];
    for (const [path, call] of calls) {
      const answer = await ask(mlp, path, call);
      expect({ path, status: answer.status }).toEqual({ path, status: 403 });
      expect(corsHeaders(answer.headers)).toEqual([]);
    }
  });

  test("an editor's preflight is answered without a key, and its headers are reflected", async () => {
    const wanted = "authorization,content-type,x-stainless-os,x-any-thing";
    const answer = await ask(mlp, OPENAI, {
      method: "OPTIONS",
      key: null,
      headers: {
        origin: EDITOR,
        ...asksFor("POST"),
        "access-control-request-headers": wanted,
      },
    });
    expect(answer.status).toBe(204);
    expect(answer.headers.get("access-control-allow-origin")).toBe(EDITOR);
    expect(answer.headers.get("access-control-allow-methods")).toContain("POST");
    const allowed = answer.headers.get("access-control-allow-headers") ?? "";
    expect(allowed.split(/, */).toSorted()).toEqual(wanted.split(",").toSorted());
  });

  test("an editor's own request is answered with its origin, and needs the key all the same", async () => {
    const headers = { origin: EDITOR };
    const answer = await ask(mlp, OPENAI, { body: chatBody("hello editor"), headers });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("access-control-allow-origin")).toBe(EDITOR);
    expect(answer.headers.get("access-control-expose-headers")).toContain("x-request-id");
    expect(answer.headers.get("access-control-expose-headers")).toContain(
      "x-ratelimit-remaining-tokens",
    );
    const keyless = await ask(mlp, OPENAI, { body: chatBody("hello"), headers, key: null });
    expect(keyless.status).toBe(401);
  });

  function asksFor(method: string): Record<string, string> {
    return { "access-control-request-method": method };
  }

  function corsHeaders(headers: Headers): readonly string[] {
    return [...headers.keys()].filter((name) => name.startsWith("access-control-"));
  }

  /** `fetch` does not let go of its own Host. */
  function withHost(path: string, host: string): Promise<{ status: number | undefined }> {
    const { hostname, port } = new URL(mlp.api);
    const headers = { host, authorization: `Bearer ${mlp.secrets.apiKey}` };
    return new Promise((resolve, reject) => {
      const request = rawRequest({ hostname, port, path, headers }, (response) => {
        response.resume().on("end", () => resolve({ status: response.statusCode }));
      });
      request.on("error", reject).end();
    });
  }
});

test("a prompt is in no log and no error, whatever becomes of it", async () => {
  const canary = "canary-7f3a9c51";
  const said = (line: string) => `${canary}\n/rehearse ${line}`;
  const answers = [
    await ask(mlp, OPENAI, { body: chatBody(said(`say "fine"`)) }),
    await ask(mlp, OPENAI, { body: chatBody(said(`error agent_error "It fell over."`)) }),
    await ask(mlp, OLLAMA, { body: chatBody(said(`error internal "It fell over."`)) }),
    await ask(mlp, OPENAI, { body: `{"model":"cursor-agent","messages":"${canary}"}` }),
    await ask(mlp, OPENAI, { body: `{"model":"cursor-agent","messages":[${canary}` }),
    await ask(mlp, OLLAMA, { body: `{"${canary}` }),
    await ask(mlp, OPENAI, { body: chatBody(canary.repeat(6_000)) }),
    await ask(mlp, OPENAI, { body: chatBody(canary), key: "mlp_wrong-wrong-wrong-wrong" }),
    await ask(mlp, `/v1/${canary}`, { body: chatBody(canary) }),
    await ask(mlp, `/k/${mlp.secrets.apiKey}/api/chat`, {
      body: chatBody(said("crash")),
      key: null,
    }),
  ];
  for (const { text } of answers) expect(text).not.toContain(canary);
  expect(answers.filter(({ status }) => status >= 400).length).toBeGreaterThan(6);
  // The last of them has been logged.
  const last = answers.at(-1)?.requestId;
  await mlp.log.until(({ msg, turnId }) => msg === "turn ended" && turnId === last);
  expect(mlp.stderr()).not.toContain(canary);
  for (const secret of Object.values(mlp.secrets)) expect(mlp.stderr()).not.toContain(secret);
});
