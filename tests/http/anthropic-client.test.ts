// Anthropic's own client against the server as `mlp up` composes it, over loopback, with the rehearsal agent behind it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import { createRehearsal } from "../../src/agents/rehearsal/rehearsal.ts";
import { createSystem } from "../../src/app/system.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import type { Turn } from "../../src/core/turn.ts";
import { SECRETS, anAgent, compose } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";

const { clock } = createSystem();
const rehearsal = createRehearsal({ clock });
/** Of every turn, when the agent has been stopped. */
const stopped: Promise<string>[] = [];
const agent = anAgent(play, rehearsal.info);

async function* play(turn: Turn, signal: AbortSignal): AsyncGenerator<TurnEvent> {
  stopped.push(
    new Promise((resolve) => {
      signal.addEventListener("abort", () => resolve("aborted"));
    }),
  );
  yield* rehearsal.run(turn, signal);
}

let composed: Composed;
let client: Anthropic;

beforeAll(async () => {
  composed = await compose([agent]);
  client = clientOf(composed);
});
afterAll(() => composed[Symbol.asyncDispose]());

function clientOf({ api }: Composed, options: object = {}): Anthropic {
  return new Anthropic({ baseURL: api, apiKey: SECRETS.MLP_API_KEY, ...options });
}

const model = "cursor-agent";
const TOOL: Anthropic.Tool = {
  name: "get_weather",
  description: "The weather of a city.",
  input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};
const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

type Params = Anthropic.MessageCreateParamsNonStreaming;
type Content = Anthropic.MessageParam["content"];

function ask(content: Content, fields: Partial<Params> = {}): Params {
  return { model, max_tokens: 1024, messages: [{ role: "user", content }], ...fields };
}

