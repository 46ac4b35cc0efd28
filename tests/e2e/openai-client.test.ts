// The official `openai` client against the compiled binary, with the rehearsal agent in process. What other ways to an
// agent have in common with this is in topologies.test.ts.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";

import { createSuite, eventually } from "../support/mlp.ts";
import type { Mlp } from "../support/mlp.ts";
import { control } from "../support/requests.ts";
import { startScriptedUpstream, json } from "../support/scripted-upstream.ts";
import type { ScriptedUpstream } from "../support/scripted-upstream.ts";
import { TOOL } from "../support/topologies.ts";

const suite = createSuite();
let mlp: Mlp;
let client: OpenAI;

beforeAll(async () => {
  mlp = await suite.start([
    ...["up", "--port", "0", "--bridge-port", "0"],
    ...["--agent", "rehearsal", "--log-level", "debug"],
  ]);
  client = clientOf(mlp);
});
afterAll(() => suite.close());

function clientOf(server: Mlp, apiKey = server.secrets.apiKey): OpenAI {
  return new OpenAI({ baseURL: `${server.api}/v1`, apiKey });
}

const tools = [{ type: "function" as const, function: TOOL }];
const user = (content: string) => ({ role: "user" as const, content });

/** The client's promises are promises of their own kind: `expect(…).rejects` does not see them fail. */
async function failureOf(asking: PromiseLike<unknown>): Promise<unknown> {
  try {
    await asking;
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}

describe("models", () => {
  test("the list has the default agent's names and the agent's own model", async () => {
    const ids: string[] = [];
    for await (const model of client.models.list()) {
      expect(model.object).toBe("model");
      expect(Number.isInteger(model.created)).toBe(true);
      expect(typeof model.owned_by).toBe("string");
      ids.push(model.id);
    }
    expect(ids).toContain("cursor-agent");
    expect(ids).toContain("rehearsal");
  });

  test("every listed model can be retrieved, and any spelling of it", async () => {
    for await (const { id } of client.models.list()) {
      expect((await client.models.retrieve(id)).id).toBe(id);
    }
    expect((await client.models.retrieve("Rehearsal:latest")).object).toBe("model");
  });

  test("a model that nobody offers is the client's NotFoundError", async () => {
    const error = await failureOf(client.models.retrieve("no-such-model"));
    expect(error).toBeInstanceOf(OpenAI.NotFoundError);
    expect(error).toMatchObject({ status: 404, code: "model_not_found", param: "model" });
  });
});

describe("chat", () => {
  const prompt = `/rehearse say "One two three, and ünïcödé 🎭 too."\n/rehearse usage 11 7`;
  const said = "One two three, and ünïcödé 🎭 too.";

  test("a whole answer has its text, its reason to end and its usage", async () => {
    const answer = await client.chat.completions.create({
      model: "cursor-agent",
      messages: [user(prompt)],
    });
    const [choice] = answer.choices;
    expect(choice?.message).toMatchObject({ role: "assistant", content: said, refusal: null });
    expect(choice?.finish_reason).toBe("stop");
    expect(answer.usage).toMatchObject({
      prompt_tokens: 11,
      completion_tokens: 7,
      total_tokens: 18,
    });
    expect(answer.model).toBe("cursor-agent");
  });

  test("a stream's pieces joined are the whole answer, its usage is one chunk at the end", async () => {
    const stream = await client.chat.completions.create({
      model: "cursor-agent",
      messages: [user(prompt)],
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    const choices = chunks.flatMap((chunk) => chunk.choices);
    expect(choices.map(({ delta }) => delta.content ?? "").join("")).toBe(said);
    expect(choices[0]?.delta.role).toBe("assistant");
    expect(
      choices.map((choice) => choice.finish_reason).filter((reason) => reason !== null),
    ).toEqual(["stop"]);
    expect(choices.filter(({ delta }) => (delta.content ?? "") !== "").length).toBeGreaterThan(3);
    const [last, ...others] = chunks.filter((chunk) => (chunk.usage ?? null) !== null);
    expect(others).toEqual([]);
    expect(last).toBe(chunks.at(-1));
    expect(last).toMatchObject({ choices: [], usage: { prompt_tokens: 11, completion_tokens: 7 } });
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  });

  test("without include_usage no chunk has usage", async () => {
    const stream = await client.chat.completions.create({
      model: "cursor-agent",
      messages: [user(prompt)],
      stream: true,
    });
    let count = 0;
    for await (const chunk of stream) {
      count += 1;
      expect(chunk.usage ?? null).toBeNull();
    }
    expect(count).toBeGreaterThan(3);
  });

  test("reasoning comes in a field of its own, whole and streamed", async () => {
    const messages = [user(`/rehearse reasoning "Let me see."\n/rehearse say "Yes."`)];
    const whole = await client.chat.completions.create({ model: "rehearsal", messages });
    expect(whole.choices[0]?.message).toMatchObject({
      content: "Yes.",
      reasoning_content: "Let me see.",
    });
    const stream = await client.chat.completions.create({
      model: "rehearsal",
      messages,
      stream: true,
    });
    let reasoning = "";
    for await (const chunk of stream) {
      // Not in OpenAI's own types: what editors read beside them.
      const delta = chunk.choices[0]?.delta as { reasoning_content?: string } | undefined;
      reasoning += delta?.reasoning_content ?? "";
    }
    expect(reasoning).toBe("Let me see.");
  });

  test("images reach the agent, as parts with a data URL", async () => {
    const answer = await client.chat.completions.create({
      model: "cursor-agent",
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "What is this?" },
            { type: "image_url", image_url: { url: `data:image/png;base64,${PIXEL}` } },
            { type: "image_url", image_url: { url: `data:image/png;base64,${PIXEL}` } },
          ],
        },
      ],
    });
    expect(answer.choices[0]?.message.content).toContain("2 images");
  });

  test("a conversation with roles and parts of every kind is taken", async () => {
    const answer = await client.chat.completions.create({
      model: "cursor-agent",
      messages: [
        { role: "developer", content: "Be brief." },
        { role: "system", content: [{ type: "text", text: "Be kind." }] },
        user("one"),
        { role: "assistant", content: null, tool_calls: [toolCall("call_old")] },
        { role: "tool", tool_call_id: "call_old", content: "sun" },
        user("two"),
      ],
      temperature: 0.5,
      max_completion_tokens: 100,
      tools,
    });
    expect(answer.choices[0]?.message.content).toContain("6 messages");
  });
});

