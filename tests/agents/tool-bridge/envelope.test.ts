// The editor's tools over an agent that takes no MCP servers: told of in the prompt, called by an answer that is one
// JSON object, and never by anything else.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readEnvelope } from "../../../src/agents/tool-bridge/envelope-answer.ts";
import { createEnvelopeText } from "../../../src/agents/tool-bridge/envelope-text.ts";
import type { TurnEvent, Usage } from "../../../src/core/event.ts";
import type { ChatRequest, Message, Turn } from "../../../src/core/turn.ts";
import { collectTurn } from "../../contract/collect-turn.ts";
import { chatRequest, turnOf, user } from "../support.ts";
import { READ, LIST, STOP, asks, bench, refusal, say } from "./support.ts";

/** An agent that answers each prompt with the next of these texts, in pieces of `size`. */
function answering(
  texts: readonly string[],
  { size = 7, usage }: { size?: number; usage?: Usage } = {},
) {
  let prompts = 0;
  return bench(
    async function* () {
      const text = texts[prompts]!;
      prompts += 1;
      for (let at = 0; at < text.length; at += size) yield say(text.slice(at, at + size));
      yield usage === undefined ? STOP : { ...STOP, usage };
    },
    { takesServers: false },
  );
}

const call = (name: string, values: object): object => ({ name, arguments: values });
const envelope = (...calls: readonly object[]): string => JSON.stringify({ tool_calls: calls });
const READ_A = envelope(call("read_file", { path: "a" }));

