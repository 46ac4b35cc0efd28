import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { AppError } from "../../../src/core/error.ts";
import type { ChatRequest, Message } from "../../../src/core/turn.ts";
import { openChat } from "./support.ts";

const USER = { role: "user", content: "Go." };

function decode(fields: object): ChatRequest {
  return openChat({ model: "m", messages: [USER], ...fields }).request;
}

function decodeMessages(...messages: object[]) {
  return decode({ messages }).messages;
}

/** The code and param of the `AppError` that the decoder refuses the request with. */
function refusal(fields: object): { code: string; param: string | undefined } {
  try {
    decode(fields);
  } catch (error) {
    if (error instanceof AppError) return { code: error.code, param: error.param };
    throw error;
  }
  throw new Error("the request was accepted");
}

describe("messages", () => {
  test("are wanted", () => {
    expect(refusal({ messages: [] })).toEqual({ code: "invalid_request", param: "messages" });
  });

  test("of an unknown role are refused, with their place and without quoting it", () => {
    const secret = { role: "sk-secret", content: "x" };
    expect(refusal({ messages: [USER, secret] })).toEqual({
      code: "invalid_request",
      param: "messages[1].role",
    });
    expect(() => decodeMessages(secret)).not.toThrow("sk-secret");
    expect(() => decodeMessages(secret)).toThrow("role");
  });

  test("keep their order and number when roles repeat or a system message comes late", () => {
    const roles = ["user", "user", "system", "assistant", "assistant", "developer", "user"];
    const decoded = decodeMessages(...roles.map((role, index) => ({ role, content: `${index}` })));
    expect(decoded.map((message) => message.role)).toEqual([
      "user",
      "user",
      "system",
      "assistant",
      "assistant",
      "system",
      "user",
    ]);
    expect(decoded.map((message) => message.content)).toEqual(
      roles.map((_, index) => [{ type: "text", text: `${index}` }]),
    );
  });

  test("never have their text altered, in any form of content", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (text) => {
        const content = [{ type: "text" as const, text }];
        const forms = [{ content: text }, { content }, { parts: [{ text }] }];
        for (const form of forms) {
          expect(decodeMessages({ role: "user", ...form })).toEqual([{ role: "user", content }]);
        }
      }),
    );
  });

  test("with tool results among text are split in place, and stay one message without", () => {
    const result = (id: string) => ({ type: "tool_result", tool_use_id: id, is_error: true });
    const text = (text: string) => ({ type: "text", text });
    const decoded = decodeMessages(
      { role: "user", content: [text("a"), result("1"), result("2"), text("b"), text("c")] },
      { role: "user", content: [result("3")] },
      { role: "user", content: [] },
    );
    const answer = (toolCallId: string): Message => ({
      role: "tool",
      toolCallId,
      content: [],
      isError: true,
    });
    expect(decoded).toEqual([
      { role: "user", content: [{ type: "text", text: "a" }] },
      answer("1"),
      answer("2"),
      {
        role: "user",
        content: [
          { type: "text", text: "b" },
          { type: "text", text: "c" },
        ],
      },
      answer("3"),
      { role: "user", content: [] },
    ]);
  });

  test("with a tool result made of parts keep its parts, and refuse what is neither text nor image", () => {
    const source = { type: "base64", media_type: "image/PNG", data: "AAAA" };
    const content = [
      { type: "text", text: "a" },
      { type: "image", source },
      { type: "image", source: { type: "url", url: "https://example.test/a.png" } },
    ];
    const message = {
      role: "user",
      content: [{ type: "tool_result", tool_use_id: "1", content }],
    };
    expect(decodeMessages(message)).toEqual([
      {
        role: "tool",
        toolCallId: "1",
        content: [
          { type: "text", text: "a" },
          { type: "image", mediaType: "image/png", data: "AAAA" },
          { type: "image-url", url: "https://example.test/a.png" },
        ],
      },
    ]);
    const video = { ...message.content[0], content: [{ type: "video_url" }] };
    expect(refusal({ messages: [{ role: "user", content: [video] }] })).toEqual({
      code: "unsupported",
      param: "messages[0].content[0].content[0]",
    });
  });

  test("of an assistant that refused say so in text", () => {
    const said = [{ role: "assistant", content: [{ type: "text", text: "No." }] }];
    expect(decodeMessages({ role: "assistant", content: null, refusal: "No." })).toEqual(
      said as never,
    );
    expect(
      decodeMessages({ role: "assistant", content: [{ type: "refusal", refusal: "No." }] }),
    ).toEqual(said as never);
  });

  test("of an assistant take reasoning from either field, and one of the two when both are there", () => {
    const reasoning = (fields: object) =>
      decodeMessages({ role: "assistant", content: "x", ...fields })[0];
    expect(reasoning({ reasoning: "a" })).toHaveProperty("reasoning", "a");
    expect(reasoning({ reasoning_content: "a" })).toHaveProperty("reasoning", "a");
    expect(reasoning({ reasoning_content: "a", reasoning: "a" })).toHaveProperty("reasoning", "a");
    expect(reasoning({ reasoning_content: "", reasoning: null })).not.toHaveProperty("reasoning");
  });

  test.each(["input_audio", "file", "video_url", "something_new", "tool_use"])(
    "refuse a user's part of type %s with its place",
    (type) => {
      const messages = [
        USER,
        USER,
        { role: "user", content: [{ type: "text", text: "" }, { type }] },
      ];
      expect(refusal({ messages })).toEqual({
        code: "unsupported",
        param: "messages[2].content[1]",
      });
    },
  );

  test.each([
    ["data:image/png,AAAA", "invalid_request"],
    ["data:image/png;base64", "invalid_request"],
    ["data:image/png;base64,", "invalid_request"],
    ["data:image/png;base64,!!!!", "invalid_request"],
    ["data:image/png;base64,AAAA%3D", "invalid_request"],
    ["data:application/pdf;base64,AAAA", "unsupported"],
    ["file:///etc/passwd", "invalid_request"],
    ["javascript:alert(1)", "invalid_request"],
    ["iVBORw0KGgo=", "invalid_request"],
    ["", "invalid_request"],
  ])("refuse the image %p", (url, code) => {
    const content = [{ type: "image_url", image_url: { url } }];
    expect(refusal({ messages: [{ role: "user", content }] })).toEqual({
      code,
      param: "messages[0].content[0].image_url",
    });
  });
});