const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

function toolCall(id: string) {
  const call = { name: "get_weather", arguments: `{"city":"Rome"}` };
  return { id, type: "function" as const, function: call };
}

function functionCalls(calls: readonly OpenAI.ChatCompletionMessageToolCall[] = []) {
  return calls.filter((call) => call.type === "function");
}

describe("tools", () => {
  for (const parked of [true, false]) {
    test(`a call's result goes back to the agent ${parked ? "that waits for it" : "as history"}`, async () => {
      const messages: OpenAI.ChatCompletionMessageParam[] = [
        user(
          `/rehearse tool get_weather {"city":"Oslo"}\n${parked ? "/rehearse park\n" : ""}/rehearse results`,
        ),
      ];
      const first = await client.chat.completions.create({ model: "rehearsal", messages, tools });
      const message = first.choices[0]?.message;
      const [call] = functionCalls(message?.tool_calls);
      if (message === undefined || call === undefined) throw new Error("no call");
      expect(first.choices[0]?.finish_reason).toBe("tool_calls");
      expect(call.function.name).toBe("get_weather");
      expect(JSON.parse(call.function.arguments)).toEqual({ city: "Oslo" });

      messages.push(message, { role: "tool", tool_call_id: call.id, content: "snow, -3 °C" });
      const second = await client.chat.completions.create({ model: "rehearsal", messages, tools });
      expect(second.choices[0]?.message.content).toBe("snow, -3 °C");
      expect(second.choices[0]?.finish_reason).toBe("stop");
    });
  }

  test("the client's own stream helper puts two calls of a stream together", async () => {
    const stream = client.chat.completions.stream({
      model: "rehearsal",
      messages: [
        user(
          `/rehearse tool get_weather {"city":"Oslo"}\n/rehearse tool get_weather {"city":"Rome"}`,
        ),
      ],
      tools,
    });
    const done: unknown[] = [];
    stream.on("tool_calls.function.arguments.done", (event) => done.push(event.arguments));
    const { choices } = await stream.finalChatCompletion();
    const calls = functionCalls(choices[0]?.message.tool_calls);
    expect(choices[0]?.finish_reason).toBe("tool_calls");
    expect(calls.map((call) => JSON.parse(call.function.arguments))).toEqual([
      { city: "Oslo" },
      { city: "Rome" },
    ]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
    expect(done).toHaveLength(2);
  });

  test("the client's tool runner goes through call and result by itself", async () => {
    const asked: string[] = [];
    const runner = client.chat.completions.runTools({
      model: "rehearsal",
      stream: true,
      messages: [
        user(`/rehearse tool get_weather {"city":"Oslo"}\n/rehearse park\n/rehearse results`),
      ],
      tools: [
        {
          type: "function",
          function: {
            ...TOOL,
            function: (text: string) => {
              asked.push(text);
              return "rain";
            },
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe("rain");
    expect(asked).toEqual([`{"city":"Oslo"}`]);
  });
});

describe("errors", () => {
  const ask = (client: OpenAI, body: object): Promise<unknown> => {
    const request = { model: "cursor-agent", messages: [user("hello")], ...body };
    return failureOf(client.chat.completions.create(request));
  };

  test("a wrong key is an AuthenticationError", async () => {
    const error = await ask(clientOf(mlp, "mlp_wrong-key-wrong-key-wrong-key"), {});
    expect(error).toBeInstanceOf(OpenAI.AuthenticationError);
    expect(error).toMatchObject({ status: 401, code: "invalid_api_key" });
  });

  test("an unknown model is a NotFoundError that names it", async () => {
    const error = await ask(client, { model: "gpt-99" });
    expect(error).toBeInstanceOf(OpenAI.NotFoundError);
    expect(String(error)).toContain("gpt-99");
  });

  test("a body of the wrong form is a BadRequestError that names the field", async () => {
    const error = await ask(client, { messages: "hello" });
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ status: 400, param: "messages", type: "invalid_request_error" });
  });

  test("an agent that fails is an error with its status, not to be retried", async () => {
    const error = await ask(client, {
      messages: [user(`/rehearse error agent_error "The agent fell over."`)],
    });
    expect(error).toBeInstanceOf(OpenAI.InternalServerError);
    expect(error).toMatchObject({ status: 502, code: "agent_error" });
    const { headers } = error as InstanceType<typeof OpenAI.APIError>;
    expect(headers?.get("x-should-retry")).toBe("false");
  });

  test("an agent that fails in mid-stream makes the client throw, after what was said", async () => {
    const stream = await client.chat.completions.create({
      model: "cursor-agent",
      messages: [user(`/rehearse say "half "\n/rehearse error agent_error "The agent fell over."`)],
      stream: true,
    });
    let text = "";
    const read = async (): Promise<void> => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    };
    const error = await failureOf(read());
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(String(error)).toContain("The agent fell over.");
    expect(text).toBe("half ");
  });
});

describe("retries", () => {
  let upstream: ScriptedUpstream;
  let failing: Mlp;

  beforeAll(async () => {
    upstream = startScriptedUpstream();
    upstream.reply(json({ error: { message: "out of order" } }, 500));
    failing = await suite.start([
      ...["up", "--port", "0", "--bridge-port", "0"],
      ...["--agent", `openai:${upstream.url}`],
    ]);
  });
  afterAll(() => upstream.stop());

  test("three attempts of an editor, each with the client's own retries, run the agent once", async () => {
    const retrying = clientOf(failing);
    const before = upstream.requests.length;
    for (const _attempt of [1, 2, 3]) {
      const asking = retrying.chat.completions.create({
        model: "scripted",
        messages: [user("please work")],
      });
      expect(await failureOf(asking)).toBeInstanceOf(OpenAI.InternalServerError);
    }
    expect(upstream.requests.length - before).toBe(1);
  });

  test("streams, too: three attempts run the agent once", async () => {
    const retrying = clientOf(failing);
    const before = upstream.requests.length;
    for (const _attempt of [1, 2, 3]) {
      const attempt = async (): Promise<void> => {
        const stream = await retrying.chat.completions.create({
          model: "scripted",
          messages: [user("please stream")],
          stream: true,
        });
        for await (const _chunk of stream);
      };
      expect(await failureOf(attempt())).toBeInstanceOf(OpenAI.APIError);
    }
    expect(upstream.requests.length - before).toBe(1);
  });

  test("a different prompt is another turn", async () => {
    const before = upstream.requests.length;
    const asking = clientOf(failing).chat.completions.create({
      model: "scripted",
      messages: [user("something else")],
    });
    expect(await failureOf(asking)).toBeInstanceOf(OpenAI.APIError);
    expect(upstream.requests.length - before).toBe(1);
  });
});

describe("abort", () => {
  test("hanging up in mid-stream stops the agent and closes the turn", async () => {
    const stream = await client.chat.completions.create({
      model: "cursor-agent",
      messages: [user(`/rehearse say "first words "\n/rehearse hang`)],
      stream: true,
    });
    const iterator = stream[Symbol.asyncIterator]();
    let turnId = "";
    for (let text = ""; text !== "first words ";) {
      const { value, done } = await iterator.next();
      if (done === true) throw new Error("the stream ended");
      text += value.choices[0]?.delta.content ?? "";
      turnId = value.id;
    }
    const open = (await control(mlp, "turns")).json.turns;
    expect(open.map((turn: { turn_id: string }) => turn.turn_id)).toEqual([turnId]);

    stream.controller.abort();
    const ended = await mlp.log.until(
      (line) => line.msg === "turn ended" && line["turnId"] === turnId,
    );
    expect(ended).toMatchObject({ outcome: "client_cancelled", errorCode: "client_cancelled" });
    await mlp.log.until(
      (line) => line.msg === "rehearsal turn cancelled" && line["turn"] === turnId,
    );
    expect((await control(mlp, "turns")).json.turns).toEqual([]);
  });

  test("hanging up on a whole answer stops the agent, too", async () => {
    const since = mlp.log.lines.length;
    const asking = client.chat.completions.create(
      { model: "cursor-agent", messages: [user("/rehearse hang")] },
      { signal: whenOpen() },
    );
    expect(await failureOf(asking)).toBeInstanceOf(OpenAI.APIUserAbortError);
    const ended = await mlp.log.until((line) => line["outcome"] === "client_cancelled", { since });
    await mlp.log.until(
      ({ msg, turn }) => msg === "rehearsal turn cancelled" && turn === ended["turnId"],
    );
  });

  /** Aborts once the provider has an open turn. */
  function whenOpen(): AbortSignal {
    const controller = new AbortController();
    void eventually("a turn is open", async () => {
      const { turns } = (await control(mlp, "turns")).json;
      return turns.length > 0 ? true : undefined;
    }).then(() => controller.abort());
    return controller.signal;
  }
});

describe("embeddings", () => {
  test("vectors are the same as base64, which the client asks for, and as numbers", async () => {
    const input = ["one text", "another text"];
    const packed = await client.embeddings.create({ model: "rehearsal", input });
    const plain = await client.embeddings.create({
      model: "rehearsal",
      input,
      encoding_format: "float",
    });
    expect(packed.data).toHaveLength(2);
    for (const [index, { embedding }] of plain.data.entries()) {
      expect(embedding.length).toBeGreaterThan(2);
      expect(packed.data[index]?.embedding).toEqual(embedding.map(Math.fround));
    }
    expect(plain.data[0]?.embedding).not.toEqual(plain.data[1]?.embedding);
  });
});
