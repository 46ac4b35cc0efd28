// What upstreams say about their models, each kind of server in its own way; and upstreams that come and go.

import { afterEach, describe, expect, test } from "bun:test";
import type { TurnRequest } from "../../../src/core/turn.ts";
import { collectTurn } from "../../contract/collect-turn.ts";
import { type Reply, json, modelList, sse } from "../../support/scripted-upstream.ts";
import { createHouse, says } from "./pool.ts";
import { failureOf, rejectionOf, runTurn } from "../support.ts";

const house = createHouse();
afterEach(() => house.close());

const listOf = (owner: string, ...ids: readonly string[]): Reply =>
  json({ object: "list", data: ids.map((id) => ({ id, object: "model", owned_by: owner })) });

describe("a server of its own kind", () => {
  test("Ollama is asked about each model, once for each list", async () => {
    const server = house.upstream();
    server.replyToModels(listOf("library", "qwen3:8b", "nomic-embed-text:latest", "gone"));
    server.reply(({ path, body }) => {
      expect(path).toBe("/api/show");
      const { model } = body as { model: string };
      if (model === "gone") return json({ error: "model not found" }, 404);
      return json(
        model === "qwen3:8b"
          ? {
              capabilities: ["completion", "tools", "thinking", "audio"],
              model_info: { "general.architecture": "qwen3", "qwen3.context_length": 40_960 },
            }
          : { capabilities: ["embedding"], model_info: { "nomic-bert.context_length": 2_048 } },
      );
    });
    const { agent } = house.pool([{ baseUrl: server.url, apiKey: "k" }]);
    expect(await agent.discover()).toEqual([
      { id: "qwen3:8b", contextLength: 40_960, capabilities: ["completion", "tools", "thinking"] },
      { id: "nomic-embed-text:latest", contextLength: 2_048, capabilities: ["embedding"] },
      { id: "gone", capabilities: ["completion", "tools", "vision", "insert"] },
    ]);
    server.replyToModels(listOf("library", "qwen3:8b"));
    await agent.discover();
    const asked = server.requests.length;
    await agent.discover();
    expect(server.requests).toHaveLength(asked);
    expect(
      server.requests.every(({ headers }) => headers.get("authorization") === "Bearer k"),
    ).toBe(true);
  });

  test("LM Studio has a list of its own", async () => {
    const server = house.upstream();
    server.replyToModels(({ path }) =>
      path === "/api/v0/models"
        ? json({
            data: [
              { id: "see", type: "vlm", max_context_length: 32_768 },
              { id: "talk", type: "llm", max_context_length: 9_000, loaded_context_length: 4_096 },
              { id: "vectors", type: "embeddings", max_context_length: 2_048 },
            ],
          })
        : listOf("organization_owner", "see", "talk", "vectors"),
    );
    const { agent } = house.pool([{ baseUrl: server.url }]);
    expect(await agent.discover()).toEqual([
      {
        id: "see",
        contextLength: 32_768,
        capabilities: ["completion", "tools", "insert", "vision"],
      },
      { id: "talk", contextLength: 4_096, capabilities: ["completion", "tools", "insert"] },
      { id: "vectors", contextLength: 2_048, capabilities: ["embedding"] },
    ]);
  });

  test("llama.cpp says how much fits and whether it sees", async () => {
    const server = house.upstream();
    const data = [{ id: "coder.gguf", owned_by: "llamacpp", meta: { n_ctx_train: 32_768 } }];
    server.replyToModels(json({ data }));
    server.reply(({ path }) =>
      path === "/props"
        ? json({
            default_generation_settings: { n_ctx: 8_192 },
            modalities: { vision: false, audio: false },
          })
        : json({}, 404),
    );
    const { agent } = house.pool([{ baseUrl: server.url }]);
    expect(await agent.discover()).toEqual([
      { id: "coder.gguf", contextLength: 8_192, capabilities: ["completion", "tools", "insert"] },
    ]);
  });

  test("vLLM says how much fits, and fills no gaps", async () => {
    const server = house.upstream();
    server.replyToModels(json({ data: [{ id: "m", owned_by: "vllm", max_model_len: 16_384 }] }));
    const { agent } = house.pool([{ baseUrl: server.url }]);
    expect(await agent.discover()).toEqual([
      { id: "m", contextLength: 16_384, capabilities: ["completion", "tools", "vision"] },
    ]);
    expect(server.requests).toEqual([]);
  });

  test("that says nothing more on its own routes is taken by its list", async () => {
    const server = house.upstream();
    server.replyToModels(listOf("llamacpp", "plain"));
    server.reply({ type: "text/html", pieces: [{ send: "<p>" }] });
    const { agent } = house.pool([{ baseUrl: server.url }]);
    expect((await agent.discover()).map(({ id }) => id)).toEqual(["plain"]);
  });

  test("is asked about the one configured model only", async () => {
    const server = house.upstream();
    server.replyToModels(listOf("library", "one", "two"));
    server.reply(json({ capabilities: ["completion", "insert"], model_info: {} }));
    const { agent } = house.pool([{ baseUrl: server.url, model: "two" }]);
    expect(await agent.discover()).toEqual([{ id: "two", capabilities: ["completion", "insert"] }]);
    expect(server.requests.map(({ body }) => body)).toEqual([{ model: "two" }]);
  });
});