describe("tool calls", () => {
  const call = (fields: object) => ({
    role: "assistant",
    tool_calls: [{ id: "a", type: "function", function: { name: "f", ...fields } }],
  });

  test.each([[""], [" "], [null], [undefined], [{}]])("read %p as no arguments", (args) => {
    expect(decodeMessages(call({ arguments: args }))[0]).toHaveProperty("toolCalls", [
      { id: "a", name: "f", arguments: "{}" },
    ]);
  });

  test("pass the text of arguments on to the letter", () => {
    const text = '{ "a" : 1.0, "a": 2e1 }';
    expect(decodeMessages(call({ arguments: text }))[0]).toHaveProperty("toolCalls", [
      { id: "a", name: "f", arguments: text },
    ]);
  });

  test.each([
    ["[]", "{}"],
    ["null", "{}"],
    ['"{\\"a\\":1}"', '{"a":1}'],
    ['{"path":', '{"invalid_arguments":"{\\"path\\":"}'],
    ['"x"', '{"invalid_arguments":"\\"x\\""}'],
    ["[1]", '{"invalid_arguments":"[1]"}'],
  ])("of a call that went wrong are kept, %p as %p", (args, kept) => {
    expect(decodeMessages(call({ arguments: args }))[0]).toHaveProperty("toolCalls", [
      { id: "a", name: "f", arguments: kept },
    ]);
  });

  test("without a name are refused", () => {
    expect(refusal({ messages: [call({ name: "" })] })).toEqual({
      code: "invalid_request",
      param: "messages[0].tool_calls[0].function",
    });
  });

  test("without ids are paired with their results by name, or else in order", () => {
    const named = (name: string) => ({ function: { name } });
    const decoded = decodeMessages(
      { role: "assistant", tool_calls: [named("f"), named("g"), named("h")] },
      { role: "tool", name: "g", content: "1" },
      { role: "tool", content: "2" },
      { role: "tool", tool_call_id: "", content: "3" },
      { role: "tool", content: "4" },
    );
    const [assistant, ...results] = decoded;
    const ids = (assistant as Extract<Message, { role: "assistant" }>).toolCalls!.map(
      ({ id }) => id,
    );
    expect(new Set(ids).size).toBe(3);
    const answered = results.map(
      (result) => (result as Extract<Message, { role: "tool" }>).toolCallId,
    );
    expect(answered.slice(0, 3)).toEqual([ids[1]!, ids[0]!, ids[2]!]);
    expect(ids).not.toContain(answered[3]!);
  });

  test("a result without a matching call keeps the id it names", () => {
    expect(decodeMessages({ role: "tool", tool_call_id: "x", content: null })).toEqual([
      { role: "tool", toolCallId: "x", content: [] },
    ]);
  });
});

