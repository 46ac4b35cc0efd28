// Several prompts in one request of `/v1/completions`, from clients that send them so, over loopback, to agents of this
// process.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { OpenAI as LangChain } from "@langchain/openai";
import OpenAI from "openai";
import { createRehearsal } from "../../src/agents/rehearsal/rehearsal.ts";
import { createSystem } from "../../src/app/system.ts";
import { AppError } from "../../src/core/error.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import type { Turn } from "../../src/core/turn.ts";
import { SECRETS, anAgent, compose, says } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";
import { sseData } from "../support/requests.ts";

const COMPLETIONS = "/v1/completions";
const model = "counter";

function promptOf({ request }: Turn): string {
  return request.kind === "completion" ? request.prompt : "";
}

/** Repeats its prompt, fails where that says so, and says nothing until it is stopped where that says so. */
async function composeAgent(env: Readonly<Record<string, string>> = {}) {
  const hanging = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<unknown>();
  const agent = anAgent(async function* (turn, signal): AsyncGenerator<TurnEvent> {
    const prompt = promptOf(turn);
    if (prompt.includes("fail")) throw new AppError("agent_error", "It fell over.");
    if (prompt.includes("hang")) {
      signal.addEventListener("abort", () => stopped.resolve(signal.reason));
      hanging.resolve();
      throw await stopped.promise;
    }
    yield* says(prompt, "!");
  });
  const place = await compose([agent], env);
  return {
    place,
    agent,
    client: new OpenAI({ apiKey: SECRETS.MLP_API_KEY, baseURL: `${place.api}/v1` }),
    prompts: () => agent.turns.map(promptOf),
    hanging: hanging.promise,
    stopped: stopped.promise,
    [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
  };
}

async function metricsOf({ api, secrets }: Composed): Promise<string> {
  const headers = { authorization: `Bearer ${secrets.MLP_API_KEY}` };
  return (await fetch(`${api}/metrics`, { headers })).text();
}

async function totalsOf({ api, secrets }: Composed): Promise<object> {
  const headers = { authorization: `Bearer ${secrets.MLP_API_KEY}`, accept: "application/json" };
  const answer = await fetch(`${api}/metrics`, { headers });
  return ((await answer.json()) as { requests: object }).requests;
}

interface ErrorBody {
  readonly error: { readonly message: string; readonly code: string; readonly param: string };
}

describe("OpenAI's client", () => {
  test("gets an answer to each, in their order, with what all used", async () => {
    await using set = await composeAgent();
    const asking = set.client.completions.create({ model, prompt: ["a", "b", "c"], echo: true });
    const { data, response } = await asking.withResponse();
    const choice = { logprobs: null, finish_reason: "stop" as const };
    expect(data.choices).toEqual([
      { ...choice, index: 0, text: "aa!" },
      { ...choice, index: 1, text: "bb!" },
      { ...choice, index: 2, text: "cc!" },
    ]);
    expect(data.usage).toMatchObject({ prompt_tokens: 9, completion_tokens: 15 });
    const id = response.headers.get("x-request-id") ?? "";
    expect(data.id).toBe(id);
    const ids = [id, `${id}.2`, `${id}.3`];
    expect(set.agent.turns.map((turn) => turn.id)).toEqual(ids);
    const ended = set.place.lines.filter(({ msg }) => msg === "turn ended");
    expect(ended.map(({ turnId }) => turnId)).toEqual(ids);
    expect(await metricsOf(set.place)).toMatch(/mlp_turns_total\{[^}]*outcome="done"[^}]*\} 3/);
  });

  test("streams one after the other, the usage and the end once", async () => {
    await using set = await composeAgent();
    const stream = await set.client.completions.create({
      model,
      prompt: ["a", "b"],
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: OpenAI.Completion[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    const said = chunks.flatMap(({ choices }) =>
      choices.map(({ index, text, finish_reason: reason }) => [index, text, reason]),
    );
    expect(said).toEqual([
      [0, "", null],
      [0, "a", null],
      [0, "!", null],
      [0, "", "stop"],
      [1, "", null],
      [1, "b", null],
      [1, "!", null],
      [1, "", "stop"],
    ] as never);
    expect(chunks.filter((chunk) => chunk.usage)).toEqual([chunks.at(-1)!]);
    expect(chunks.at(-1)?.usage).toMatchObject({ prompt_tokens: 6, total_tokens: 16 });
    expect(await totalsOf(set.place)).toMatchObject({ total: 1, successful: 1, failed: 0 });
  });

  test("has the middle filled in for each, and no agent run where the model cannot", async () => {
    const rehearsal = createRehearsal({ clock: createSystem().clock });
    const counter = anAgent(() => says("never"));
    await using place = await compose([counter, rehearsal]);
    const client = new OpenAI({ apiKey: SECRETS.MLP_API_KEY, baseURL: `${place.api}/v1` });
    const asked = { prompt: ["return ", ""], suffix: "}" };
    const { choices } = await client.completions.create({ model: "rehearsal", ...asked });
    expect(choices.map(({ text }) => text)).toEqual(["rehearsal", "rehearsal"]);
    const refused = await place.post(COMPLETIONS, { model, ...asked });
    expect([refused.status, ((await refused.json()) as ErrorBody).error.param]).toEqual([
      400,
      "suffix",
    ]);
    expect(counter.turns).toEqual([]);
  });

  test.each([false, true])(
    "runs no agent either where one of them only carries the marks of a gap (stream: %p)",
    async (stream) => {
      const rehearsal = createRehearsal({ clock: createSystem().clock });
      const counter = anAgent(() => says("never"));
      await using place = await compose([counter, rehearsal]);
      const gap = "<|fim_prefix|>return <|fim_suffix|>}<|fim_middle|>";
      const asked = { prompt: ["plain", gap, "plain too"], stream };
      const refused = await place.post(COMPLETIONS, { model, ...asked });
      const { error } = (await refused.json()) as ErrorBody;
      const told = [refused.status, error.code, error.param];
      expect(told).toEqual([400, "unsupported", "prompt[1]"]);
      expect(error.message).toStartWith("This model cannot fill in the middle");
      expect(counter.turns).toEqual([]);
      expect(auditOf(place).filter(({ event }) => event === "model_request")).toEqual([]);
      expect(await totalsOf(place)).toMatchObject({ total: 1, successful: 0, failed: 1 });
      expect((await place.post(COMPLETIONS, { model: "rehearsal", ...asked })).status).toBe(200);
    },
  );
});

test("a streamed list that waits for room says so, and has all its answers once there is some", async () => {
  await using set = await composeAgent({ MLP_LIMITS_TURNS_PER_AGENT: "1" });
  const gone = new AbortController();
  const first = set.place
    .post(COMPLETIONS, { model, prompt: "hang" }, { signal: gone.signal })
    .catch((error: unknown) => error);
  await set.hanging;
  const body = { model, prompt: ["a", "b"], stream: true };
  const answer = await set.place.post(COMPLETIONS, body);
  expect(answer.headers.get("x-mlp-queued")).toBe("1");
  expect(set.place.provider.engine.load()).toEqual({ running: 1, waiting: 1 });
  gone.abort();
  const text = await answer.text();
  await first;
  expect(text).toContain(": queued 1");
  const chunks = sseData(text)
    .slice(0, -1)
    .map((each) => JSON.parse(each) as OpenAI.Completion);
  const textOf = (place: number) =>
    chunks.map(({ choices: [choice] }) => (choice?.index === place ? choice.text : "")).join("");
  expect([textOf(0), textOf(1)]).toEqual(["a!", "b!"]);
  expect(text).toEndWith("data: [DONE]\n\n");
});

test("LangChain generates for a batch, whole and streamed", async () => {
  await using set = await composeAgent();
  for (const streaming of [false, true]) {
    const configuration = { baseURL: `${set.place.api}/v1` };
    const fields = { model, apiKey: SECRETS.MLP_API_KEY, configuration, streaming };
    const batch = Array.from({ length: 22 }, (_, index) => `p${index}`);
    const { generations, llmOutput } = await new LangChain(fields).generate(batch);
    expect(generations.map(([generation]) => generation?.text)).toEqual(
      batch.map((prompt) => `${prompt}!`),
    );
    if (!streaming) expect(llmOutput?.["tokenUsage"]).toMatchObject({ totalTokens: 22 * 8 });
  }
  // Twenty, and the two that are left.
  const firsts = set.agent.turns.filter(({ id }) => !id.includes("."));
  expect([set.agent.turns.length, firsts.length]).toEqual([44, 4]);
});

describe("a list that is refused as a whole runs nothing and counts nothing", () => {
  const many = Array.from({ length: 21 }, () => "a");
  test.each([
    [{ prompt: many }, "prompt", "invalid_request"],
    [{ prompt: [] }, "prompt", "invalid_request"],
    [{ prompt: ["a", "b", ""] }, "prompt[2]", "invalid_request"],
    [{ prompt: ["a", "b"], n: 2 }, "n", "unsupported"],
    [{ prompt: [[1], [2]] }, "prompt", "unsupported"],
  ])("%j", async (fields, param, code) => {
    await using set = await composeAgent();
    const answer = await set.place.post(COMPLETIONS, { model, ...fields });
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { param, code } }]);
    expect(set.prompts()).toEqual([]);
    const next = await set.place.post(COMPLETIONS, { model, prompt: "a" });
    expect(next.headers.get("x-ratelimit-remaining-requests")).toBe("599");
  });
});