describe("an agent without MCP", () => {
  test.each([
    ["bare", READ_A],
    ["with space around it", `\n  ${READ_A} \n`],
    ["in a fence", `\`\`\`json\n${READ_A}\n\`\`\``],
    ["in a fence without a name", `\`\`\`\n${READ_A}\n\`\`\`\n`],
  ])("calls a tool by an envelope, %s", async (_, text) => {
    const { read, inner } = answering([text]);
    const result = await read(asks());
    expect(result.text).toBe("");
    expect(result.toolCalls).toEqual([
      { id: expect.stringMatching(/^call_/), name: "read_file", arguments: '{"path":"a"}' },
    ]);
    expect(result.finish).toEqual({ type: "finish", reason: "tool_calls" });
    expect(inner.servers).toEqual([]);
  });

  test("calls several at once, and one where the editor wants one", async () => {
    const both = envelope(call("read_file", { path: "a" }), { name: "list_files" });
    const many = await answering([both]).read(asks());
    expect(many.toolCalls.map(({ name, arguments: text }) => [name, text])).toEqual([
      ["read_file", '{"path":"a"}'],
      ["list_files", "{}"],
    ]);
    const one = await answering([both]).read(asks({ parameters: { parallelToolCalls: false } }));
    expect(one.toolCalls).toHaveLength(1);
  });

  test.each([
    "Plain words.",
    'Here it is: {"tool_calls":[]}',
    "```ts\nconst a = { b: 1 };\n```\nThat is all.",
    '{"answer": 42}',
    "{ this is no JSON }",
    "``",
    "{",
    '["tool_calls"]',
  ])("answers in words as they are: %s", async (text) => {
    const { read, inner } = answering([text]);
    const result = await read(asks());
    expect([result.text, result.toolCalls.length]).toEqual([text, 0]);
    expect(result.finish.reason).toBe("stop");
    expect(inner.turns).toHaveLength(1);
  });

  test("streams words as they come, from the first one on", async () => {
    const go = Promise.withResolvers<void>();
    const { tools } = bench(
      async function* () {
        yield say("  ");
        yield say("Wor");
        await go.promise;
        yield say("ds.");
        yield STOP;
      },
      { takesServers: false },
    );
    const events = tools.run(asks(), new AbortController().signal)[Symbol.asyncIterator]();
    expect((await events.next()).value).toEqual(say("  Wor"));
    go.resolve();
    expect((await events.next()).value).toEqual(say("ds."));
    await events.return?.();
  });

  test("thinks aloud while its envelope is kept back", async () => {
    const { read } = bench(
      async function* () {
        yield say('{"tool_calls":');
        yield { type: "reasoning-delta", text: "hm" };
        yield say('[{"name":"list_files","arguments":{}}]}');
        yield STOP;
      },
      { takesServers: false },
    );
    const result = await read(asks());
    expect([result.reasoning, result.text, result.toolCalls.length]).toEqual(["hm", "", 1]);
  });

  test.each([
    ["no valid JSON", '{"tool_calls":[{"name":"read_file"}', "not valid JSON"],
    ["words after it", `${READ_A}\nThere you go.`, "not valid JSON"],
    ["a tool that is not there", envelope(call("rm", {})), "there are read_file, list_files"],
    ["a key that is missing", envelope(call("read_file", {})), "lack path"],
    [
      "arguments as text",
      '{"tool_calls":[{"name":"read_file","arguments":"{}"}]}',
      "not an object",
    ],
    ["no call at all", '{"tool_calls":[]}', "at least one call"],
    ["a call without a name", '{"tool_calls":[{}]}', 'no "name"'],
    ["more than calls", '{"tool_calls":[{"name":"list_files"}],"text":"x"}', "more keys"],
  ])("is asked once more after %s", async (_, bad, problem) => {
    const { read, inner } = answering([bad, READ_A]);
    const result = await read(asks());
    expect(result.toolCalls.map(({ name }) => name)).toEqual(["read_file"]);
    expect(result.text).toBe("");
    const [first, second] = inner.turns as readonly [Turn, Turn];
    expect(second.id).not.toBe(first.id);
    const last = messagesOf(second).slice(-2);
    expect(last.map(({ role }) => role)).toEqual(["assistant", "user"]);
    expect(textOf(last[0]!)).toBe(bad);
    expect(textOf(last[1]!)).toContain(problem);
  });

  test("is asked no third time: what it says then are words", async () => {
    const bad = envelope(call("rm", {}));
    const { read, inner } = answering([bad, bad]);
    const result = await read(asks());
    expect([result.text, result.toolCalls.length, inner.turns.length]).toEqual([bad, 0, 2]);
    const words = await answering([bad, "I cannot."]).read(asks());
    expect(words.text).toBe("I cannot.");
  });

  test("is not asked again for an answer that was cut short", async () => {
    const { read, inner } = bench(
      async function* () {
        yield say('{"tool_calls":[{"na');
        yield { type: "finish", reason: "length" };
      },
      { takesServers: false },
    );
    const result = await read(asks());
    expect([result.text, result.finish.reason]).toEqual(['{"tool_calls":[{"na', "length"]);
    expect(inner.turns).toHaveLength(1);
  });

  test("reports what both prompts took", async () => {
    const usage = { promptTokens: 10, completionTokens: 3 };
    const { read } = answering(['{"tool_calls":0}', READ_A], { usage });
    expect((await read(asks())).finish.usage).toEqual({ promptTokens: 20, completionTokens: 6 });
  });

  test("keeps no more than a call can hold: a longer object is words", async () => {
    const text = `{"tool_calls":"${"x".repeat(1_200_000)}"}`;
    const { read, inner } = answering([text], { size: 100_000 });
    expect((await read(asks())).text).toBe(text);
    expect(inner.turns).toHaveLength(1);
  });

  test("hears of the tools, of its calls and of their results in words, the same each time", async () => {
    const { read, inner } = answering(["ok", "ok"]);
    const history: Message[] = [
      { role: "system", content: [{ type: "text", text: "Be brief." }] },
      user("What is in a?"),
      {
        role: "assistant",
        content: [],
        toolCalls: [{ id: "call_1", name: "read_file", arguments: '{"path": "a"}' }],
      },
      { role: "tool", toolCallId: "call_1", content: [{ type: "text", text: "nothing" }] },
    ];
    const later = [...history, user("And b?")];
    for (const messages of [history, later]) {
      await read(turnOf(chatRequest(messages, { tools: [READ, LIST] })));
    }
    const [first, second] = inner.turns.map(messagesOf) as [readonly Message[], readonly Message[]];
    expect(second.slice(0, first.length)).toEqual([...first]);
    expect(first.map(({ role }) => role)).toEqual([
      "system",
      "system",
      "user",
      "assistant",
      "user",
    ]);
    expect(textOf(first[1]!)).toContain(
      '{"name":"read_file","description":"Reads a file.","parameters":',
    );
    expect(textOf(first[3]!)).toBe(READ_A);
    expect(textOf(first[4]!)).toBe("Result of read_file:\nnothing");
    expect(inner.turns.every(({ request }) => !("tools" in request))).toBe(true);
  });

  test("is cancelled like any other", async () => {
    const abort = new AbortController();
    const began = Promise.withResolvers<void>();
    const { tools, inner } = bench(
      async function* ({ signal }) {
        yield say("{");
        began.resolve();
        const { promise, reject } = Promise.withResolvers<never>();
        signal.addEventListener("abort", () => reject(signal.reason));
        await promise;
      },
      { takesServers: false },
    );
    const reading = refusal(collectTurn(tools.run(asks(), abort.signal)));
    await began.promise;
    abort.abort();
    expect(await reading).toBe("client_cancelled");
    await inner.whenStopped();
  });
});

