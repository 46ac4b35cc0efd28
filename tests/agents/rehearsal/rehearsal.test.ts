// The rehearsal agent: the contract of every agent, and what it does of its own.

import { describe, expect, test } from "bun:test";
import { createRehearsal } from "../../../src/agents/rehearsal/rehearsal.ts";
import { parseRehearsalScript } from "../../../src/agents/rehearsal/script.ts";
import type { TurnEvent } from "../../../src/core/event.ts";
import type {
  EmbeddingRequest,
  Message,
  ResumeRequest,
  ToolChoice,
} from "../../../src/core/turn.ts";
import { agentContract } from "../../contract/agent-contract.ts";
import { collectTurn } from "../../contract/collect-turn.ts";
import { rehearsalHarness } from "./harness.ts";
import {
  chatRequest,
  createCountingRandom,
  createFakeClock,
  failureOf,
  runTurn,
  text,
  turnOf,
  user,
} from "../support.ts";

agentContract("the rehearsal agent", rehearsalHarness);

const READ = { name: "read_file" };

function rehearsal(script?: unknown) {
  return createRehearsal({
    clock: createFakeClock(),
    random: createCountingRandom(),
    ...(script === undefined ? {} : { script: parseRehearsalScript(script) }),
  });
}

async function say(message: string, script?: unknown) {
  return await collectTurn(runTurn(rehearsal(script), chatRequest(message, { tools: [READ] })));
}

function texts(events: readonly TurnEvent[]): readonly string[] {
  return events.flatMap((event) => (event.type === "text-delta" ? [event.text] : []));
}

describe("untold, the rehearsal agent", () => {
  test("says that it is rehearsing, that no real agent is there, and what it got", async () => {
    const result = await say("Please fix\n\n  the bug in main.ts");
    expect(result.text).toBe(
      'This is a rehearsal: no real agent is installed, so the built-in one answers. It got 1 message, 1 tool for the model "rehearsal"; the last of yours begins "Please fix the bug in main.ts". Send /rehearse help to see what else it can play.',
    );
    expect(result.finish.reason).toBe("stop");
  });

  test("streams word by word, and says the same for the same request", async () => {
    const first = await say("hello");
    expect(texts(first.events).slice(0, 4)).toEqual(["This ", "is ", "a ", "rehearsal: "]);
    expect(await say("hello")).toEqual(first);
  });

  test("calls the tool that the request insists on, with arguments that fit, and no other", async () => {
    const parameters = {
      type: "object",
      properties: { path: { type: "string" }, lines: { type: "integer" } },
      required: ["path", "lines"],
    };
    const tools = [READ, { name: "write_file", parameters }];
    const called = async (toolChoice: ToolChoice) => {
      const { toolCalls } = await collectTurn(
        runTurn(rehearsal(), chatRequest("hello", { tools, toolChoice })),
      );
      return toolCalls.map((call) => [call.name, JSON.parse(call.arguments) as unknown]);
    };
    expect(await called({ name: "write_file" })).toEqual([
      ["write_file", { path: expect.any(String), lines: expect.any(Number) }],
    ]);
    expect(await called("required")).toEqual([["read_file", {}]]);
    expect(await called("auto")).toEqual([]);
    expect(await called({ name: "not_offered" })).toEqual([]);
  });

  test("estimates its usage and says that it is an estimate", async () => {
    const { text, finish } = await say("12345678");
    expect(finish.usage).toEqual({
      promptTokens: 2,
      completionTokens: Math.ceil(text.length / 4),
      estimated: true,
    });
  });

  test("counts messages and images, and echoes only the first words of a long message", async () => {
    const long = "word ".repeat(100_000);
    const messages: Message[] = [
      { role: "system", content: text("Be brief.") },
      {
        role: "user",
        content: [
          { type: "text", text: long },
          { type: "image", mediaType: "image/png", data: "AAAA" },
        ],
      },
    ];
    const result = await collectTurn(runTurn(rehearsal(), chatRequest(messages)));
    expect(result.text).toContain("2 messages, 1 image for the model");
    expect(result.text).toContain('begins "word word');
    expect(result.text.length).toBeLessThan(400);
  });

  test("answers a request for JSON with JSON", async () => {
    const request = chatRequest("title?", { responseFormat: { type: "json" } });
    const result = await collectTurn(runTurn(rehearsal(), request));
    expect(JSON.parse(result.text)).toEqual({
      rehearsal: expect.stringContaining("This is a rehearsal"),
    });
  });

  test("reports the result of a tool that the history brings, in place of calling it again", async () => {
    const messages: Message[] = [
      user('/rehearse tool read_file {"path":"a.txt"}'),
      {
        role: "assistant",
        content: [],
        toolCalls: [{ id: "call_1", name: "read_file", arguments: '{"path":"a.txt"}' }],
      },
      { role: "tool", toolCallId: "call_1", content: text("the file's text") },
    ];
    const request = chatRequest(messages, { tools: [READ] });
    const result = await collectTurn(runTurn(rehearsal(), request));
    expect(result.toolCalls).toEqual([]);
    expect(result.text).toBe(
      'This is a rehearsal: the tool read_file returned 15 characters, "the file\'s text".',
    );
  });

  test("fills in the middle with one word, and reads no orders from the code around the cursor", async () => {
    const result = await collectTurn(
      runTurn(rehearsal({ answers: [{ steps: [{ hang: true }] }] }), {
        kind: "completion",
        model: "rehearsal",
        stream: true,
        prompt: "/rehearse hang\n",
        suffix: "}",
        parameters: {},
      }),
    );
    expect(result.text).toBe("rehearsal");
  });

  test("offers one model with every capability", () => {
    expect(rehearsal().info.models).toEqual([
      {
        id: "rehearsal",
        label: "Rehearsal",
        contextLength: 128_000,
        capabilities: ["completion", "tools", "vision", "thinking", "insert", "embedding"],
      },
    ]);
  });
});

