// The conformance suite against the server as `mlp up` composes it: every check passes, and docs/conformance.md is what
// it prints. And the suite itself: an answer that breaks a rule is seen.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readFailure, readMessage } from "../../conformance/anthropic/shape.ts";
import { readChat } from "../../conformance/openai/chat-shape.ts";
import { FEATURES, runCheck } from "../../conformance/check.ts";
import type { Checked } from "../../conformance/check.ts";
import { readGenerate } from "../../conformance/ollama/shape.ts";
import { renderPaper, renderTotals } from "../../conformance/report.ts";
import { readResponse } from "../../conformance/openai/responses-shape.ts";
import { reach } from "../../conformance/server.ts";
import type { Answer } from "../../conformance/server.ts";
import { CHECKS, runSuite } from "../../conformance/suite.ts";
import { createRehearsal } from "../../src/agents/rehearsal/rehearsal.ts";
import { createSystem } from "../../src/app/system.ts";
import { SECRETS, anAgent, compose, says } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";

describe("our server with the rehearsal agent", () => {
  let composed: Composed;
  let results: readonly Checked[];
  beforeAll(async () => {
    composed = await compose([createRehearsal({ clock: createSystem().clock })], {
      MLP_RATE_LIMITING_REQUESTS_PER_MINUTE: "100000",
      MLP_RATE_LIMITING_SESSION_REQUESTS_PER_MINUTE: "100000",
    });
    const server = await reach({ base: `${composed.api}/v1/`, key: SECRETS.MLP_API_KEY });
    expect(server).toMatchObject({ base: composed.api, model: "cursor-agent", rehearses: true });
    results = await runSuite(server);
  });
  afterAll(() => composed[Symbol.asyncDispose]());

  test("passes every check", () => {
    expect(results.length).toBeGreaterThan(150);
    expect(results.filter(({ outcome }) => outcome.status !== "pass")).toEqual([]);
  });

  test("does what docs/conformance.md says it does", () => {
    const paper = readFileSync(join(import.meta.dir, "../../docs/conformance.md"), "utf8");
    const [, version = "", date = ""] = /^Version (\S+), ([\d-]+)\. /m.exec(paper) ?? [];
    expect(paper).toBe(renderPaper(results, version, date));
  });
});

