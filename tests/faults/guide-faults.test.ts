// The faults of the two implementation guides that this system comes from: none of them may come back. Each test is
// named after its fault and fails where the fault is; those of a link to a foreign bridge are in tests/bridge.

import { describe, expect, test } from "bun:test";
import { AppError } from "../../src/core/error.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import { verifyAudit } from "../../src/observe/audit-verify.ts";
import { createLimiter } from "../../src/security/limiter.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { anAgent, compose, says } from "../support/composed.ts";

const CHAT = "/v1/chat/completions";

function chat(content: unknown, fields: object = {}) {
  return { model: "counter", messages: [{ role: "user", content }], ...fields };
}

async function* hangsAfter(text: string, signal: AbortSignal): AsyncGenerator<TurnEvent> {
  yield { type: "text-delta", text };
  await new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

describe("streams", () => {
  test("a failure in mid-stream does not end as a normal [DONE]", async () => {
    await using place = await compose([
      anAgent(async function* () {
        yield { type: "text-delta", text: "half" };
        throw new AppError("agent_error", "It fell over.");
      }),
    ]);
    const text = await (await place.post(CHAT, chat("hi", { stream: true }))).text();
    expect(text).toContain('"half"');
    expect(text.trimEnd().split("\n\n").at(-1)).toContain('data: {"error":{');
    expect(text).not.toContain("[DONE]");
    const lines = await (await place.post("/api/chat", chat("hello"))).text();
    expect(JSON.parse(lines.trimEnd().split("\n").at(-1)!)).toEqual({ error: "It fell over." });
    expect(lines).not.toContain('"done":true');
  });

  test("a disconnected client does not leave the agent working", async () => {
    const stopped = Promise.withResolvers<unknown>();
    await using place = await compose([
      anAgent((_turn, signal) => {
        signal.addEventListener("abort", () => stopped.resolve(signal.reason));
        return hangsAfter("on and on", signal);
      }),
    ]);
    const client = new AbortController();
    const response = await place.post(CHAT, chat("hi", { stream: true }), {
      signal: client.signal,
    });
    await response.body!.getReader().read();
    client.abort();
    expect(await stopped.promise).toMatchObject({ code: "client_cancelled" });
  });

  test("the Ollama stream heeds its parameters and ends with a true done", async () => {
    const agent = anAgent(() => says("a", "b"));
    await using place = await compose([agent]);
    const options = { temperature: 0.3, num_predict: 7, stop: ["x"], seed: 5, top_p: 0.5 };
    const body = { ...chat("hi"), options };
    const lines = (await (await place.post("/api/chat", body)).text()).trimEnd().split("\n");
    expect(agent.turns[0]!.request).toMatchObject({
      stream: true,
      parameters: { temperature: 0.3, maxTokens: 7, stop: ["x"], seed: 5, topP: 0.5 },
    });
    const dones = lines.map((line) => (JSON.parse(line) as { done: boolean }).done);
    expect(dones.filter(Boolean)).toHaveLength(1);
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ done: true, done_reason: "stop" });
  });
});

