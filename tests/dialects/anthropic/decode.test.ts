import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/core/error.ts";
import { openCount, openMessages } from "./support.ts";

const MODEL = { model: "m", max_tokens: 5 };
const HELLO = { ...MODEL, messages: [{ role: "user", content: "Hello." }] };
const TOOL = { name: "f", input_schema: { type: "object" } };

function refusalOf(body: object): AppError {
  try {
    openMessages(body);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

describe("what becomes of thoughts", () => {
  test.each([
    [undefined, "hidden"],
    [null, "hidden"],
    [{ type: null }, "hidden"],
    [{ type: "disabled" }, "hidden"],
    [{ type: "enabled", budget_tokens: 1024 }, "shown"],
    [{ type: "adaptive" }, "shown"],
    [{ type: "adaptive", display: "summarized" }, "shown"],
    [{ type: "adaptive", display: "omitted" }, "omitted"],
    [{ type: "of_a_later_year" }, "shown"],
  ] as const)("for thinking %j they are %s", (thinking, expected) => {
    expect(openMessages({ ...HELLO, thinking }).thinking).toBe(expected);
  });

  test("in the history they are the assistant's reasoning, in their order", () => {
    const content = [
      { type: "thinking", thinking: "One.", signature: "s" },
      { type: "redacted_thinking", data: "secret" },
      { type: "thinking", thinking: "Two.", signature: "" },
      { type: "text", text: "Answer." },
    ];
    const { request } = openMessages({
      ...MODEL,
      messages: [...HELLO.messages, { role: "assistant", content }],
    });
    expect(request.messages.at(-1)).toEqual({
      role: "assistant",
      content: [{ type: "text", text: "Answer." }],
      reasoning: "One.\n\nTwo.",
    });
    expect(JSON.stringify(request)).not.toContain("secret");
  });
});

describe("tools", () => {
  test("that run on Anthropic's servers are left out, and the others keep their order", () => {
    const tools = [
      { type: "web_search_20250305", name: "web_search" },
      { ...TOOL, name: "a" },
      { type: "bash_20250124", name: "bash" },
      { ...TOOL, name: "b", type: "custom" },
    ];
    const { request } = openMessages({ ...HELLO, tools, tool_choice: { type: "auto" } });
    expect(request.tools?.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(request.toolChoice).toBe("auto");
  });

  test("none of which is left say nothing at all", () => {
    const tools = [{ type: "web_search_20250305", name: "web_search" }];
    const { request } = openMessages({ ...HELLO, tools, tool_choice: { type: "auto" } });
    expect(Object.keys(request)).not.toContain("tools");
    expect(Object.keys(request)).not.toContain("toolChoice");
    expect(openMessages({ ...HELLO, tools: [] }).request.tools).toBeUndefined();
  });

  test("any of which is wanted must be there", () => {
    const choice = { tool_choice: { type: "any" } };
    expect(refusalOf({ ...HELLO, ...choice })).toMatchObject({ code: "invalid_request" });
    const tools = [{ type: "web_search_20250305", name: "web_search" }];
    expect(refusalOf({ ...HELLO, ...choice, tools })).toMatchObject({ code: "unsupported" });
    expect(openMessages({ ...HELLO, ...choice, tools: [TOOL] }).request.toolChoice).toBe(
      "required",
    );
  });

  test("are called one at a time only if the client says so", () => {
    const parallel = (value: boolean | undefined) => {
      const choice = { type: "auto", disable_parallel_tool_use: value };
      const { request } = openMessages({ ...HELLO, tools: [TOOL], tool_choice: choice });
      return request.parameters.parallelToolCalls;
    };
    expect([parallel(true), parallel(false), parallel(undefined)]).toEqual([
      false,
      undefined,
      undefined,
    ]);
  });
});

test("results that are no content are refused, not lost", () => {
  const result = { type: "tool_result", tool_use_id: "a", content: { type: "text", text: "x" } };
  expect(refusalOf({ ...MODEL, messages: [{ role: "user", content: [result] }] })).toMatchObject({
    code: "invalid_request",
    param: "messages[0].content[0].content",
  });
});

test("an image that is not in base64 is refused before anybody works on it", () => {
  const image = (source: object) => ({
    ...MODEL,
    messages: [{ role: "user", content: [{ type: "image", source }] }],
  });
  const base64 = { type: "base64", media_type: "image/png" };
  for (const data of ["", "!!!!", "AAAA AAAA", "https://example.test/a.png"]) {
    expect(refusalOf(image({ ...base64, data }))).toMatchObject({
      code: "invalid_request",
      param: "messages[0].content[0].source",
    });
  }
  const { request } = openMessages(image({ ...base64, data: "AAAA\r\nAA==\n" }));
  expect(request.messages[0]?.content).toEqual([
    { type: "image", mediaType: "image/png", data: "AAAAAA==" },
  ]);
});

test("text between results stays where it stood", () => {
  const { request } = openMessages({
    ...MODEL,
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "before" },
          { type: "tool_result", tool_use_id: "a", content: "A" },
          { type: "text", text: "between" },
          { type: "tool_result", tool_use_id: "b", content: "B" },
        ],
      },
    ],
  });
  expect(request.messages.map(({ role }) => role)).toEqual(["user", "tool", "user", "tool"]);
});

test("what is to be counted is decoded like what is to be answered", () => {
  const body = { ...HELLO, system: "Be brief.", tools: [TOOL] };
  const { messages, tools } = openMessages(body).request;
  expect(openCount(body)).toMatchObject({ messages, tools: tools!, stream: false });
});
