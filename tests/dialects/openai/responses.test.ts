// What the golden cases of `/v1/responses` leave open: tolerance, custom tools, the order of things.

import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/core/error.ts";
import { encodeError } from "../../../src/dialects/openai/errors.ts";
import type { ResponseObject } from "../../../src/dialects/openai/responses-answer-schema.ts";
import { encodeInputItems } from "../../../src/dialects/openai/responses-kept.ts";
import { createResponseStream } from "../../../src/dialects/openai/responses-stream.ts";
import { customInput } from "../../../src/dialects/openai/responses-tools.ts";
import { acceptsResponse, NO_PAST, openResponse } from "./responses-support.ts";

const MODEL = "cursor-agent";
const META = { id: "req_1", model: MODEL, created: 0 };

function refusalOf(body: object): AppError {
  try {
    openResponse({ model: MODEL, ...body }, NO_PAST);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

describe("a request", () => {
  test("may have fields and items that nobody knows", () => {
    const body = {
      model: MODEL,
      input: [
        { type: "web_search_call", action: { type: "search" }, content: null },
        { type: "computer_call_output", output: { type: "computer_screenshot" } },
        { type: "tool_search_call", arguments: { query: "x" } },
        { role: "user", content: "Hi.", phase: null },
      ],
      prompt_cache_options: { mode: "implicit" },
    };
    expect(acceptsResponse(body)).toBe(true);
    expect(openResponse(body).request.messages).toEqual([
      { role: "user", content: [{ type: "text", text: "Hi." }] },
    ]);
  });

  test.each([
    { input: 7 },
    { input: [{ role: 1 }] },
    { tools: [{ name: 1 }] },
    { max_output_tokens: 1.5 },
    { stream: "yes" },
  ])("is not taken with a known field of a wrong type: %j", (fields) => {
    expect(acceptsResponse({ model: MODEL, input: "x", ...fields })).toBe(false);
  });

  test.each([
    [{ input: "x", max_output_tokens: 0 }, "max_output_tokens"],
    [{ input: "x", tools: [{ type: "function" }] }, "tools[0].name"],
    [
      { input: "x", tools: [{ type: "namespace", name: "n", tools: [{}] }] },
      "tools[0].tools[0].name",
    ],
    [{ input: "x", tool_choice: "required" }, "tool_choice"],
    [{ input: "x", tool_choice: { type: "function", name: "gone" } }, "tool_choice"],
    [{ input: "x", text: { format: { type: "json_schema", name: "n" } } }, "text.format.schema"],
    [{ input: "x", text: { format: { type: "yaml" } } }, "text.format.type"],
    [{ input: [{ role: "critic", content: "x" }] }, "input[0].role"],
    [{ input: [{ type: "function_call", call_id: "c", arguments: "{}" }] }, "input[0]"],
  ])("is refused with the place of the fault: %j", (body, param) => {
    expect(refusalOf(body).param).toBe(param);
  });

  test("that goes on from an answer that is not kept hears OpenAI's own code", () => {
    const { status, body } = encodeError(refusalOf({ previous_response_id: "resp_gone" }));
    expect(status).toBe(400);
    expect(body.error).toMatchObject({
      type: "invalid_request_error",
      param: "previous_response_id",
      code: "previous_response_not_found",
    });
  });

  test("may nest a function as the chat route has it", () => {
    const body = {
      model: MODEL,
      input: "x",
      tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
      tool_choice: "auto",
    };
    expect(openResponse(body).request.tools).toEqual([
      { name: "f", parameters: { type: "object" } },
    ]);
  });

  test("-1 means no limit of tokens", () => {
    const body = { model: MODEL, input: "x", max_output_tokens: -1 };
    expect(openResponse(body).request.parameters).toEqual({});
  });
});

describe("a custom tool's input", () => {
  test.each([
    ['{"input":"a\\nb"}', "a\nb"],
    ["*** Begin Patch", "*** Begin Patch"],
    ['{"patch":"a"}', '{"patch":"a"}'],
    ["{}", "{}"],
  ])("of the arguments %j is %j", (text, input) => {
    expect(customInput(text)).toBe(input);
  });
});

describe("a stream", () => {
  const options = () => openResponse({ model: MODEL, input: "x" });

  test("tells of the whole response before its last event is sent", () => {
    const order: string[] = [];
    let told: ResponseObject | undefined;
    const stream = createResponseStream(META, {
      ...options(),
      onFinish: (response) => {
        order.push("told");
        told = response;
      },
    });
    stream.start();
    stream.event({ type: "text-delta", text: "Hi." });
    expect(order).toEqual([]);
    const last = stream.event({ type: "finish", reason: "stop" });
    order.push("sent");
    expect(order).toEqual(["told", "sent"]);
    const [, data = ""] = /event: response\.completed\ndata: (.*)/.exec(last) ?? [];
    expect(told).toEqual((JSON.parse(data) as { response: ResponseObject }).response);
  });

  test("tells of nothing when it fails", () => {
    const told: ResponseObject[] = [];
    const stream = createResponseStream(META, {
      ...options(),
      onFinish: (response) => void told.push(response),
    });
    stream.start();
    const end = stream.error(new AppError("agent_lost", "Gone."));
    expect(end).toContain("event: response.failed\n");
    expect(told).toEqual([]);
  });

  test("fails rather than hold an answer without end", () => {
    const stream = createResponseStream(META, options());
    const text = "x".repeat(1024 * 1024);
    const write = () => stream.event({ type: "text-delta", text });
    for (let count = 0; count < 8; count += 1) expect(write()).not.toBe("");
    expect(write).toThrow(AppError);
  });
});

describe("the items before an answer", () => {
  const decoded = openResponse({
    model: MODEL,
    input: ["a", "b", "c"].map((content) => ({ role: "user", content })),
  });
  const kept = { response: {} as ResponseObject, input: decoded.input };
  const list = (query: { order?: string; limit?: string; after?: string }) =>
    encodeInputItems(kept, { order: null, limit: null, after: null, ...query });

  test("come the newest first unless asked otherwise", () => {
    expect(list({}).data.map(({ id }) => id)).toEqual(["item_2", "item_1", "item_0"]);
    expect(list({ order: "asc" })).toMatchObject({ first_id: "item_0", has_more: false });
  });

  test("come in pages", () => {
    expect(list({ limit: "2" })).toMatchObject({ last_id: "item_1", has_more: true });
    const rest = list({ limit: "2", after: "item_1" });
    expect<readonly object[]>(rest.data).toEqual([
      {
        id: "item_0",
        type: "message",
        role: "user",
        content: [{ type: "input_text", text: "a" }],
      },
    ]);
    expect(rest.has_more).toBe(false);
  });

  test.each(["0", "101", "many", "1.5"])("are not listed with a limit of %s", (limit) => {
    expect(() => list({ limit })).toThrow("limit is a number");
  });

  test("are not listed from an item that is not there, nor in an order that is none", () => {
    expect(() => list({ after: "item_9" })).toThrow("after is not the id");
    expect(() => list({ order: "sideways" })).toThrow("order is asc or desc");
  });
});