test("by itself it prints the matrix of a server that runs, and ends with 0", async () => {
  const settings = { MLP_RATE_LIMITING_REQUESTS_PER_MINUTE: "100000" };
  const rehearsal = createRehearsal({ clock: createSystem().clock });
  await using composed = await compose([rehearsal], settings);
  const script = join(import.meta.dir, "../../conformance/run.ts");
  const where = ["--base", composed.api, "--key", SECRETS.MLP_API_KEY];
  const child = Bun.spawn([process.execPath, script, ...where], { stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect([await child.exited, stderr]).toEqual([0, `${composed.api}, model cursor-agent\n`]);
  expect(stdout).toMatch(/^\| +\| OpenAI chat \|/);
  expect(stdout).toContain(` ${CHECKS.length} passed, 0 failed, 0 skipped.`);
});

test("every feature is checked somewhere, and each check has a sentence of its own in its cell", () => {
  const checked = new Set(CHECKS.map(({ feature }) => feature));
  expect(FEATURES.filter((feature) => !checked.has(feature))).toEqual([]);
  const names = CHECKS.map(({ column, feature, title }) => `${column}, ${feature}: ${title}`);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

describe("another server", () => {
  const answering = (answer: Answer) => ({
    base: "http://127.0.0.1:1",
    key: "a key",
    model: "a model",
    rehearses: false,
    send: () => Promise.resolve(answer),
  });
  const teapot = {
    status: 418,
    headers: new Headers(),
    type: "text/plain",
    text: "",
    json: undefined,
  };

  test("is not judged by what only the rehearsal agent does, and fails what it does not do", async () => {
    const server = answering(teapot);
    const outcomes = await Promise.all(CHECKS.map((check) => runCheck(check, server)));
    for (const [index, outcome] of outcomes.entries()) {
      expect([CHECKS[index]?.title, outcome.status]).toEqual([
        CHECKS[index]?.title,
        CHECKS[index]?.ours ? "skip" : "fail",
      ]);
    }
    const results = CHECKS.map((check, index) => ({ check, outcome: outcomes[index]! }));
    expect(renderTotals(results)).toContain(" 0 passed");
    expect(renderPaper(results, "1.2.3", "2026-01-01")).toContain("## Not passed");
  });
});

describe("a model that says what it likes", () => {
  const model = {
    id: "chatty",
    contextLength: 8_192,
    capabilities: ["completion", "tools"] as const,
  };
  let composed: Composed;
  beforeAll(async () => {
    const agent = anAgent(() => says("Hello ", "there."), { models: [model] });
    composed = await compose([agent], { MLP_RATE_LIMITING_REQUESTS_PER_MINUTE: "100000" });
  });
  afterAll(() => composed[Symbol.asyncDispose]());

  test("is judged by its form, and what it lacks is skipped", async () => {
    const { api: base } = composed;
    const server = await reach({ base, key: SECRETS.MLP_API_KEY, model: "chatty" });
    expect(server.rehearses).toBe(false);
    const results = await runSuite(server);
    const failed = results.filter(({ outcome }) => outcome.status === "fail");
    // It was asked for JSON, and says "Hello there.".
    expect(new Set(failed.map(({ check }) => check.feature))).toEqual(new Set(["answers in JSON"]));
    const vectors = results.filter(({ check }) => check.column === "embeddings");
    expect(new Set(vectors.map(({ outcome }) => outcome.status))).toEqual(new Set(["skip"]));
    expect(results.filter(({ outcome }) => outcome.status === "pass").length).toBeGreaterThan(100);
  });
});

const event = (data: object | string, name?: string): string => {
  const line = name === undefined ? "" : `event: ${name}\n`;
  return `${line}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
};

describe("a chat stream", () => {
  const chunk = (delta: object, finish: string | null = null, more: object = {}): string =>
    event({
      id: "one",
      object: "chat.completion.chunk",
      created: 1,
      model: "a",
      choices: [{ index: 0, delta, finish_reason: finish }],
      ...more,
    });
  const counts = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  const role = chunk({ role: "assistant", content: "" });
  const text = chunk({ content: "a" });
  const call = chunk({
    tool_calls: [{ index: 0, id: "b", type: "function", function: { name: "c", arguments: "{" } }],
  });
  const rest = chunk({ tool_calls: [{ index: 0, function: { arguments: "}" } }] });
  const finish = chunk({}, "stop");
  const usage = chunk({}, null, { choices: [], usage: counts });
  const done = event("[DONE]");

  test("is put together", () => {
    const read = readChat(role + text + ": keep-alive\n\n" + call + rest + finish + usage + done);
    expect(read).toMatchObject({
      text: "a",
      calls: [{ id: "b", name: "c", arguments: "{}" }],
      finish: "stop",
      usage: counts,
    });
  });

  test.each([
    ["without a role", text + finish + done],
    ["without a reason to end", role + text + done],
    ["with two reasons to end", role + finish + finish + done],
    ["without [DONE]", role + text + finish],
    ["with something after [DONE]", role + text + finish + done + usage],
    ["with text after its end", role + finish + text + done],
    [
      "with a usage beside text",
      role + chunk({ content: "a" }, null, { usage: counts }) + finish + done,
    ],
    ["with a usage before its end", role + usage + finish + done],
    [
      "with text and a call at once",
      role + chunk({ content: "a", tool_calls: [] }) + finish + done,
    ],
    ["with a call that begins twice", role + call + call + finish + done],
    ["with a call that begins nowhere", role + rest + finish + done],
    ["with another role", chunk({ role: "model" }) + finish + done],
    ["with an error beside choices", role + chunk({}, null, { error: null }) + finish + done],
    ["with another id", role + text.replace('"one"', '"two"') + finish + done],
    ["with names of events", role + event(text, "chunk") + finish + done],
    ["that is cut off", role + text + finish + "data: [DONE]\n"],
  ])("%s is refused", (_, stream) => {
    expect(() => readChat(stream)).toThrow();
  });
});

describe("a stream of messages", () => {
  const named = (data: { readonly type: string; readonly [field: string]: unknown }): string =>
    event(data, data.type);
  const counts = { input_tokens: 1, output_tokens: 1 };
  const message = {
    ...{ id: "a", type: "message", role: "assistant", model: "b", content: [] },
    ...{ stop_reason: null, stop_sequence: null, usage: counts },
  };
  const start = named({ type: "message_start", message });
  const block = (index: number) =>
    named({ type: "content_block_start", index, content_block: { type: "text", text: "" } });
  const delta = named({
    type: "content_block_delta",
    index: 0,
    delta: { type: "text_delta", text: "a" },
  });
  const stop = named({ type: "content_block_stop", index: 0 });
  const ending = named({
    type: "message_delta",
    delta: { stop_reason: "end_turn", stop_sequence: null },
    usage: counts,
  });
  const end = named({ type: "message_stop" });
  const failure = named({ type: "error", error: { type: "api_error", message: "No." } });

  test("is put together", () => {
    const read = readMessage(
      start + named({ type: "ping" }) + block(0) + delta + stop + ending + end,
    );
    expect(read).toMatchObject({ text: "a", stopReason: "end_turn" });
    expect(readFailure(start + block(0) + delta + failure)).toMatchObject({ text: "a" });
  });

  test.each([
    ["with a block that is not closed", start + block(0) + delta + ending + end],
    ["with a block out of place", start + block(1) + stop + ending + end],
    ["with words outside a block", start + delta + ending + end],
    ["without its reason to end", start + block(0) + delta + stop + end],
    ["without its end", start + block(0) + delta + stop + ending],
    ["with another name than type", event({ type: "message_stop" }, "ping")],
  ])("%s is refused", (_, stream) => {
    expect(() => readMessage(stream)).toThrow();
  });

  test("that failed must not say that it ended", () => {
    expect(() => readFailure(start + end + failure)).toThrow("message_stop");
  });
});

test("a response's stream without numbers, or out of order, is refused", () => {
  const response = {
    ...{ id: "a", object: "response", created_at: 1, status: "in_progress", error: null },
    ...{ incomplete_details: null, instructions: null, metadata: {}, model: "b", output: [] },
    ...{
      parallel_tool_calls: true,
      temperature: null,
      tool_choice: "auto",
      tools: [],
      top_p: null,
    },
  };
  const said = (type: string, number: number, more: object = {}): string =>
    event({ type, sequence_number: number, response, ...more }, type);
  const usage = {
    ...{ input_tokens: 1, output_tokens: 1, total_tokens: 2 },
    ...{
      input_tokens_details: { cached_tokens: 0 },
      output_tokens_details: { reasoning_tokens: 0 },
    },
  };
  const completed = { response: { ...response, status: "completed", usage } };
  const [created, begun] = [said("response.created", 0), said("response.in_progress", 1)];
  const ended = said("response.completed", 2, completed);
  expect(readResponse(created + begun + ended).text).toBe("");
  for (const stream of [
    created + begun,
    begun + created + ended,
    created + begun + said("response.completed", 3, completed),
    created + begun + said("response.completed", 2),
    created + begun + ended + event("[DONE]"),
  ]) {
    expect(() => readResponse(stream)).toThrow();
  }
});

test("lines without an end, with two, or with one that is not ended, are refused", () => {
  const head = { model: "a", created_at: "2026-01-01T00:00:00Z", response: "b" };
  const more = `${JSON.stringify({ ...head, done: false })}\n`;
  const counts = { total_duration: 1, load_duration: 0, prompt_eval_count: 1 };
  const others = { prompt_eval_duration: 1, eval_count: 1, eval_duration: 1 };
  const last = `${JSON.stringify({ ...head, done: true, done_reason: "stop", ...counts, ...others })}\n`;
  expect(readGenerate(more + last).last.done_reason).toBe("stop");
  const bad = [more, last + last, last + more, more + last.trimEnd(), `${more}\n${last}`];
  for (const lines of bad) expect(() => readGenerate(lines)).toThrow();
});
