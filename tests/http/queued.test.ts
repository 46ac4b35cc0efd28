import { describe, expect, test } from "bun:test";
import { AppError } from "../../src/core/error.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import type { AdmittedTurn, QueuedTurn } from "../../src/engine/engine.ts";
import { runWhenAdmitted, waitsLonger } from "../../src/http/queued-stream.ts";
import { anAgent, compose, says } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const CHAT = "/v1/chat/completions";
const ONE = { MLP_LIMITS_TURNS_PER_AGENT: "1" };

function chat(content: string, stream = true): object {
  return { model: "counter", stream, messages: [{ role: "user", content }] };
}

/** An agent that answers when the test says so. */
async function composeSlow(env: Record<string, string> = {}) {
  const go = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  const agent = anAgent(async function* (): AsyncGenerator<TurnEvent> {
    started.resolve();
    await go.promise;
    yield* says("at last");
  });
  const place = await compose([agent], { ...ONE, ...env });
  const first = place.post(CHAT, chat("first", false));
  await started.promise;
  return { place, agent, go, first, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() };
}

async function getJson<T>(
  place: Composed,
  path: string,
  key = place.secrets.MLP_API_KEY,
): Promise<T> {
  const headers = { authorization: `Bearer ${key}`, accept: "application/json" };
  return (await (await fetch(place.api + path, { headers })).json()) as T;
}

describe("a stream whose turn waits for room", () => {
  test("begins after a moment, says its place in a comment, and answers when there is room", async () => {
    await using slow = await composeSlow();
    const { place, go, agent } = slow;
    const answer = await place.post(CHAT, chat("second"));
    expect([
      answer.status,
      answer.headers.get("x-mlp-queued"),
      answer.headers.get("x-session-id"),
    ]).toEqual([200, "1", null]);
    expect(answer.headers.get("x-ratelimit-limit-requests")).toBe("600");
    const { turns } = await getJson<{ turns: object[] }>(
      place,
      "/control/turns",
      place.secrets.MLP_CONTROL_TOKEN,
    );
    expect(turns).toMatchObject([
      { state: "running" },
      { state: "queued", position: 1, estimated_wait_ms: null },
    ]);
    const { models } = await getJson<{ models: object[] }>(place, "/api/ps");
    expect(models).toMatchObject([{ name: "counter", turns_running: 1, turns_queued: 1 }]);
    const { metrics } = await getJson<{ metrics: object }>(place, "/health/deep");
    expect(metrics).toMatchObject({ queue_depth: 1 });
    expect(agent.turns).toHaveLength(1);
    go.resolve();
    const text = await answer.text();
    expect(text).toStartWith("data: ");
    expect(text).toContain("\n\n: queued 1\n\n");
    expect(text).toContain("at last");
    expect(text).toEndWith("data: [DONE]\n\n");
    expect((await slow.first).status).toBe(200);
    expect(agent.turns).toHaveLength(2);
  });

  test("is kept alive by an empty line where the framing has no comments", async () => {
    await using slow = await composeSlow();
    const answer = await slow.place.post("/api/chat", chat("second"));
    slow.go.resolve();
    const lines = (await answer.text())
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { message: { content: string }; done: boolean });
    expect(lines[0]).toMatchObject({ message: { content: "" }, done: false });
    expect(lines.map(({ message }) => message.content).join("")).toBe("at last");
    expect(lines.at(-1)?.done).toBe(true);
  });

  test("ends in a refusal in its band when its time runs out, and is counted as one", async () => {
    await using slow = await composeSlow({ MLP_LIMITS_QUEUE_WAIT_MS: "1200" });
    const answer = await slow.place.post(CHAT, chat("second"));
    const text = await answer.text();
    expect(answer.status).toBe(200);
    expect(text).toContain("too_busy");
    expect(text).not.toContain("[DONE]");
    const headers = { authorization: `Bearer ${slow.place.secrets.MLP_API_KEY}` };
    const metrics = await (await fetch(`${slow.place.api}/metrics`, { headers })).text();
    expect(metrics).toMatch(/mlp_requests_refused_total\{code="too_busy",key_id="[^"]+"\} 1/);
    expect(metrics).toContain("mlp_turns_waiting 0");
    const totals = { total: 1, successful: 0, failed: 1, rate_limited: 0 };
    expect(await getJson(slow.place, "/metrics")).toMatchObject({ requests: totals });
    slow.go.resolve();
    expect((await slow.first).status).toBe(200);
    expect(slow.agent.turns).toHaveLength(1);
  });

  test("leaves nothing behind when its client hangs up", async () => {
    await using slow = await composeSlow();
    const client = new AbortController();
    const answer = await slow.place.post(CHAT, chat("second"), { signal: client.signal });
    expect(slow.place.provider.engine.load()).toEqual({ running: 1, waiting: 1 });
    const reader = answer.body!.getReader();
    await reader.read();
    client.abort();
    // The one that hangs up is gone when the next has its place.
    slow.go.resolve();
    await slow.first;
    expect(await (await slow.place.post(CHAT, chat("third", false))).text()).toContain("at last");
    expect(slow.place.provider.engine.load()).toEqual({ running: 0, waiting: 0 });
  });
});

