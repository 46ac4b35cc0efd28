// Traces as a collector gets them from a whole provider, with agents of the test's own behind it.

import { describe, expect, test } from "bun:test";
import { AppError } from "../../src/core/error.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import { anAgent, compose, says } from "../support/composed.ts";
import { attributesOf, startCollector } from "../support/trace-collector.ts";
import type { Collector, SentSpan } from "../support/trace-collector.ts";

const COMPLETIONS = "/v1/completions";
const REQUEST = `POST ${COMPLETIONS}`;
const CHAT = "text_completion counter";
const AGENT = "invoke_agent counter";

/** Fails at the prompts that say so, and says nothing until it is stopped at those that say so. */
async function composeTraced(env: Readonly<Record<string, string>> = {}) {
  const collector = startCollector();
  const hanging = Promise.withResolvers<void>();
  const agent = anAgent(async function* ({ request }, signal): AsyncGenerator<TurnEvent> {
    const prompt = request.kind === "completion" ? request.prompt : "";
    if (prompt === "fail") throw new AppError("agent_error", "It fell over.");
    if (prompt === "hang") {
      const stopped = Promise.withResolvers<never>();
      signal.addEventListener("abort", () => stopped.reject(signal.reason));
      hanging.resolve();
      await stopped.promise;
    }
    yield* says(prompt);
  });
  const place = await compose([agent], { MLP_TELEMETRY_OTLP_ENDPOINT: collector.url, ...env });
  return {
    place,
    ask: (prompt: readonly string[] | string, fields: object = {}, init: RequestInit = {}) =>
      place.post(COMPLETIONS, { model: "counter", prompt, ...fields }, init),
    hanging: hanging.promise,
    /** All spans, when the server has stopped. */
    spans: async (): Promise<Collector["spans"]> => {
      await place[Symbol.asyncDispose]();
      await collector.stop();
      return collector.spans;
    },
  };
}

/** The one span of the requests for completions, with what is in it by its names, inside its time. */
function read(spans: readonly SentSpan[]) {
  const requests = spans.filter(({ name }) => name === REQUEST);
  expect(requests).toHaveLength(1);
  const [request] = requests as [SentSpan];
  const under = ({ spanId }: SentSpan): readonly SentSpan[] =>
    spans.filter(({ parentSpanId }) => parentSpanId === spanId);
  const chats = under(request);
  const agents = chats.flatMap(under);
  for (const span of [...chats, ...agents]) {
    expect(BigInt(span.startTimeUnixNano) >= BigInt(request.startTimeUnixNano)).toBe(true);
    expect(BigInt(span.endTimeUnixNano) <= BigInt(request.endTimeUnixNano)).toBe(true);
  }
  return {
    request: attributesOf(request),
    names: [...chats, ...agents].map(({ name }) => name),
    outcomes: chats.map((chat) => attributesOf(chat)["mlp.outcome"]),
  };
}

describe.each([false, true])("a request with several prompts (stream: %p)", (stream) => {
  test("is one span with those of all its turns in it", async () => {
    const { ask, spans } = await composeTraced();
    await (await ask(["a", "b", "c"], { stream })).text();
    const { request, names, outcomes } = read(await spans());
    expect(names).toEqual([CHAT, CHAT, CHAT, AGENT, AGENT, AGENT]);
    expect(outcomes).toEqual(["done", "done", "done"]);
    expect(request).toMatchObject({ "http.route": COMPLETIONS, "http.response.status_code": 200 });
    expect(request).not.toHaveProperty("error.type");
  });

  test("ends with the turn that fails", async () => {
    const { ask, spans } = await composeTraced();
    await (await ask(["a", "fail", "c"], { stream })).text();
    const { request, outcomes } = read(await spans());
    expect(outcomes).toEqual(["done", "error"]);
    expect(request["error.type"]).toBe("agent_error");
  });

  test("ends when one of its turns is refused, which no agent was started for", async () => {
    const { ask, spans } = await composeTraced({ MLP_RATE_LIMITING_REQUESTS_PER_MINUTE: "2" });
    await (await ask(["a", "b", "c"], { stream })).text();
    const { request, outcomes } = read(await spans());
    expect(outcomes).toEqual(["done", "done"]);
    expect(request["http.response.status_code"]).toBe(stream ? 200 : 429);
    expect(request["error.type"]).toBe(stream ? "rate_limited" : undefined);
  });

  test("ends when its client hangs up, which is no failure", async () => {
    const { place, ask, spans, hanging } = await composeTraced();
    const gone = new AbortController();
    const asking = ask(["a", "hang", "c"], { stream }, { signal: gone.signal })
      .then((answer) => answer.text())
      .catch((error: unknown) => error);
    await hanging;
    gone.abort();
    await asking;
    await place.provider.engine.drain();
    const { request, outcomes } = read(await spans());
    expect(outcomes).toEqual(["done", "client_cancelled"]);
    expect(request).not.toHaveProperty("error.type");
  });

  test("has those of the rest where it repeats what had run", async () => {
    const { place, ask, spans } = await composeTraced({
      MLP_RATE_LIMITING_REQUESTS_PER_MINUTE: "1",
    });
    const retry = { headers: { "x-stainless-retry-count": "1" } };
    await (await ask(["a", "b"], { stream })).text();
    place.reload({ MLP_RATE_LIMITING_REQUESTS_PER_MINUTE: "600" });
    await (await ask(["a", "b"], { stream }, retry)).text();
    const all = await spans();
    const requests = all.filter(({ name }) => name === REQUEST);
    const parents = all.filter(({ name }) => name === CHAT).map((chat) => chat.parentSpanId);
    expect([parents.length, requests.length]).toEqual([2, 2]);
    expect(new Set(parents)).toEqual(new Set(requests.map(({ spanId }) => spanId)));
  });
});

test("a stream that is refused while it waits for room ends, as a failure", async () => {
  const { place, ask, spans, hanging } = await composeTraced({
    MLP_LIMITS_TURNS_PER_AGENT: "1",
    MLP_LIMITS_QUEUE_WAIT_MS: "1200",
  });
  const gone = new AbortController();
  const first = ask("hang", {}, { signal: gone.signal }).catch((error: unknown) => error);
  await hanging;
  expect(await (await ask("b", { stream: true })).text()).toContain("too_busy");
  gone.abort();
  await first;
  await place.provider.engine.drain();
  const requests = (await spans()).filter(({ name }) => name === REQUEST);
  const failures = requests.map((each) => attributesOf(each)["error.type"]);
  expect([failures.length, new Set(failures)]).toEqual([2, new Set(["too_busy", undefined])]);
});
