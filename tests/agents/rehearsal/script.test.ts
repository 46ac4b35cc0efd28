// The rehearsal agent's script: which answer is given when, and what is said about a script that is wrong.

import { describe, expect, test } from "bun:test";
import { createRehearsal } from "../../../src/agents/rehearsal/rehearsal.ts";
import { parseRehearsalScript } from "../../../src/agents/rehearsal/script.ts";
import type { Message } from "../../../src/core/turn.ts";
import { collectTurn } from "../../contract/collect-turn.ts";
import { chatRequest, createFakeClock, runTurn, text, user } from "../support.ts";

function conversation(script: unknown) {
  const agent = createRehearsal({
    clock: createFakeClock(),
    script: parseRehearsalScript(script),
  });
  return async (messages: string | readonly Message[]) =>
    await collectTurn(runTurn(agent, chatRequest(messages, { tools: [{ name: "read_file" }] })));
}

describe("an answer is chosen", () => {
  test("in the order of the script, and the last one stays", async () => {
    const ask = conversation({
      answers: [{ steps: [{ say: "one" }] }, { steps: [{ say: "two" }] }],
    });
    const texts = [await ask("a"), await ask("b"), await ask("c")].map(({ text }) => text);
    expect(texts).toEqual(["one", "two", "two"]);
  });

  test("by a text in the last user message, without using up the others", async () => {
    const ask = conversation({
      answers: [{ steps: [{ say: "one" }] }, { match: "secret", steps: [{ say: "nonce-7" }] }],
    });
    expect((await ask("what is the secret?")).text).toBe("nonce-7");
    expect((await ask("and else?")).text).toBe("one");
    expect((await ask("the secret again")).text).toBe("nonce-7");
  });

  test("by nobody when the script has none: the agent speaks for itself", async () => {
    const ask = conversation({ answers: [{ match: "x", steps: [{ say: "y" }] }] });
    expect((await ask("hello")).text).toStartWith("This is a rehearsal");
  });

  test("after a directive in the message, which comes first", async () => {
    const ask = conversation({ answers: [{ steps: [{ say: "script" }] }] });
    expect((await ask("/rehearse say message")).text).toBe("message");
  });

  test("once for a question and the tool results that belong to it", async () => {
    const ask = conversation({
      answers: [
        { steps: [{ tool: "read_file", id: "call_1" }, { say: "got it: " }, { results: true }] },
        { steps: [{ say: "next" }] },
      ],
    });
    const { toolCalls } = await ask("read");
    const history: Message[] = [
      user("read"),
      { role: "assistant", content: [], toolCalls },
      { role: "tool", toolCallId: "call_1", content: text("data") },
    ];
    expect((await ask(history)).text).toBe("got it: data");
    expect((await ask("more")).text).toBe("next");
  });
});

describe("a script's steps", () => {
  test("take arguments as a mapping or as exact text", async () => {
    const ask = conversation({
      answers: [
        {
          steps: [
            { tool: "read_file", id: "a", arguments: { path: "x", lines: [1, 2] } },
            { tool: "read_file", id: "b", arguments: '{ "path" : "x" }' },
          ],
        },
      ],
    });
    expect((await ask("go")).toolCalls.map((call) => call.arguments)).toEqual([
      '{"path":"x","lines":[1,2]}',
      '{ "path" : "x" }',
    ]);
  });

  test("report reasoning and cached tokens when told to", async () => {
    const usage = { prompt: 10, completion: 5, reasoning: 2, cached: 8 };
    const ask = conversation({ answers: [{ steps: [{ say: "a" }, { usage }] }] });
    expect((await ask("go")).finish.usage).toEqual({
      promptTokens: 10,
      completionTokens: 5,
      reasoningTokens: 2,
      cachedTokens: 8,
    });
  });

  test("are cut as the whole script says, and a parked turn keeps its own pace", async () => {
    const ask = conversation({
      chunk: 4,
      answers: [{ steps: [{ say: "abcdef" }] }, { steps: [{ chunk: 2 }, { say: "abcd" }] }],
    });
    const pieces = async () =>
      (await ask("go")).events.flatMap((event) => ("text" in event ? [event.text] : []));
    expect(await pieces()).toEqual(["abcd", "ef"]);
    expect(await pieces()).toEqual(["ab", "cd"]);
  });
});

describe("a wrong script is refused and the place is named", () => {
  test.each<[unknown, string]>([
    ["hello", "the script: Expected object"],
    [{}, "the script.answers: Expected required property"],
    [{ answers: [], extra: 1 }, "the script.extra: Unexpected property"],
    [{ answers: [{}] }, "answers[0].steps: Expected required property"],
    [{ answers: [{ steps: [] }] }, "answers[0].steps: Expected array length to be greater"],
    [{ answers: [{ match: "", steps: [{ say: "a" }] }] }, "answers[0].match: Expected string"],
    [{ answers: [{ steps: [{ say: "a" }, "b"] }] }, "answers[0].steps[1]: a step is a mapping"],
    [
      { answers: [{ steps: [{ sya: "a" }] }] },
      'answers[0].steps[0]: no step that I know. Did you mean "say"?',
    ],
    [
      { answers: [{ steps: [{ say: "a", hang: true }] }] },
      'answers[0].steps[0]: one step does one thing, here are "say" and "hang".',
    ],
    [{ answers: [{ steps: [{ say: 1 }] }] }, "answers[0].steps[0].say: Expected string"],
    [{ answers: [{ steps: [{ say: "a", loud: 1 }] }] }, "steps[0].loud: Unexpected property"],
    [{ answers: [{ steps: [{ delay: 1.5 }] }] }, "answers[0].steps[0].delay: Expected integer"],
    [{ answers: [{ steps: [{ chunk: 0 }] }] }, "answers[0].steps[0].chunk: Expected integer"],
    [{ answers: [{ steps: [{ hang: false }] }] }, "answers[0].steps[0].hang: Expected true"],
    [
      { answers: [{ steps: [{ finish: "soon" }] }] },
      "steps[0].finish: must be stop, length, tool_calls or content_filter.",
    ],
    [
      { answers: [{ steps: [{ tool: "t", arguments: 7 }] }] },
      "answers[0].steps[0].arguments: must be a mapping, or the JSON text of an object.",
    ],
    [
      { answers: [{ steps: [{ tool: "t", arguments: "[]" }] }] },
      "answers[0].steps[0].arguments: must be a mapping, or the JSON text of an object.",
    ],
    [{ answers: [{ steps: [{ error: "teapot" }] }] }, "answers[0].steps[0].error: must be one of"],
    [{ answers: [{ steps: [{ park: true }] }] }, 'answers[0].steps: "park" comes right after'],
    [{ answers: [{ steps: [{ usage: { prompt: 1 } }] }] }, "steps[0].usage.completion: Expected"],
  ])("%j", (script, message) => {
    expect(() => parseRehearsalScript(script)).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        message: expect.stringContaining(message),
      }),
    );
  });
});