describe("tools", () => {
  const f = { type: "function", function: { name: "f" } };

  test("an empty list, with or without a harmless choice, is no tools at all", () => {
    expect(decode({ tools: [] })).not.toHaveProperty("tools");
    for (const choice of ["auto", "none"]) {
      const request = decode({ tools: [], tool_choice: choice });
      expect(request).not.toHaveProperty("tools");
      expect(request).not.toHaveProperty("toolChoice");
    }
  });

  test("pass their schemas untouched", () => {
    const parameters = { properties: { x: { description: "d" } }, $defs: { a: null }, x: [1] };
    const tool = { type: "function", function: { name: "f", parameters } };
    expect(decode({ tools: [tool] }).tools).toEqual([{ name: "f", parameters }]);
  });

  test("may be flat", () => {
    const flat = { type: "function", name: "f", description: "d", strict: false };
    expect(decode({ tools: [flat] }).tools).toEqual([
      { name: "f", description: "d", strict: false },
    ]);
  });

  test("that a vendor hosts are left out, as on the other routes", () => {
    expect(decode({ tools: [{ type: "web_search" }, f] }).tools).toEqual(
      decode({ tools: [f] }).tools,
    );
    expect(decode({ tools: [{ type: "web_search" }] })).not.toHaveProperty("tools");
  });

  test.each([[{ type: "custom", custom: { name: "patch" } }], [{ type: "function" }], [{}]])(
    "of the client's own that are no functions with a name are refused: %j",
    (tool) => {
      expect(refusal({ tools: [f, tool] })).toEqual({ code: "unsupported", param: "tools[1]" });
    },
  );

  test.each([
    ["auto", "auto"],
    ["none", "none"],
    ["required", "required"],
    ["any", "required"],
    [{ type: "auto" }, "auto"],
    [{ type: "any" }, "required"],
    [{ type: "function", function: { name: "f" } }, { name: "f" }],
    [{ type: "function", name: "f" }, { name: "f" }],
    [{ type: "tool", name: "f" }, { name: "f" }],
    [null, undefined],
  ])("the choice %j is %j", (choice, expected) => {
    expect(decode({ tools: [f], tool_choice: choice }).toolChoice).toEqual(expected as never);
  });

  test.each([
    [[f], { type: "function", function: { name: "g" } }, "invalid_request"],
    [[], "required", "invalid_request"],
    [[f], "sometimes", "unsupported"],
    [[f], { type: "allowed_tools" }, "unsupported"],
  ])("of the tools %j the choice %j is refused as %s", (tools, choice, code) => {
    expect(refusal({ tools, tool_choice: choice })).toEqual({ code, param: "tool_choice" });
  });
});

describe("parameters", () => {
  test("that are not said are absent", () => {
    expect(decode({}).parameters).toEqual({});
  });

  test.each([
    [{ max_tokens: 5 }, { maxTokens: 5 }],
    [{ max_tokens: 5, max_completion_tokens: 6 }, { maxTokens: 6 }],
    [{ max_tokens: 5, max_completion_tokens: null }, { maxTokens: 5 }],
    [{ max_tokens: -1 }, {}],
    [{ stop: "x" }, { stop: ["x"] }],
    [{ stop: [] }, {}],
    [{ stop: "" }, {}],
    [{ reasoning: { effort: "max" } }, { reasoningEffort: "max" }],
    [{ reasoning_effort: "low", reasoning: { effort: "max" } }, { reasoningEffort: "low" }],
  ])("%j are %j", (fields, parameters) => {
    expect(decode(fields).parameters).toEqual(parameters);
  });

  test("no tokens at all cannot be asked for", () => {
    expect(refusal({ max_tokens: 0 })).toEqual({ code: "invalid_request", param: "max_tokens" });
  });

  test("one answer at a time is given", () => {
    expect(decode({ n: 1 }).kind).toBe("chat");
    expect(refusal({ n: 2 })).toEqual({ code: "unsupported", param: "n" });
  });

  test("usage is wanted only when it is asked for", () => {
    const open = (stream_options: unknown) =>
      openChat({ model: "m", messages: [USER], stream_options }).includeUsage;
    expect(open({ include_usage: true })).toBe(true);
    expect([open({ include_usage: false }), open({}), open(null)]).toEqual([false, false, false]);
  });
});

describe("the response format", () => {
  test.each([
    [null, undefined],
    [{ type: "text" }, undefined],
    [{ type: "json_object" }, { type: "json" }],
    [
      { type: "json_schema", json_schema: { schema: { type: "object" } } },
      { type: "json-schema", name: "response", schema: { type: "object" } },
    ],
    [
      { type: "json_schema", name: "n", schema: { type: "object" }, strict: false },
      { type: "json-schema", name: "n", schema: { type: "object" }, strict: false },
    ],
  ])("%j is %j", (format, expected) => {
    expect(decode({ response_format: format }).responseFormat).toEqual(expected as never);
  });

  test("needs its schema, and a type we know", () => {
    expect(refusal({ response_format: { type: "json_schema" } })).toEqual({
      code: "invalid_request",
      param: "response_format.json_schema.schema",
    });
    expect(refusal({ response_format: { type: "grammar" } })).toEqual({
      code: "unsupported",
      param: "response_format.type",
    });
  });
});