describe("a directive in the last user message", () => {
  test.each([
    ['/rehearse say "two words\\n"', ["two ", "words\n"]],
    ["/rehearse say two words", ["two ", "words"]],
    ["!rehearse say hello", ["hello"]],
    ["Hi there.\n  /rehearse say “curly quotes”\nBye.", ["curly ", "quotes"]],
    ["/rehearse chunk 3\r\n/rehearse say abcdefgh", ["abc", "def", "gh"]],
    ["/rehearse chunk 2\n/rehearse say a👩🏽‍💻b", ["a👩", "🏽\u200d", "💻b"]],
    ["/rehearse repeat 3\n/rehearse say ab", ["ab", "ab", "ab"]],
    ['/rehearse say ""', []],
  ])("%j says %j", async (message, expected) => {
    expect(texts((await say(message)).events)).toEqual(expected);
  });

  test("finish and usage are reported as told, wherever they stand", async () => {
    const { finish } = await say("/rehearse finish length\n/rehearse usage 12 34\n/rehearse say a");
    expect(finish).toEqual({
      type: "finish",
      reason: "length",
      usage: { promptTokens: 12, completionTokens: 34 },
    });
  });

  test("reasoning alone is followed by the agent's own answer", async () => {
    const result = await say('/rehearse reasoning "Let me see."');
    expect(result.reasoning).toBe("Let me see.");
    expect(result.text).toStartWith("This is a rehearsal");
  });

  test("a tool ends the turn, and what follows is said when its result comes", async () => {
    const orders = '/rehearse tool read_file {"path": "a.txt"}\n/rehearse say Thanks.';
    const first = await say(orders);
    expect(first.text).toBe("");
    expect(first.toolCalls).toEqual([
      { id: "call_1", name: "read_file", arguments: '{"path": "a.txt"}' },
    ]);
    expect(first.finish).toMatchObject({ reason: "tool_calls" });
    expect(first.finish.parked).toBeUndefined();

    const messages: Message[] = [
      user(orders),
      { role: "assistant", content: [], toolCalls: first.toolCalls },
      { role: "tool", toolCallId: "call_1", content: text("ok") },
    ];
    const request = chatRequest(messages, { tools: [READ] });
    expect((await collectTurn(runTurn(rehearsal(), request))).text).toBe("Thanks.");
  });

  test("an error in mid-answer is thrown with its code and text", async () => {
    const message = '/rehearse say Well,\n/rehearse error too_busy "Come back later."';
    const { error, events } = await failureOf(runTurn(rehearsal(), chatRequest(message)));
    expect(texts(events)).toEqual(["Well,"]);
    expect([error.code, error.message]).toEqual(["too_busy", "Come back later."]);
  });

  test("a crash calls what crashes here, and otherwise ends as a lost agent", async () => {
    let crashes = 0;
    const agent = createRehearsal({ clock: createFakeClock(), crash: () => (crashes += 1) });
    const { error } = await failureOf(runTurn(agent, chatRequest("/rehearse crash")));
    expect([error.code, crashes]).toEqual(["agent_lost", 1]);
  });

  test("only the last user message is obeyed", async () => {
    const messages: Message[] = [
      user("/rehearse hang"),
      { role: "assistant", content: text("/rehearse hang") },
      user("/rehearse say now"),
    ];
    expect((await collectTurn(runTurn(rehearsal(), chatRequest(messages)))).text).toBe("now");
  });

  test("help lists every directive", async () => {
    for (const message of ["/rehearse help", "/rehearse"]) {
      const { text } = await say(message);
      for (const verb of ["say", "tool", "park", "usage", "error", "crash", "hang", "chunk"]) {
        expect(text).toContain(`\n/rehearse ${verb}`);
      }
    }
  });

  test.each([
    ["/rehearse dleay 200", 'there is no directive "dleay". Did you mean "delay"?'],
    ["/rehearse delay soon", "delay milliseconds. The number must be whole, from 0 to 3600000."],
    ["/rehearse delay -1", "must be whole"],
    ["/rehearse chunk 0", "from 1 to 1000000"],
    ['/rehearse say "open', "Its quotes or escapes do not match."],
    ["/rehearse say", '"say" is written: /rehearse say "text".'],
    ["/rehearse tool", '"tool" is written: /rehearse tool name'],
    ["/rehearse tool read_file [1]", "The arguments must be a JSON object on the same line."],
    ["/rehearse finish soon", "finish stop|length|tool_calls|content_filter"],
    ["/rehearse error teapot", "The code must be one of ours"],
    ["/rehearse usage 1", "must be whole"],
    ["/rehearse hang now", '"hang" is written: /rehearse hang.'],
    ["/rehearse park", '"park" comes right after the "tool" it waits for.'],
    ["/rehearse say a\n/rehearse repeat 3", '"repeat" needs a "say" after it'],
  ])(
    "%j is answered with what is wrong, and nothing of the message is done",
    async (message, part) => {
      const result = await say(`/rehearse usage 1 2\n/rehearse reasoning no\n${message}`);
      expect(result.text).toContain("I did not understand: ");
      expect(result.text).toContain(part);
      expect(result.reasoning).toBe("");
      expect(result.finish.usage?.estimated).toBe(true);
    },
  );

  test("a tool that the request does not offer is refused in words", async () => {
    const result = await say("/rehearse tool write_file {}");
    expect(result.toolCalls).toEqual([]);
    expect(result.text).toContain(
      'to call the tool "write_file", but this request offers only: read_file.',
    );
    const none = chatRequest("/rehearse tool read_file", { tools: [READ], toolChoice: "none" });
    expect((await collectTurn(runTurn(rehearsal(), none))).text).toContain("offers no tools");
  });
});