describe("a whole answer whose turn waits for room", () => {
  test("comes when there is room", async () => {
    await using slow = await composeSlow();
    const second = slow.place.post(CHAT, chat("second", false));
    slow.go.resolve();
    const answer = await second;
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining("at last")]);
  });

  test("is a 503 that says when to come again, where there is none in time", async () => {
    await using slow = await composeSlow({ MLP_LIMITS_QUEUE_WAIT_MS: "20" });
    const answer = await slow.place.post(CHAT, chat("second", false));
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(answer.headers.get("x-should-retry")).toBeNull();
    slow.go.resolve();
    await slow.first;
  });

  test("is a 503 at once where nobody may wait", async () => {
    await using slow = await composeSlow({ MLP_LIMITS_QUEUE_PER_AGENT: "0" });
    expect((await slow.place.post(CHAT, chat("second", false))).status).toBe(503);
    slow.go.resolve();
    await slow.first;
  });
});

describe("what a client is told", () => {
  function aPlace() {
    const clock = createFakeClock();
    const admitting = Promise.withResolvers<AdmittedTurn>();
    const said: string[] = [];
    let standing: ReturnType<QueuedTurn["standing"]> = { position: 3, estimatedWaitMs: 11_200 };
    const limits = {} as QueuedTurn["limits"];
    const answer = {
      place: { limits, standing: () => standing },
      admitting: admitting.promise,
      clock,
      heartbeat: () => "<beat>",
    };
    const start = (streamType: string) =>
      runWhenAdmitted(
        { ...answer, streamType },
        () => undefined,
        (text) => said.push(text),
      );
    return { clock, admitting, said, start, stand: (next: typeof standing) => (standing = next) };
  }

  test("is its place and the time, again whenever that has changed", async () => {
    const { clock, admitting, said, start, stand } = aPlace();
    const end = start("text/event-stream");
    clock.advance(2_000);
    stand({ position: 2, estimatedWaitMs: 8_000 });
    clock.advance(2_000);
    stand({ position: 1, estimatedWaitMs: undefined });
    clock.advance(2_000);
    expect(said).toEqual([
      ": queued 3, about 12 s\n\n",
      ": queued 2, about 8 s\n\n",
      ": queued 1\n\n",
    ]);
    admitting.reject(new AppError("too_busy", "full"));
    expect(await end).toMatchObject({ outcome: "refused", error: { code: "too_busy" } });
    expect(clock.pending).toBe(0);
  });

  test("is a single sign of life where there are no comments", () => {
    const { clock, said, start, stand } = aPlace();
    void start("application/x-ndjson");
    stand({ position: 2, estimatedWaitMs: 8_000 });
    clock.advance(4_000);
    expect(said).toEqual(["<beat>"]);
  });

  test("is a status for what is decided within a second", async () => {
    const clock = createFakeClock();
    expect(await waitsLonger(Promise.resolve(), clock)).toBe(false);
    expect(await waitsLonger(Promise.reject(new Error("no")), clock)).toBe(false);
    const waits = waitsLonger(new Promise(() => undefined), clock);
    clock.advance(1_000);
    expect(await waits).toBe(true);
    expect(clock.pending).toBe(0);
  });
});