describe("a list that fails in the middle", () => {
  const prompt = ["a", "fail", "c"];
  const message = "Prompt 2 of 3: It fell over.";

  test("fails as a whole, and three attempts without any header run each agent once", async () => {
    await using set = await composeAgent();
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const answer = await set.place.post(COMPLETIONS, { model, prompt });
      expect(answer.status).toBe(502);
      expect(answer.headers.get("x-should-retry")).toBe("false");
      expect(await answer.json()).toMatchObject({ error: { message, code: "agent_error" } });
    }
    expect(set.prompts()).toEqual(["a", "fail"]);
  });

  test("is in a stream its last frame, each time", async () => {
    await using set = await composeAgent();
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const answer = await set.place.post(COMPLETIONS, { model, prompt, stream: true });
      const data = sseData(await answer.text());
      const first = data.filter((each) => each.includes('"index":0,'));
      const chunks = first.map((each) => JSON.parse(each) as OpenAI.Completion);
      expect(chunks.map(({ choices }) => choices[0]?.text).join("")).toBe("a!");
      expect(data.join()).not.toContain("[DONE]");
      expect(JSON.parse(data.at(-1) ?? "")).toMatchObject({ error: { message } });
    }
    expect(set.prompts()).toEqual(["a", "fail"]);
  });

  test.each([false, true])(
    "at a limit is refused there, told and counted (stream: %p)",
    async (stream) => {
      await using set = await composeAgent({ MLP_RATE_LIMITING_REQUESTS_PER_MINUTE: "2" });
      const body = { model, prompt: ["a", "b", "c"], stream };
      const answer = await set.place.post(COMPLETIONS, body);
      expect(answer.status).toBe(stream ? 200 : 429);
      expect(answer.headers.get("x-should-retry")).toBe(stream ? null : "false");
      expect(answer.headers.get("retry-after")).toBeNull();
      const text = await answer.text();
      expect(text).toContain('"message":"Prompt 3 of 3: ');
      expect(text).toContain('"rate_limited"');
      expect(text).not.toContain("[DONE]");
      expect(set.prompts()).toEqual(["a", "b"]);
      expect(set.place.provider.engine.load()).toEqual({ running: 0, waiting: 0 });
      expect(await metricsOf(set.place)).toMatch(
        /mlp_requests_refused_total\{code="rate_limited",key_id="[^"]+"\} 1/,
      );
      const records = auditOf(set.place);
      expect(records.map(({ event }) => event)).toEqual([
        "model_request",
        "model_request",
        "model_response",
        "model_response",
        "rate_limit_exceeded",
      ]);
      const total = { total: 1, successful: 0, failed: 1, rate_limited: 1 };
      expect(await totalsOf(set.place)).toEqual(total);
    },
  );

  test("because its client goes stops the one that runs, and begins no other", async () => {
    await using set = await composeAgent();
    const gone = new AbortController();
    const body = { model, prompt: ["a", "hang", "c"] };
    const asking = set.place
      .post(COMPLETIONS, body, { signal: gone.signal })
      .catch((error: unknown) => error);
    await set.hanging;
    gone.abort();
    expect(await set.stopped).toMatchObject({ code: "client_cancelled" });
    await asking;
    await set.place.provider.engine.drain();
    expect(set.prompts()).toEqual(["a", "hang"]);
  });

  test("because an operator cancels one of its turns by its id", async () => {
    await using set = await composeAgent();
    const { secrets } = set.place;
    const control = { authorization: `Bearer ${secrets.MLP_CONTROL_TOKEN}` };
    const asking = set.place.post(COMPLETIONS, { model, prompt: ["a", "hang", "c"] });
    await set.hanging;
    const [open] = set.place.provider.engine.openTurns();
    expect(open?.turnId).toEndWith(".2");
    const path = `/control/turns/${open?.turnId}/cancel`;
    const cancelled = await set.place.post(path, {}, { headers: control });
    expect([cancelled.status, await cancelled.json()]).toEqual([200, { cancelled: open?.turnId }]);
    const answer = await asking;
    expect(await answer.json()).toMatchObject({
      error: { message: "Prompt 2 of 3: The turn was cancelled." },
    });
    expect(set.prompts()).toEqual(["a", "hang"]);
  });
});

interface Audited {
  readonly event: string;
  readonly event_type: string;
  readonly request_id?: string;
}

function auditOf({ home }: Composed): readonly Audited[] {
  const file = join(home, "audit.jsonl");
  const lines = readFileSync(file, "utf8").trim().split("\n");
  return lines
    .map((line) => JSON.parse(line) as Audited)
    .filter(({ event_type: type }) => type !== "SESSION");
}