describe("sessions", () => {
  test("the eleventh request does not fail, nor the twenty-fifth", async () => {
    await using place = await compose([anAgent(() => says("ok"))]);
    for (let count = 1; count <= 25; count += 1) {
      const { status } = await place.post(CHAT, chat(`number ${count}`));
      expect([count, status]).toEqual([count, 200]);
    }
  });

  test("max_requests is enforced to the request, however many come at once", async () => {
    const agent = anAgent(() => says("ok"));
    await using place = await compose([]);
    const session = place.bridge.sessions.embed(agent, { maxRequests: 7 });
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) => place.post(CHAT, chat(`at once ${index}`))),
    );
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(7);
    expect(agent.turns).toHaveLength(7);
    expect(place.bridge.sessions.get(session.sessionId)?.status).toBe("exhausted");
  });

  test("a bad x-mcp-session does not fall through to another session", async () => {
    const agent = anAgent(() => says("ok"));
    await using place = await compose([agent]);
    const answer = await place.post(CHAT, chat("hi"), { headers: { "x-mcp-session": "other" } });
    expect([answer.status, await answer.json()]).toMatchObject([
      404,
      { error: { code: "session_not_found" } },
    ]);
    expect(agent.turns).toEqual([]);
  });

  test("a valid session does not serve a client whose key is for another one", async () => {
    const [mine, theirs] = [anAgent(() => says("mine")), anAgent(() => says("theirs"))];
    await using place = await compose([]);
    const own = place.bridge.sessions.embed(mine);
    place.bridge.sessions.embed({ ...theirs, info: { ...theirs.info, agentId: "other" } });
    const control = { authorization: `Bearer ${place.secrets.MLP_CONTROL_TOKEN}` };
    const made = await place.post(
      "/control/keys",
      { sessions: [own.sessionId] },
      { headers: control },
    );
    const { secret } = (await made.json()) as { secret: string };
    for (let count = 0; count < 4; count += 1) {
      const headers = { authorization: `Bearer ${secret}` };
      expect((await place.post(CHAT, chat(`key ${count}`), { headers })).status).toBe(200);
    }
    expect([mine.turns.length, theirs.turns.length]).toEqual([4, 0]);
  });

  test("the session token is checked: a wrong one resumes nothing", async () => {
    await using place = await compose([]);
    const { sessions } = place.bridge;
    const info = anAgent(() => says("")).info;
    const asked = await sessions.join({ info });
    const approved = Promise.withResolvers<string>();
    sessions.subscribe(({ token }) => token !== undefined && approved.resolve(token));
    await sessions.approve(asked.session.sessionId);
    const token = await approved.promise;
    const thief = await sessions.join({ info, token: `${token}x` });
    expect(thief.session.sessionId).not.toBe(asked.session.sessionId);
    expect(thief.session.status).toBe("pending");
    const back = await sessions.join({ info, token });
    expect(back.session).toMatchObject({
      sessionId: asked.session.sessionId,
      status: "active",
    });
  });
});

describe("prompts", () => {
  const CONTENT =
    'Explain <script>alert("x")</script> and javascript:void(0)\u0000\u202e ' + "y".repeat(120_000);

  test("are never sanitised or cut: the agent gets every character", async () => {
    const agent = anAgent(() => says("ok"));
    await using place = await compose([agent]);
    expect((await place.post(CHAT, chat(CONTENT))).status).toBe(200);
    expect(agent.turns[0]!.request).toMatchObject({
      messages: [{ role: "user", content: [{ type: "text", text: CONTENT }] }],
    });
  });

  test("with role tool, list content and null content are understood", async () => {
    const agent = anAgent(() => says("ok"));
    await using place = await compose([agent]);
    const call = { id: "c1", type: "function", function: { name: "read", arguments: "{}" } };
    const messages = [
      { role: "user", content: [{ type: "text", text: "read it" }] },
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: "c1", content: "contents" },
    ];
    expect((await place.post(CHAT, { model: "counter", messages })).status).toBe(200);
    expect(agent.turns[0]!.request).toMatchObject({
      messages: [{ role: "user" }, { role: "assistant" }, { role: "tool", toolCallId: "c1" }],
    });
  });

  test("of any shape are counted for the estimate, and an estimate says that it is one", async () => {
    await using place = await compose([
      anAgent(async function* () {
        yield { type: "text-delta", text: "12345678" };
        yield { type: "finish", reason: "stop" };
      }),
    ]);
    const parts = [
      { type: "text", text: "1234" },
      { type: "text", text: "5678" },
    ];
    const answer = await place.post(CHAT, chat(parts));
    expect(((await answer.json()) as { usage: object }).usage).toEqual({
      prompt_tokens: 2,
      completion_tokens: 2,
      total_tokens: 4,
      estimated: true,
    });
  });
});