function messagesOf({ request }: Turn): readonly Message[] {
  return (request as ChatRequest).messages;
}

function textOf({ content }: Message): string {
  return content.map((part) => (part.type === "text" ? part.text : "")).join("");
}

describe("however an answer is cut", () => {
  const noise = fc.constantFrom(
    "",
    " ",
    "\n",
    "`",
    "``",
    "```",
    "```json",
    "```js",
    "```JSON\n",
    "{",
    "}",
    "[",
    "a",
    "é",
    "👩🏽‍💻",
    '"tool_calls"',
    READ_A,
    "\n```",
  );
  const answers = fc.array(noise, { maxLength: 8 }).map((parts) => parts.join(""));
  const cuts = fc.array(fc.nat(40), { maxLength: 12 });

  function pieces(text: string, sizes: readonly number[]): readonly string[] {
    const cut: string[] = [];
    let at = 0;
    for (const size of sizes) {
      cut.push(text.slice(at, at + size));
      at += size;
    }
    return [...cut, text.slice(at)];
  }

  function split(chunks: readonly string[]): { passed: string; kept: string } {
    const text = createEnvelopeText(1_000_000);
    let passed = "";
    for (const chunk of chunks) passed += text.push(chunk);
    return { passed, kept: text.rest() };
  }

  test("nothing of it is lost, added or told apart differently", () => {
    fc.assert(
      fc.property(answers, cuts, (answer, sizes) => {
        const whole = split([answer]);
        const { passed, kept } = split(pieces(answer, sizes));
        expect(passed + kept).toBe(answer);
        expect([passed === "", kept]).toEqual([whole.passed === "", whole.kept]);
      }),
    );
  });

  test("it comes to the same calls and words", async () => {
    await fc.assert(
      fc.asyncProperty(answers, cuts, async (answer, sizes) => {
        const play = async (chunks: readonly string[]) =>
          await bench(
            async function* (): AsyncGenerator<TurnEvent> {
              for (const chunk of chunks) yield say(chunk);
              yield STOP;
            },
            { takesServers: false },
          ).read(asks());
        const whole = await play([answer]);
        const cut = await play(pieces(answer, sizes));
        expect({ ...cut, events: [] }).toEqual({ ...whole, events: [] });
      }),
      { numRuns: 200 },
    );
  });

  test("calls with any arguments are read as they were written", () => {
    const values = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(fc.array(values, { minLength: 1, maxLength: 4 }), fc.boolean(), (all, fenced) => {
        const text = envelope(...all.map((one) => call("list_files", one)));
        const answer = readEnvelope(fenced ? `\`\`\`json\n${text}\n\`\`\`` : text, [LIST]);
        expect(answer.type).toBe("calls");
        if (answer.type !== "calls") return;
        expect(answer.calls.map((one) => JSON.parse(one.arguments) as unknown)).toEqual(
          all.map((one) => JSON.parse(JSON.stringify(one)) as unknown),
        );
      }),
    );
  });
});