describe("time", () => {
  test("a delay comes before every piece, and not without being told", async () => {
    const clock = createFakeClock();
    const agent = createRehearsal({ clock });
    const message = "/rehearse delay 200\n/rehearse say one two";
    const events = runTurn(agent, chatRequest(message))[Symbol.asyncIterator]();
    for (const word of ["one ", "two"]) {
      const next = events.next();
      expect(await clock.nextTimer()).toBe(200);
      clock.advance(200);
      expect((await next).value).toEqual({ type: "text-delta", text: word });
    }
    expect((await events.next()).value).toMatchObject({ type: "finish" });
    expect(clock.timers).toBe(0);
  });

  test("an abort during a delay ends the turn at once and leaves no timer", async () => {
    const clock = createFakeClock();
    const abort = new AbortController();
    const turn = turnOf(chatRequest("/rehearse delay 3600000"));
    const failed = failureOf(createRehearsal({ clock }).run(turn, abort.signal));
    await clock.nextTimer();
    abort.abort();
    expect((await failed).error.code).toBe("client_cancelled");
    expect(clock.timers).toBe(0);
  });

  test("an endless answer without delays still hears a cancel", async () => {
    const abort = new AbortController();
    const message = "/rehearse repeat 10000000\n/rehearse say x";
    const turn = turnOf(chatRequest(message));
    const failed = failureOf(rehearsal().run(turn, abort.signal));
    setImmediate(() => abort.abort());
    const { error, events } = await failed;
    expect(error.code).toBe("client_cancelled");
    expect(events.length).toBeLessThan(10_000);
  });
});