describe("figures", () => {
  test("usage is what the agent counted, not zero", async () => {
    await using place = await compose([anAgent(() => says("ok"))]);
    const answer = await place.post(CHAT, chat("hi"));
    expect(((await answer.json()) as { usage: object }).usage).toEqual({
      prompt_tokens: 3,
      completion_tokens: 5,
      total_tokens: 8,
    });
  });

  test("total_duration is measured, not invented", async () => {
    await using place = await compose([anAgent(() => says("ok"))]);
    const before = performance.now();
    const body = { model: "counter", prompt: "hi", stream: false };
    const answer = (await (await place.post("/api/generate", body)).json()) as Record<
      string,
      number
    >;
    const took = (performance.now() - before) * 1e6;
    expect(answer["total_duration"]).toBeGreaterThan(0);
    expect(answer["total_duration"]).toBeLessThanOrEqual(took);
    expect(answer["total_duration"]).not.toBe(1_000_000_000);
    expect(answer).toMatchObject({ prompt_eval_count: 3, eval_count: 5 });
  });
});

describe("limits", () => {
  test("a request is counted once", async () => {
    await using place = await compose([anAgent(() => says("ok"))], {
      MLP_RATE_LIMITING_REQUESTS_PER_MINUTE: "3",
    });
    const left: (string | null)[] = [];
    for (const text of ["one", "two", "three"]) {
      const answer = await place.post(CHAT, chat(text));
      left.push(answer.headers.get("x-ratelimit-remaining-requests"));
    }
    expect(left).toEqual(["2", "1", "0"]);
    expect((await place.post(CHAT, chat("four"))).status).toBe(429);
  });

  test("retry_after is the time that is left, not always 60 seconds", () => {
    const clock = createFakeClock();
    const limiter = createLimiter({ clock });
    const key = { kind: "key", id: "k", requestsPerMinute: 1, tokensPerMinute: null } as const;
    limiter.reserve([key], 1);
    clock.advance(45_000);
    const refusal = refusalOf(() => limiter.reserve([key], 1));
    expect(refusal.retryAfterMs).toBeGreaterThanOrEqual(15_000);
    expect(refusal.retryAfterMs).toBeLessThan(15_200);
    clock.advance(refusal.retryAfterMs ?? 0);
    expect(limiter.reserve([key], 1).state.remainingRequests).toBe(0);
  });
});

function refusalOf(act: () => unknown): AppError {
  try {
    act();
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error("nothing was refused");
}

describe("the audit", () => {
  test("holds up no request for its disk, and can be verified", async () => {
    await using place = await compose([anAgent(() => says("ok"))]);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => place.post(CHAT, chat(`audited ${index}`))),
    );
    expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => 200));
    // The ends are written once the answers have gone out: before the next request is heard.
    await fetch(`${place.api}/livez`);
    const file = `${place.home}/audit.jsonl`;
    const verified = await verifyAudit(file);
    expect(verified).toMatchObject({ ok: true });
    const events = (await Bun.file(file).text())
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { event: string }).event);
    expect(events.filter((event) => event === "model_request")).toHaveLength(20);
    expect(events.filter((event) => event === "model_response")).toHaveLength(20);
    const sizes = (await Bun.file(file).text())
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { event: string; response_size_bytes?: number })
      .filter(({ event }) => event === "model_response")
      .map((record) => record.response_size_bytes ?? -1);
    const bodies = await Promise.all(answers.map((answer) => answer.bytes()));
    const ascending = (a: number, b: number): number => a - b;
    const weighed = bodies.map((body) => body.byteLength);
    expect(sizes.sort(ascending)).toEqual(weighed.sort(ascending));
  });
});

describe("origins", () => {
  test("http://localhost on any port is allowed to call, and a lookalike is not", async () => {
    await using place = await compose([anAgent(() => says("ok"))]);
    for (const origin of ["http://localhost:3000", "http://127.0.0.1:8080"]) {
      const answer = await place.post(CHAT, chat(origin), { headers: { origin } });
      expect(answer.status).toBe(200);
      expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
    }
    for (const origin of ["http://localhost.evil.example", "http://localhost:3000.evil.example"]) {
      const answer = await place.post(CHAT, chat(origin), { headers: { origin } });
      expect(answer.status).toBe(403);
      expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    }
  });
});