/** The client's promises are promises of their own kind: `expect(…).rejects` does not see them fail. */
async function failureOf(asking: PromiseLike<unknown>): Promise<unknown> {
  try {
    await asking;
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}

function textOf({ content }: Anthropic.Message): string {
  return content.map((block) => (block.type === "text" ? block.text : "")).join("");
}

const said = "One two three, and ünïcödé 🎭 too.";
const prompt = `/rehearse say "${said}"\n/rehearse usage 11 7`;

describe("messages", () => {
  test("a whole answer has its text, its reason to end, its usage and the request's id", async () => {
    const message = await client.messages.create(ask(prompt));
    expect(message).toMatchObject({ type: "message", role: "assistant", model });
    expect(message.content).toEqual([{ type: "text", text: said }] as never);
    expect(message.stop_reason).toBe("end_turn");
    expect(message.usage).toMatchObject({ input_tokens: 11, output_tokens: 7 });
    expect(message._request_id).toBe(message.id);
  });

  test("the stream helper puts the pieces together, and hears them one by one", async () => {
    const pieces: string[] = [];
    const types: string[] = [];
    const stream = client.messages.stream(ask(prompt));
    stream.on("text", (piece) => pieces.push(piece));
    stream.on("streamEvent", ({ type }) => types.push(type));
    const message = await stream.finalMessage();
    expect(pieces.join("")).toBe(said);
    expect(pieces.length).toBeGreaterThan(3);
    expect(await stream.finalText()).toBe(said);
    expect(message.usage).toMatchObject({ input_tokens: 11, output_tokens: 7 });
    expect(types.filter((type) => type !== "content_block_delta")).toEqual([
      ...["message_start", "content_block_start", "content_block_stop"],
      ...["message_delta", "message_stop"],
    ]);
  });

  test("the beta client's address, headers and fields are taken", async () => {
    const message = await client.beta.messages.create({
      ...ask(prompt),
      messages: [{ role: "user", content: prompt }],
      betas: ["interleaved-thinking-2025-05-14", "context-management-2025-06-27"],
      context_management: { edits: [{ type: "clear_tool_uses_20250919" }] },
      metadata: { user_id: "someone" },
      service_tier: "auto",
      tools: [{ type: "web_search_20250305", name: "web_search" }],
    });
    expect(message.stop_reason).toBe("end_turn");
    expect(agent.turns.at(-1)?.request).not.toHaveProperty("tools");
  });

  test("the key may be a bearer token, as Claude Code sends it, and the path may lack or double /v1", async () => {
    for (const base of ["", "/v1"]) {
      const bearer = new Anthropic({
        baseURL: `${composed.api}${base}`,
        apiKey: null,
        authToken: SECRETS.MLP_API_KEY,
      });
      expect(textOf(await bearer.messages.create(ask(prompt)))).toBe(said);
    }
    const answer = await composed.post("/messages", ask(prompt));
    expect([answer.status, answer.headers.get("request-id")]).toEqual([
      200,
      answer.headers.get("x-request-id"),
    ]);
  });

  test("a client that cannot be given the key has it in its address", async () => {
    const baseURL = `${composed.api}/k/${SECRETS.MLP_API_KEY}`;
    const keyless = new Anthropic({ baseURL, apiKey: "noop" });
    expect(textOf(await keyless.messages.create(ask(prompt)))).toBe(said);
    expect(await keyless.messages.stream(ask(prompt)).finalText()).toBe(said);
  });

  test("images and documents of text reach the agent", async () => {
    const image = { type: "base64", media_type: "image/png", data: PIXEL } as const;
    const message = await client.messages.create(
      ask([
        { type: "text", text: "What is this?" },
        { type: "image", source: image },
        { type: "image", source: { type: "url", url: "https://example.com/a.png" } },
        { type: "document", source: { type: "text", media_type: "text/plain", data: "Notes." } },
      ]),
    );
    expect(textOf(message)).toContain("2 images");
    expect(agent.turns.at(-1)?.request).toMatchObject({
      messages: [{ content: [{}, {}, {}, { type: "text", text: "Notes." }] }],
    });
  });

  test("an answer that nobody counted says so", async () => {
    const { usage } = await client.messages.create(ask(`/rehearse say "x"`));
    expect(usage.input_tokens).toBeGreaterThan(0);
    expect(usage).toHaveProperty("estimated", true);
  });
});

describe("thinking", () => {
  const thoughtful = `/rehearse reasoning "Let me see."\n/rehearse say "Yes."`;

  test("is shown, signed, to those who ask for it, whole and streamed", async () => {
    const asked = ask(thoughtful, { thinking: { type: "enabled", budget_tokens: 1024 } });
    const whole = await client.messages.create(asked);
    const streamed = await client.messages.stream(asked).finalMessage();
    for (const { content } of [whole, streamed]) {
      expect(content.map(({ type }) => type)).toEqual(["thinking", "text"]);
      expect(content[0]).toMatchObject({ thinking: "Let me see." });
      expect(content[0]).toHaveProperty("signature", expect.stringMatching(/^\S+$/));
    }
  });

  test("is not shown to others, whose first block is the answer", async () => {
    const whole = await client.messages.create(ask(thoughtful));
    const streamed = await client.messages.stream(ask(thoughtful)).finalMessage();
    for (const { content } of [whole, streamed]) {
      expect(content).toEqual([{ type: "text", text: "Yes." }] as never);
    }
  });

  test("goes back with the conversation", async () => {
    const first = await client.messages.create(ask(thoughtful, { thinking: { type: "adaptive" } }));
    await client.messages.create({
      ...ask(""),
      messages: [
        { role: "user", content: thoughtful },
        { role: "assistant", content: first.content },
        { role: "user", content: prompt },
      ],
    });
    expect(agent.turns.at(-1)?.request).toMatchObject({
      messages: [{}, { role: "assistant", reasoning: "Let me see." }, {}],
    });
  });
});

describe("tools", () => {
  for (const parked of [true, false]) {
    for (const streamed of [true, false]) {
      const to = parked ? "that waits for it" : "as history";
      test(`a call's result goes back to the agent ${to}${streamed ? ", streamed" : ""}`, async () => {
        const text = `/rehearse tool get_weather {"city":"Oslo"}\n${parked ? "/rehearse park\n" : ""}/rehearse results`;
        const send = (messages: Anthropic.MessageParam[]) => {
          const params = { ...ask(""), model: "rehearsal", messages, tools: [TOOL] };
          return streamed
            ? client.messages.stream(params).finalMessage()
            : client.messages.create(params);
        };
        const messages: Anthropic.MessageParam[] = [{ role: "user", content: text }];
        const first = await send(messages);
        expect(first.stop_reason).toBe("tool_use");
        const call = first.content.find((block) => block.type === "tool_use");
        expect(call).toMatchObject({ name: "get_weather", input: { city: "Oslo" } });
        messages.push(
          { role: "assistant", content: first.content },
          {
            role: "user",
            content: [{ type: "tool_result", tool_use_id: call!.id, content: "snow, -3 °C" }],
          },
        );
        const second = await send(messages);
        expect(textOf(second)).toBe("snow, -3 °C");
        expect(second.stop_reason).toBe("end_turn");
        expect(agent.turns.at(-1)?.request.kind).toBe(parked ? "resume" : "chat");
      });
    }
  }

  test("two calls of a stream are two blocks", async () => {
    const text = `/rehearse tool get_weather {"city":"Oslo"}\n/rehearse tool get_weather {"city":"Rome"}`;
    const { content } = await client.messages.stream(ask(text, { tools: [TOOL] })).finalMessage();
    const calls = content.filter((block) => block.type === "tool_use");
    expect(calls.map(({ input }) => input)).toEqual([{ city: "Oslo" }, { city: "Rome" }]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
  });
});

describe("models and counts", () => {
  test("the client lists and retrieves models in its own form, and others get OpenAI's", async () => {
    const ids: string[] = [];
    for await (const each of client.models.list({ limit: 1000 })) {
      expect(each.type).toBe("model");
      expect(Number.isNaN(Date.parse(each.created_at))).toBe(false);
      expect(each.display_name).not.toBe("");
      ids.push(each.id);
    }
    expect(ids).toEqual(expect.arrayContaining(["cursor-agent", "rehearsal"]));
    expect((await client.models.retrieve("rehearsal")).max_input_tokens).toBe(128_000);
    const plain = await fetch(`${composed.api}/v1/models`, {
      headers: { "x-api-key": SECRETS.MLP_API_KEY },
    });
    const { object, data } = (await plain.json()) as { object: string; data: unknown[] };
    expect([object, data.length]).toEqual(["list", ids.length]);
    expect(data[0]).toMatchObject({ object: "model", id: ids[0] });
  });

  test("the client's pager reads all of them, each once, in either direction", async () => {
    const all = (await client.models.list()).data.map(({ id }) => id);
    expect(all.length).toBeGreaterThan(2);
    const forwards: string[] = [];
    for await (const { id } of client.models.list({ limit: 1 })) forwards.push(id);
    expect(forwards).toEqual(all);
    const last = all.at(-1)!;
    const pages: string[][] = [];
    const backwards = await client.models.list({ limit: 2, before_id: last });
    for await (const { data } of backwards.iterPages()) pages.unshift(data.map(({ id }) => id));
    expect([...pages.flat(), last]).toEqual(all);
    const active = await client.models.list({ lifecycle: ["active", "retired"] });
    expect(active.data.length).toBe(all.length);
    expect((await client.models.list({ lifecycle: ["retired"] })).data).toEqual([]);
  });

  test("a page that cannot be is refused, with the parameter at fault", async () => {
    const asked = [{ limit: 0 }, { limit: 1001 }, { after_id: "gone" }, { before_id: "gone" }];
    for (const query of asked) {
      const error = await failureOf(client.models.list(query));
      expect(error).toBeInstanceOf(Anthropic.BadRequestError);
      expect((error as Error).message).toContain(Object.keys(query)[0]!);
      expect((error as Error).message).not.toContain("gone");
    }
    const plain = await fetch(`${composed.api}/v1/models?limit=0&after_id=gone`, {
      headers: { "x-api-key": SECRETS.MLP_API_KEY },
    });
    expect(plain.status).toBe(200);
  });

  test("tokens are counted, tools too, and no agent runs", async () => {
    const before = agent.turns.length;
    const messages = ask("Hello there, how are you?").messages;
    const bare = await client.messages.countTokens({ model, messages });
    const more = await client.messages.countTokens({ model, messages, tools: [TOOL] });
    expect(bare.input_tokens).toBeGreaterThan(3);
    expect(bare).toHaveProperty("estimated", true);
    expect(more.input_tokens).toBeGreaterThan(bare.input_tokens);
    expect(agent.turns.length).toBe(before);
    const unknown = await failureOf(client.messages.countTokens({ model: "claude-0", messages }));
    expect(unknown).toBeInstanceOf(Anthropic.NotFoundError);
  });
});

describe("errors", () => {
  test("a wrong key is an AuthenticationError", async () => {
    const stranger = clientOf(composed, { apiKey: "mlp_wrong-key-wrong-key" });
    const error = await failureOf(stranger.messages.create(ask("x")));
    expect(error).toBeInstanceOf(Anthropic.AuthenticationError);
    expect(error).toMatchObject({ type: "authentication_error", errorCode: "invalid_api_key" });
    expect(error).toHaveProperty("requestID", expect.stringMatching(/^req_/));
  });

  test("an unknown model, an unknown route and a wrong form have the client's own classes", async () => {
    const unknown = await failureOf(client.messages.create(ask("x", { model: "claude-0" })));
    expect(unknown).toBeInstanceOf(Anthropic.NotFoundError);
    expect(String(unknown)).toContain("claude-0");
    const batches = await failureOf(client.messages.batches.list());
    expect(batches).toBeInstanceOf(Anthropic.NotFoundError);
    expect(batches).toMatchObject({ type: "not_found_error" });
    const wrong = await failureOf(client.messages.create(ask(5 as never)));
    expect(wrong).toBeInstanceOf(Anthropic.BadRequestError);
    expect(wrong).toMatchObject({ type: "invalid_request_error" });
    expect(String(wrong)).toContain("messages[0].content");
  });

  test("a PDF is refused in words", async () => {
    const source = { type: "base64", media_type: "application/pdf", data: "JVBERi0=" } as const;
    const error = await failureOf(client.messages.create(ask([{ type: "document", source }])));
    expect(error).toBeInstanceOf(Anthropic.BadRequestError);
    expect(String(error)).toContain("Only documents of text are supported");
  });

  test("a limit is a RateLimitError with the time to wait, and answers say where they stand", async () => {
    const limited = await compose([anAgent(play, rehearsal.info)], {
      MLP_RATE_LIMITING_REQUESTS_PER_MINUTE: "1",
    });
    try {
      const impatient = clientOf(limited, { maxRetries: 0 });
      const { response } = await impatient.messages.create(ask(prompt)).withResponse();
      expect(response.headers.get("anthropic-ratelimit-requests-limit")).toBe("1");
      expect(response.headers.get("anthropic-ratelimit-requests-remaining")).toBe("0");
      const reset = response.headers.get("anthropic-ratelimit-requests-reset");
      expect(reset).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      const error = await failureOf(impatient.messages.create(ask(`${prompt}\nagain`)));
      expect(error).toBeInstanceOf(Anthropic.RateLimitError);
      expect(error).toMatchObject({ type: "rate_limit_error", errorCode: "rate_limited" });
      const { headers } = error as InstanceType<typeof Anthropic.RateLimitError>;
      expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    } finally {
      await limited[Symbol.asyncDispose]();
    }
  });

  test("a failure in mid-stream is thrown, after what was said", async () => {
    const text = `/rehearse say "half "\n/rehearse error agent_error "The agent fell over."`;
    const stream = client.messages.stream(ask(text));
    let heard = "";
    stream.on("text", (piece) => {
      heard += piece;
    });
    const error = await failureOf(stream.finalMessage());
    expect(error).toBeInstanceOf(Anthropic.APIError);
    expect(error).toMatchObject({ type: "api_error", apiMessage: "The agent fell over." });
    expect(heard).toBe("half ");
  });
});

describe("errors of the paths for models, which OpenAI's clients ask, too", () => {
  const openai = { error: { type: expect.any(String), code: expect.any(String) } };
  const plain = (path: string, key: string, method = "GET"): Promise<Response> =>
    fetch(`${composed.api}${path}`, { method, headers: { authorization: `Bearer ${key}` } });

  test("a wrong key is an AuthenticationError with the request's id", async () => {
    const wrong = "mlp_wrong-key-wrong-key";
    const stranger = clientOf(composed, { apiKey: wrong });
    for (const asking of [stranger.models.list(), stranger.models.retrieve("rehearsal")]) {
      const error = await failureOf(asking);
      expect(error).toBeInstanceOf(Anthropic.AuthenticationError);
      expect(error).toMatchObject({ type: "authentication_error", errorCode: "invalid_api_key" });
      expect(error).toHaveProperty("requestID", expect.stringMatching(/^req_/));
    }
    const other = await plain("/v1/models", wrong);
    expect([other.status, other.headers.get("request-id")]).toEqual([401, null]);
    const body = await other.json();
    expect(body).toMatchObject(openai);
    expect(body).not.toHaveProperty("type");
  });

  test("an unknown model is a NotFoundError, and the id is with good answers, too", async () => {
    for (const base of ["", "/v1", `/k/${SECRETS.MLP_API_KEY}`]) {
      const { models } = clientOf(composed, { baseURL: composed.api + base });
      const error = await failureOf(models.retrieve("claude-0"));
      expect(error).toBeInstanceOf(Anthropic.NotFoundError);
      expect(error).toMatchObject({ type: "not_found_error", errorCode: "model_not_found" });
      expect(error).toHaveProperty("requestID", expect.stringMatching(/^req_/));
      const { _request_id: id } = await models.retrieve("rehearsal");
      expect(id).toMatch(/^req_/);
    }
    const other = await plain("/v1/models/claude-0", SECRETS.MLP_API_KEY);
    expect([other.status, await other.json()]).toMatchObject([404, openai]);
  });

  test("another method is an error in the form of who sent it", async () => {
    const error = await failureOf(client.post("/v1/models", { body: {} }));
    expect(error).toBeInstanceOf(Anthropic.APIError);
    expect(error).toMatchObject({ status: 405, type: "invalid_request_error" });
    expect(error).toHaveProperty("requestID", expect.stringMatching(/^req_/));
    const other = await plain("/v1/models", SECRETS.MLP_API_KEY, "DELETE");
    expect([other.status, other.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    expect(await other.json()).toMatchObject(openai);
  });

  test("other paths take no notice of the header", async () => {
    for (const path of ["/v1/modelsx", "/v1/embeddings", "/v1/chat/completions"]) {
      const error = await failureOf(client.get(path));
      expect(error).toBeInstanceOf(Anthropic.APIError);
      expect(error).toMatchObject({ requestID: null, error: openai });
      expect(error).not.toHaveProperty("error.type");
    }
  });
});

describe("retries", () => {
  for (const streamed of [false, true]) {
    const how = streamed ? "streamed" : "whole";
    test(`one failing prompt, ${how}, starts one run, however often a default client sends it`, async () => {
      const params = ask(`/rehearse error agent_error "The agent fell over (${how})."`);
      const before = agent.turns.length;
      for (const _attempt of [1, 2, 3]) {
        const asking = streamed
          ? client.messages.stream(params).finalMessage()
          : client.messages.create(params);
        const error = await failureOf(asking);
        expect(error).toBeInstanceOf(Anthropic.APIError);
        expect(error).toMatchObject({ errorCode: "agent_error" });
      }
      expect(agent.turns.length - before).toBe(1);
    });
  }
});

test("a prompt whose stream failed is not run again when it is sent whole, as Claude Code does", async () => {
  const text = `/rehearse say "half "\n/rehearse error agent_error "The agent fell over, once."`;
  const before = agent.turns.length;
  const { max_tokens, ...rest } = ask(text);
  const streamed = await failureOf(client.messages.stream(ask(text)).finalMessage());
  const whole = await failureOf(client.messages.create({ max_tokens, ...rest }));
  expect(streamed).toMatchObject({ errorCode: "agent_error" });
  expect(whole).toMatchObject({ status: 502, errorCode: "agent_error" });
  expect(agent.turns.length - before).toBe(1);
});

describe("abort", () => {
  test("hanging up in mid-stream stops the agent", async () => {
    const stream = client.messages.stream(ask(`/rehearse say "first words "\n/rehearse hang`));
    stream.once("text", () => stream.abort());
    expect(await failureOf(stream.finalMessage())).toBeInstanceOf(Anthropic.APIUserAbortError);
    expect(await stopped.at(-1)).toBe("aborted");
  });
});