describe("parked turns", () => {
  const ORDERS = "/rehearse tool read_file\n/rehearse park";

  function resume(resumes: string): ResumeRequest {
    const content = [{ type: "text", text: "text" }] as const;
    const results = [{ toolCallId: "call_1", content, isError: true }];
    return { kind: "resume", model: "rehearsal", stream: true, resumes, results };
  }

  async function parkedAgent(options: { parkedTurns?: number; parkedMs?: number } = {}) {
    const clock = createFakeClock();
    const agent = createRehearsal({ clock, random: createCountingRandom(), ...options });
    const park = async (id: string) => {
      const request = chatRequest(ORDERS, { tools: [READ] });
      const { finish } = await collectTurn(runTurn(agent, request, { id }));
      expect(finish.parked).toBe(true);
    };
    return { clock, agent, park };
  }

  test("one that is brought words beside the results is given up: words may be orders", async () => {
    const { agent, park } = await parkedAgent();
    await park("turn_a");
    const message = [{ type: "text", text: "Hurry." }] as const;
    const request = { ...resume("turn_a"), message };
    expect((await failureOf(runTurn(agent, request))).error.code).toBe("parked_turn_unknown");
    expect((await failureOf(runTurn(agent, resume("turn_a")))).error.code).toBe(
      "parked_turn_unknown",
    );
  });

  test("without more orders the resumed turn reports the results", async () => {
    const { agent, park } = await parkedAgent();
    await park("turn_a");
    const { text } = await collectTurn(runTurn(agent, resume("turn_a")));
    expect(text).toBe('This is a rehearsal: the tool read_file failed with 4 characters, "text".');
  });

  test("the report and the bare results speak of images by type and size", async () => {
    const { agent, park } = await parkedAgent();
    const image = (data: string) => ({ type: "image", mediaType: "image/png", data }) as const;
    const url = "https://example.com/a.png";
    const content = [
      { type: "text", text: "Shot:" } as const,
      image("AA=="),
      image("AAEC"),
      { type: "image-url", url } as const,
    ];
    const results = [{ toolCallId: "call_1", content }];
    await park("turn_a");
    const report = await collectTurn(runTurn(agent, { ...resume("turn_a"), results }));
    expect(report.text).toBe(
      `This is a rehearsal: the tool read_file returned 5 characters, "Shot:", and 3 images (image/png, 1 byte; image/png, 3 bytes; ${url}).`,
    );
    const request = chatRequest(`${ORDERS}\n/rehearse results`, { tools: [READ] });
    await collectTurn(runTurn(agent, request, { id: "turn_b" }));
    const bare = await collectTurn(runTurn(agent, { ...resume("turn_b"), results }));
    expect(bare.text).toBe(`Shot:[image/png, 1 byte][image/png, 3 bytes][${url}]`);
  });

  test("they expire", async () => {
    const { agent, clock, park } = await parkedAgent({ parkedMs: 1000 });
    await park("turn_a");
    clock.advance(999);
    await park("turn_b");
    clock.advance(1);
    const { error } = await failureOf(runTurn(agent, resume("turn_a")));
    expect(error.code).toBe("parked_turn_unknown");
    expect((await collectTurn(runTurn(agent, resume("turn_b")))).finish.reason).toBe("stop");
  });

  test("the oldest makes room for the newest", async () => {
    const { agent, park } = await parkedAgent({ parkedTurns: 2 });
    for (const id of ["turn_a", "turn_b", "turn_c"]) await park(id);
    const { error } = await failureOf(runTurn(agent, resume("turn_a")));
    expect(error.code).toBe("parked_turn_unknown");
    for (const id of ["turn_b", "turn_c"]) {
      expect((await collectTurn(runTurn(agent, resume(id)))).finish.reason).toBe("stop");
    }
  });

  test("another session cannot take one over, and does not spoil it", async () => {
    const { agent, park } = await parkedAgent();
    await park("turn_a");
    const thief = runTurn(agent, resume("turn_a"), { sessionId: "session_2" });
    expect((await failureOf(thief)).error.code).toBe("parked_turn_unknown");
    expect((await collectTurn(runTurn(agent, resume("turn_a")))).finish.reason).toBe("stop");
  });
});

describe("embeddings", () => {
  const embedding = (input: readonly string[], dimensions?: number): EmbeddingRequest => {
    const size = dimensions === undefined ? {} : { dimensions };
    const asked = { model: "rehearsal", input, parameters: {}, ...size };
    return { kind: "embedding", stream: false, ...asked };
  };
  const embed = async (input: readonly string[], dimensions?: number) =>
    await collectTurn(runTurn(rehearsal(), embedding(input, dimensions)));
  const cosine = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);

  test("are unit vectors, the nearer the more words two texts share", async () => {
    const { vectors, finish } = await embed(["read the file", "Read the other file!", "zebra", ""]);
    const [a = [], b = [], c = [], empty = []] = vectors;
    for (const vector of vectors) expect(cosine(vector, vector)).toBeCloseTo(1, 10);
    expect(cosine(a, b)).toBeGreaterThan(cosine(a, c));
    expect(empty).toHaveLength(64);
    expect(finish.usage).toMatchObject({ completionTokens: 0, estimated: true });
  });

  test("have the size that was asked for, within reason", async () => {
    expect((await embed(["a"], 8)).vectors[0]).toHaveLength(8);
    const tooLarge = runTurn(rehearsal(), embedding(["a"], 100_000));
    expect((await failureOf(tooLarge)).error.code).toBe("invalid_request");
  });
});