describe("filling in the middle", () => {
  const gap = (model: string): TurnRequest => ({
    kind: "completion",
    model,
    stream: true,
    prompt: "return ",
    suffix: "}",
    parameters: { maxTokens: 9, stop: ["\n\n"] },
  });

  test("goes to llama.cpp's own route, in its own form", async () => {
    const server = house.upstream();
    server.replyToModels(listOf("llamacpp", "coder"));
    server.reply(({ path }) =>
      path === "/infill"
        ? sse(
            { content: "x ", stop: false },
            { content: "+ 1", stop: false },
            { content: "", stop: true, stop_type: "eos", tokens_evaluated: 5, tokens_predicted: 3 },
          )
        : json({}, 404),
    );
    const { agent } = house.pool([{ baseUrl: server.url }]);
    await agent.discover();
    const result = await collectTurn(runTurn(agent, gap("coder")));
    expect([result.text, result.finish]).toEqual([
      "x + 1",
      { type: "finish", reason: "stop", usage: { promptTokens: 5, completionTokens: 3 } },
    ] as never);
    expect(server.requests.at(-1)?.body).toEqual({
      model: "coder",
      input_prefix: "return ",
      input_suffix: "}",
      stream: true,
      n_predict: 9,
      stop: ["\n\n"],
    });
  });

  test.each([
    ["limit", "length"],
    ["word", "stop"],
  ])("there, an answer that ends by %s ends by %s, whole as well", async (type, reason) => {
    const server = house.upstream();
    server.replyToModels(listOf("llamacpp", "coder"));
    server.reply(({ path }) =>
      path === "/infill" ? json({ content: "y", stop: true, stop_type: type }) : json({}, 404),
    );
    const { agent } = house.pool([{ baseUrl: server.url }]);
    await agent.discover();
    const { text, finish } = await collectTurn(runTurn(agent, gap("coder")));
    expect([text, finish.reason as string]).toEqual(["y", reason]);
  });

  test("that the model has no marks for is a refusal, not a failure of ours", async () => {
    const server = house.upstream();
    server.replyToModels(listOf("llamacpp", "coder"));
    const message = "Infill is not supported by this model: prefix token is missing.";
    server.reply(json({ error: { message } }, 501));
    const { agent } = house.pool([{ baseUrl: server.url }]);
    await agent.discover();
    const { error } = await failureOf(runTurn(agent, gap("coder")));
    expect([error.code, error.message.includes(message)]).toEqual(["unsupported", true] as never);
  });

  test("an answer that stops without its end is no answer", async () => {
    const server = house.upstream();
    server.replyToModels(listOf("llamacpp", "coder"));
    server.reply(({ path }) =>
      path === "/infill" ? sse({ content: "x", stop: false }) : json({}, 404),
    );
    const { agent } = house.pool([{ baseUrl: server.url }]);
    await agent.discover();
    expect((await failureOf(runTurn(agent, gap("coder")))).error.code).toBe("agent_error");
  });

  test("goes to Mistral's route for models that it says can", async () => {
    const server = house.upstream();
    server.replyToModels(
      json({ data: [{ id: "codestral", capabilities: { completion_fim: true } }] }),
    );
    server.reply(says("x"));
    const { agent } = house.pool([{ baseUrl: server.url }]);
    await agent.discover();
    expect((await collectTurn(runTurn(agent, gap("codestral")))).text).toBe("x");
    expect(server.requests[0]?.path).toBe("/v1/fim/completions");
    expect(server.requests[0]?.body).toMatchObject({
      prompt: "return ",
      suffix: "}",
      max_tokens: 9,
    });
  });
});

describe("an upstream that is away at the start", () => {
  async function freePort(): Promise<number> {
    const server = house.upstream();
    await server.stop();
    return Number(new URL(server.url).port);
  }

  test("is no failure: it is said in one line, and its models come when it does", async () => {
    const port = await freePort();
    const { agent, clock, log, logged } = house.pool([
      { name: "late", baseUrl: `http://127.0.0.1:${port}/v1` },
    ]);
    await agent.start();
    expect(agent.info.models).toEqual([]);
    const warnings = log.lines.filter(({ message }) =>
      message.startsWith("upstream not available"),
    );
    expect(warnings.map(({ fields }) => fields)).toEqual([
      { upstream: "late", reason: "cannot be reached", models: [] },
    ]);

    const changed = Promise.withResolvers<void>();
    agent.onModels(() => changed.resolve());
    house.upstream(port);
    clock.advance(750);
    await changed.promise;
    await logged("upstream is back");
    expect(agent.info.models.map(({ id }) => id)).toEqual(["scripted"]);
  });

  test("offers its configured model meanwhile, and a turn that comes then is tried", async () => {
    const port = await freePort();
    const { agent, ask } = house.pool([
      { baseUrl: `http://127.0.0.1:${port}/v1`, model: "scripted" },
    ]);
    await agent.start();
    expect(agent.info.models.map(({ id }) => id)).toEqual(["scripted"]);
    expect(await rejectionOf(ask())).toMatchObject({ code: "agent_lost" });
    house.upstream(port).reply(says("back"));
    expect(await ask()).toBe("back");
  });

  test("does not keep the others from their turns", async () => {
    const port = await freePort();
    const other = house.upstream();
    const { agent, ask } = house.pool([
      { baseUrl: `http://127.0.0.1:${port}/v1` },
      { baseUrl: other.url },
    ]);
    await agent.start();
    expect(await ask()).toBe("ok");
  });
});

describe("looking again", () => {
  test("finds new models every minute, and says nothing when there are none", async () => {
    const server = house.upstream();
    const { agent, clock } = house.pool([{ baseUrl: server.url }]);
    await agent.start();
    let changes = 0;
    const changed = Promise.withResolvers<void>();
    agent.onModels(() => {
      changes += 1;
      changed.resolve();
    });
    server.replyToModels(modelList("scripted", "pulled"));
    clock.advance(60_000);
    await changed.promise;
    expect(agent.info.models.map(({ id }) => id)).toEqual(["scripted", "pulled"]);
    expect(await clock.nextTimer()).toBe(60_000);
    await agent.discover();
    expect(changes).toBe(1);
  });

  test("goes on while turns come, however often", async () => {
    const server = house.upstream();
    const { agent, ask, clock } = house.pool([{ baseUrl: server.url }]);
    await agent.start();
    const changed = Promise.withResolvers<void>();
    agent.onModels(() => changed.resolve());
    server.replyToModels(modelList("scripted", "pulled"));
    clock.advance(40_000);
    await ask();
    clock.advance(20_000);
    await changed.promise;
    expect(agent.info.models).toHaveLength(2);
  });

  test("follows when an upstream does not know its own model any more", async () => {
    const server = house.upstream();
    server.replyToModels(modelList("scripted", "other"));
    const { agent, ask } = house.pool([{ baseUrl: server.url }]);
    await agent.discover();
    const changed = Promise.withResolvers<void>();
    agent.onModels(() => changed.resolve());
    server.replyToModels(modelList("other"));
    server.reply(json({ error: { message: "no such model", code: "model_not_found" } }, 404));
    expect(await rejectionOf(ask())).toMatchObject({ code: "model_not_found" });
    await changed.promise;
    expect(agent.info.models.map(({ id }) => id)).toEqual(["other"]);
  });

  test("is what a turn for an unknown model does first, but not every time", async () => {
    const server = house.upstream();
    server.reply(({ body }) => says((body as { model: string }).model));
    const { agent, ask, clock } = house.pool([{ baseUrl: server.url }]);
    await agent.discover();
    server.replyToModels(modelList("scripted", "pulled"));
    expect(await ask("pulled")).toBe("scripted");
    clock.advance(10_000);
    expect(await ask("pulled")).toBe("pulled");
    expect(server.modelRequests).toHaveLength(2);
  });

  test("ends with the agent", async () => {
    const server = house.upstream();
    const { agent, clock } = house.pool([{ baseUrl: server.url }]);
    await agent.start();
    agent.close();
    agent.close();
    expect(clock.timers).toBe(0);
    clock.advance(600_000);
    expect(server.modelRequests).toHaveLength(1);
  });

  test("stops in the middle when the agent is closed, and nobody hears of it", async () => {
    const server = house.upstream();
    server.replyToModels({ pieces: [{ hang: true }] });
    const { agent, clock, log } = house.pool([{ baseUrl: server.url }]);
    const started = agent.start();
    await clock.nextTimer();
    agent.close();
    await started;
    expect(log.lines.filter(({ message }) => message === "upstream set aside")).toEqual([]);
  });
});
