// What is peculiar to agents that speak ACP, each test with a real process at the other end.

import { existsSync, statSync } from "node:fs";

import { afterEach, describe, expect, test } from "bun:test";

import type { AcpOptions } from "../../../src/agents/acp/acp.ts";
import { AppError } from "../../../src/core/error.ts";
import type { Turn } from "../../../src/core/turn.ts";
import { type CollectedTurn, collectTurn } from "../../contract/collect-turn.ts";
import type { FakeScript, FakeStep } from "../../support/fake-acp-agent.ts";
import { isAlive } from "../../support/mlp.ts";
import { type FakeAcp, startFake, untilGone } from "./support.ts";
import {
  chatRequest,
  createFakeClock,
  failureOf,
  rejectionOf,
  runTurn,
  turnOf,
} from "../support.ts";

const fakes: FakeAcp[] = [];
afterEach(async () => {
  await Promise.all(fakes.splice(0).map((fake) => fake.close()));
});

function fakeOf(script: FakeScript, options: Partial<AcpOptions> = {}): FakeAcp {
  const fake = startFake(script, options);
  fakes.push(fake);
  return fake;
}

/** Does the same in every turn. */
function doing(...steps: readonly FakeStep[]): FakeAcp {
  return fakeOf({ plays: [{ steps }] });
}

async function ask(
  { acp }: FakeAcp,
  request: Turn["request"] | string = "hello",
  more: Partial<Turn> = {},
): Promise<CollectedTurn> {
  const asked = typeof request === "string" ? chatRequest(request) : request;
  return await collectTurn(runTurn(acp, asked, more));
}

async function failing({ acp }: FakeAcp, request: Turn["request"] = chatRequest("hello")) {
  return (await failureOf(runTurn(acp, request))).error;
}

const EDITOR = { name: "editor", tools: ["read_file"], url: "http://127.0.0.1:1/x", headers: {} };

const nonce = () => `nonce-${crypto.randomUUID()}`;

describe("the handshake", () => {
  test("offers version 1, no files and no terminal, and says who we are", async () => {
    const fake = doing({ say: "x" });
    await fake.acp.start();
    const { params } = await fake.until("initialize");
    expect(params).toMatchObject({
      protocolVersion: 1,
      clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false },
      clientInfo: { name: "mlp", title: "MCP Local Provider", version: "0.0.0" },
    });
  });

  test("an agent that speaks another version is refused, and nothing of it stays", async () => {
    const fake = fakeOf({ protocolVersion: 2 });
    const error = (await rejectionOf(fake.acp.start())) as AppError;
    expect([error.code, error.message]).toEqual([
      "agent_error",
      "bun speaks another version of the Agent Client Protocol than 1.",
    ]);
    await untilGone([(await fake.until("initialize")).pid]);
  });

  test("an agent that never answers is a timeout that says what to do", async () => {
    const clock = createFakeClock();
    const fake = fakeOf({ mute: true }, { clock });
    const started = rejectionOf(fake.acp.start());
    await fake.until("initialize");
    clock.advance(60_000);
    // The grace of the process that is ended.
    await clock.nextTimer();
    const error = (await started) as AppError;
    expect(error.code).toBe("agent_timeout");
    expect(error.message).toContain("did not answer initialize within 60 s");
  });

  test("an agent that is stopped while it starts ends at once, and nothing of it stays", async () => {
    const fake = fakeOf({ mute: true }, { clock: createFakeClock() });
    const failure = rejectionOf(fake.acp.start());
    const { pid } = await fake.until("initialize");
    await fake.acp.close();
    expect(await failure).toBeInstanceOf(AppError);
    await untilGone([pid]);
  });

  test("a program that is not there is named", async () => {
    const fake = fakeOf({}, { command: ["no-such-agent-anywhere", "--acp"] });
    const error = (await rejectionOf(fake.acp.start())) as AppError;
    expect([error.code, error.message]).toEqual([
      "invalid_request",
      "no-such-agent-anywhere was not found: check PATH.",
    ]);
  });

  test("an agent that ends at its start says why in the error", async () => {
    const error = (await rejectionOf(fakeOf({ crashAtStart: 4 }).acp.start())) as AppError;
    expect(error.code).toBe("agent_lost");
    expect(error.message).toContain("ended with exit code 4");
    expect(error.message).toContain("the moon is in the wrong place");
  });
});

describe("a login", () => {
  const authMethods = [
    { id: "browser", name: "Log in with a browser" },
    { id: "gemini-api-key", name: "Use a key" },
  ];

  test("is never tried when the agent does not ask for it", async () => {
    const fake = fakeOf({ authMethods, plays: [{ steps: [{ say: "hi" }] }] });
    expect((await ask(fake)).text).toBe("hi");
    expect(fake.events("authenticate")).toEqual([]);
  });

  test("that is missing is an instruction that names the ways", async () => {
    const fake = fakeOf({ login: "browser", authMethods });
    const error = (await rejectionOf(fake.acp.start())) as AppError;
    expect(error.code).toBe("agent_error");
    expect(error.message).toBe(
      "bun is not logged in: start bun in a terminal, log in there, and try again. It offers: Log in with a browser, Use a key.",
    );
    expect(fake.events("authenticate")).toEqual([]);
  });

  test("is done by itself where a key in the environment is enough", async () => {
    const env = { PATH: process.env["PATH"], GEMINI_API_KEY: "x" };
    const script = { login: "gemini-api-key", authMethods, plays: [{ steps: [{ say: "in" }] }] };
    const fake = fakeOf(script, { env });
    expect((await ask(fake)).text).toBe("in");
    expect(fake.events("authenticate")).toMatchObject([{ methodId: "gemini-api-key" }]);
  });

  test("is done by itself in the way that a connector knows to be harmless", async () => {
    const script = { login: "browser", authMethods, plays: [{ steps: [{ say: "in" }] }] };
    const fake = fakeOf(script, { logins: ["other", "browser"] });
    expect((await ask(fake)).text).toBe("in");
  });
});

describe("what the agent says", () => {
  test("its own calls and plans are notes among the reasoning, and never calls of tools", async () => {
    const call = { toolCallId: "1", title: "Read\n  notes.txt", kind: "read", status: "pending" };
    const fake = doing(
      { think: "Hm" },
      { update: { sessionUpdate: "tool_call", ...call } },
      { update: { sessionUpdate: "tool_call_update", toolCallId: "1", status: "completed" } },
      { update: { sessionUpdate: "tool_call_update", toolCallId: "1", status: "failed" } },
      {
        update: {
          sessionUpdate: "plan",
          entries: [
            { content: "look", priority: "high", status: "completed" },
            { content: "say", priority: "high", status: "pending" },
          ],
        },
      },
      { say: "done" },
    );
    const { reasoning, text, toolCalls, finish } = await ask(fake);
    expect(reasoning).toBe(
      "Hm\n[read] Read notes.txt\n[failed] Read notes.txt\n[plan]\n[x] look\n[ ] say\n",
    );
    expect([text, toolCalls, finish.reason]).toEqual(["done", [], "stop"]);
  });

  test("empty pieces, unknown updates and what is said to other sessions leave no trace", async () => {
    const fake = doing(
      { say: "" },
      { think: "" },
      { update: { sessionUpdate: "something_new", deep: { thing: 1 } } },
      { update: { sessionUpdate: "usage_update", used: 9, size: 10 } },
      { say: "only this" },
    );
    const { events } = await ask(fake);
    expect(events).toEqual([
      { type: "text-delta", text: "only this" },
      { type: "finish", reason: "stop" },
    ]);
  });

  test("a character that was cut in two arrives whole", async () => {
    const fake = doing({ say: "a\uD83D" }, { say: "\uDE00b" });
    const { events } = await ask(fake);
    expect(events.map((event) => ("text" in event ? event.text : ""))).toEqual(["a", "😀b", ""]);
  });

  test.each([
    ["end_turn", "stop"],
    ["max_tokens", "length"],
    ["max_turn_requests", "length"],
    ["refusal", "content_filter"],
  ] as const)("the stop reason %s is %s", async (stop, reason) => {
    expect((await ask(doing({ say: "x" }, { stop }))).finish.reason).toBe(reason);
  });

  test("a turn that the agent cancels by itself has failed", async () => {
    expect((await failing(doing({ say: "x" }, { stop: "cancelled" }))).code).toBe("agent_error");
  });

  test.each<[string, readonly FakeStep[]]>([
    ["the answer", [{ usage: { inputTokens: 7, outputTokens: 5, totalTokens: 12 } }]],
    [
      "the answer's quota",
      [{ answer: { _meta: { quota: { token_count: { input_tokens: 7, output_tokens: 5 } } } } }],
    ],
    [
      "a last empty piece",
      [
        {
          update: {
            sessionUpdate: "agent_message_chunk",
            content: { type: "text", text: "" },
            _meta: { usage: { inputTokens: 7, outputTokens: 5 } },
          },
        },
      ],
    ],
  ])("counts are found in %s", async (_where, steps) => {
    const { finish } = await ask(doing({ say: "x" }, ...steps));
    expect(finish.usage).toEqual({ promptTokens: 7, completionTokens: 5 });
  });

  test("a failure quotes the agent, without what looks like a key", async () => {
    const { message } = await failing(doing({ fail: "quota is used up for key-abcdefgh1234" }));
    expect(message).toBe("The agent failed. It says: quota is used up for [key]");
  });
});

describe("the prompt", () => {
  test("one message is sent to the letter; system prompt and history are folded in before the last", async () => {
    const fake = doing({ echo: true });
    expect(JSON.parse((await ask(fake, "  just <this> ")).text)).toEqual([
      { type: "text", text: "  just <this> " },
    ]);
    const said = (text: string) => [{ type: "text" as const, text }];
    const { text } = await ask(
      fake,
      chatRequest([
        { role: "system", content: said("Be brief.") },
        { role: "user", content: said("one") },
        {
          role: "assistant",
          content: said("two"),
          toolCalls: [{ id: "c1", name: "look", arguments: "{}" }],
        },
        { role: "tool", toolCallId: "c1", content: said("seen") },
        { role: "user", content: said("three") },
      ]),
    );
    expect(JSON.parse(text)).toEqual([
      {
        type: "text",
        text: [
          "<system>\nBe brief.\n</system>\n",
          "<conversation>",
          "<user>\none\n</user>",
          "<assistant>\ntwo\n</assistant>",
          '<tool_call id="c1" name="look">\n{}\n</tool_call>',
          '<tool_result id="c1">\nseen\n</tool_result>\n',
          "</conversation>\n",
          "three",
        ].join("\n"),
      },
    ]);
  });

  test("images go along as data", async () => {
    const image = { type: "image" as const, mediaType: "image/png", data: "AAAA" };
    const content = [{ type: "text" as const, text: "look" }, image];
    const { text } = await ask(doing({ echo: true }), chatRequest([{ role: "user", content }]));
    expect(JSON.parse(text)).toEqual([
      { type: "text", text: "look" },
      { type: "image", mimeType: "image/png", data: "AAAA" },
    ]);
  });

  test("an agent that takes no images refuses them, and offers no vision", async () => {
    const fake = fakeOf({ capabilities: { promptCapabilities: {} } });
    const content = [{ type: "image" as const, mediaType: "image/png", data: "AAAA" }];
    const error = await failing(fake, chatRequest([{ role: "user", content }]));
    expect([error.code, error.param]).toEqual(["unsupported", "messages"]);
    expect(fake.acp.info.models[0]?.capabilities).not.toContain("vision");
  });

  test("a text to go on from is what the user says", async () => {
    const request = { kind: "completion", model: "bun", stream: true, parameters: {} } as const;
    const { text } = await ask(doing({ echo: true }), { ...request, prompt: "Once upon" });
    expect(JSON.parse(text)).toEqual([{ type: "text", text: "Once upon" }]);
  });
});

describe("models", () => {
  const plays = [{ steps: [{ state: true } as const] }];
  const options = [
    { value: "small", name: "Small" },
    { group: "large", name: "Large ones", options: [{ value: "large", name: "Large" }] },
  ];
  const config = {
    id: "m",
    name: "Model",
    category: "model",
    type: "select",
    currentValue: "large",
    options,
  };

  test("are read from the config option, the agent's choice first, and chosen by it", async () => {
    const fake = fakeOf({ plays, session: { configOptions: [config] } });
    await fake.acp.start();
    expect(fake.acp.info.models.map(({ id, label }) => [id, label])).toEqual([
      ["large", "Large"],
      ["small", "Small"],
    ]);
    const { text } = await ask(fake, chatRequest("x", { model: "small" }));
    expect(JSON.parse(text)).toMatchObject({ model: "small" });
    await ask(fake, chatRequest("y", { model: "large" }));
    expect(fake.events("config").map(({ value }) => value)).toEqual(["small"]);
  });

  test("an agent that went over to another by itself is told again which one a conversation has", async () => {
    const left = { sessionUpdate: "config_option_update", configOptions: [config] };
    const fake = fakeOf({
      plays: [{ steps: [{ update: left }, { say: "x" }] }],
      session: { configOptions: [config] },
    });
    const first = chatRequest("one", { model: "small" });
    await ask(fake, first);
    const answer = { role: "assistant", content: [{ type: "text", text: "x" }] } as const;
    const next = { role: "user", content: [{ type: "text", text: "two" }] } as const;
    await ask(fake, { ...first, messages: [...first.messages, answer, next] });
    expect(fake.events("config").map(({ value }) => value)).toEqual(["small", "small"]);
  });

  test("are read in the older form too, and chosen by its method", async () => {
    const models = {
      currentModelId: "b",
      availableModels: [
        { modelId: "a", name: "A" },
        { modelId: "b", name: "B" },
      ],
    };
    const fake = fakeOf({ plays, session: { models } });
    await fake.acp.start();
    expect(fake.acp.info.models.map(({ id }) => id)).toEqual(["b", "a"]);
    const { text } = await ask(fake, chatRequest("x", { model: "a" }));
    expect(JSON.parse(text)).toMatchObject({ model: "a" });
    expect(fake.events("model")).toMatchObject([{ modelId: "a" }]);
  });

  test("an agent that lists none has one by its program's name", async () => {
    const fake = fakeOf({ plays });
    await fake.acp.start();
    expect(fake.acp.info.models.map(({ id }) => id)).toEqual(["bun"]);
    expect(fake.acp.info.label).toBe("fake-acp");
    expect(
      JSON.parse((await ask(fake, chatRequest("x", { model: "any" }))).text).model,
    ).toBeUndefined();
  });
});

describe("what the agent may do", () => {
  const modes = {
    currentModeId: "build",
    availableModes: [
      { id: "build", name: "Build" },
      { id: "plan", name: "Plan" },
    ],
  };
  const plays = [{ steps: [{ state: true } as const] }];
  const modeWith = async (fake: FakeAcp, ...scopes: string[]) => {
    const { text } = await ask(fake, `with ${scopes.join()}`, { scopes });
    return (JSON.parse(text) as { mode?: string }).mode;
  };

  test("without more scopes it works in the mode that only looks", async () => {
    const fake = fakeOf({ plays, session: { modes } });
    expect(await modeWith(fake, "inference", "agent:read")).toBe("plan");
    expect(await modeWith(fake, "agent:read", "agent:write")).toBe("plan");
  });

  test("with write and exec its own mode is left alone", async () => {
    const fake = fakeOf({ plays, session: { modes } });
    expect(await modeWith(fake, "agent:read", "agent:write", "agent:exec")).toBeUndefined();
  });

  test("a mode among the config options is chosen there", async () => {
    const option = {
      id: "mode",
      name: "Mode",
      category: "mode",
      type: "select",
      currentValue: "agent",
      options: [
        { value: "agent", name: "Agent" },
        { value: "ask", name: "Ask" },
      ],
    };
    const fake = fakeOf({ plays, session: { configOptions: [option] } });
    expect(await modeWith(fake, "inference")).toBe("ask");
  });

  test("an agent that says that it works in another mode than it was told to is asked nothing", async () => {
    const option = {
      id: "mode",
      category: "mode",
      currentValue: "agent",
      options: [{ value: "agent" }, { value: "ask" }],
    };
    const fake = fakeOf({ plays, session: { configOptions: [option] }, keepsMode: option });
    expect((await failing(fake)).code).toBe("agent_error");
    expect(fake.events("prompt")).toEqual([]);
  });

  test("an agent that left its mode by itself is put back into it before the next turn", async () => {
    const option = {
      id: "mode",
      category: "mode",
      currentValue: "agent",
      options: [{ value: "agent" }, { value: "ask" }],
    };
    const left = { sessionUpdate: "config_option_update", configOptions: [option] };
    const fake = fakeOf({
      plays: [{ steps: [{ update: left }, { say: "x" }] }],
      session: { configOptions: [option] },
    });
    const first = chatRequest("one");
    await ask(fake, first);
    await ask(
      fake,
      chatRequest([
        ...first.messages,
        { role: "assistant", content: [{ type: "text", text: "x" }] },
        { role: "user", content: [{ type: "text", text: "two" }] },
      ]),
    );
    expect(fake.events("config")).toHaveLength(2);
  });

  test("an agent whose only mode asks nobody is asked nothing without write and exec", async () => {
    const yolo = { currentModeId: "yolo", availableModes: [{ id: "yolo", name: "YOLO" }] };
    const fake = fakeOf({ plays, session: { modes: yolo } });
    expect((await failing(fake)).message).toContain("agent:exec");
    expect(fake.events("prompt")).toEqual([]);
    expect(await modeWith(fake, "agent:write", "agent:exec")).toBeUndefined();
  });

  test("an agent that refuses the narrower mode is asked nothing", async () => {
    const fake = fakeOf({ plays, session: { modes }, refuseMode: true });
    expect((await failing(fake)).code).toBe("agent_error");
    expect(fake.events("prompt")).toEqual([]);
  });

  const asking = (kind: string, more: object = {}): FakeStep => ({
    ask: { toolCall: { toolCallId: "t", title: "rm -rf /", kind, ...more } },
  });

  test.each([
    ["read", "agent:read"],
    ["search", "agent:read"],
    ["edit", "agent:write"],
    ["delete", "agent:write"],
    ["move", "agent:write"],
    ["switch_mode", "agent:write"],
    ["execute", "agent:exec"],
    ["fetch", "agent:exec"],
    ["other", "agent:exec"],
  ])("%s needs the scope %s, by the kind of the option and once", async (kind, scope) => {
    const fake = doing(asking(kind));
    const all = ["inference", "agent:read", "agent:write", "agent:exec"];
    const without = await ask(fake, "x", { scopes: all.filter((each) => each !== scope) });
    expect(without.text).toBe("id-b");
    expect(without.reasoning).toBe(`[refused] rm -rf / (needs the scope ${scope})\n`);
    const granted = await ask(fake, "y", { scopes: ["inference", scope] });
    expect([granted.text, granted.reasoning]).toEqual(["id-a", ""]);
  });

  test.each(["cancelled", "end_turn"])(
    "an agent that ends its turn (%s) at a refusal has failed, with the scope that it needs",
    async (stop) => {
      const toolCall = { toolCallId: "t", title: "Edit", kind: "edit" };
      const fake = doing({ ask: { toolCall }, silent: true }, { stop });
      const error = await failing(fake);
      expect([error.code, error.message]).toEqual([
        "agent_error",
        expect.stringContaining("agent:write"),
      ]);
      const talking = doing({ ask: { toolCall }, silent: true }, { say: "I may not." });
      expect((await ask(talking, "x", { scopes: ["inference"] })).text).toBe("I may not.");
    },
  );

  test("a permission that could only be given for good is not given", async () => {
    const options = [{ optionId: "always", name: "Always", kind: "allow_always" }];
    const fake = doing({ ask: { toolCall: { toolCallId: "t", kind: "read" }, options } });
    expect((await ask(fake, "x", { scopes: ["agent:read"] })).text).toBe("cancelled");
  });

  test("an option of a kind that is new to us is no reason not to answer", async () => {
    const options = [
      { optionId: "session", name: "For the session", kind: "allow_session" },
      { optionId: "once", name: "Once", kind: "allow_once" },
    ];
    const fake = doing({ ask: { toolCall: { toolCallId: "t", kind: "read" }, options } });
    expect((await ask(fake, "x", { scopes: ["agent:read"] })).text).toBe("once");
  });

  test("the kind may have come with an earlier update", async () => {
    const update = { sessionUpdate: "tool_call", toolCallId: "t", title: "Run", kind: "execute" };
    const fake = doing({ update }, { ask: { toolCall: { toolCallId: "t" } } });
    expect((await ask(fake, "x", { scopes: ["agent:read"] })).text).toBe("id-b");
  });

  test("a call with the id of one before it is judged by itself", async () => {
    const read = { toolCallId: "call_0", title: "Read", kind: "read" };
    const fake = doing(
      { update: { sessionUpdate: "tool_call", ...read } },
      { update: { sessionUpdate: "tool_call", toolCallId: "call_0", title: "other_run" } },
      { ask: { toolCall: { toolCallId: "call_0" } } },
    );
    expect((await ask(fake, "x", { scopes: ["agent:read"] })).text).toBe("id-b");
  });

  test("a call that turns out to be of no known kind is no longer what it was at first", async () => {
    const update = { sessionUpdate: "tool_call", toolCallId: "t", title: "Read", kind: "read" };
    const fake = doing({ update }, { ask: { toolCall: { toolCallId: "t", kind: "other" } } });
    expect((await ask(fake, "x", { scopes: ["agent:read"] })).text).toBe("id-b");
  });

  test("only tools of a server that the turn brought are always allowed, and never shown as its own", async () => {
    const call = { toolCallId: "t", title: "mcp__editor__read_file", kind: "other" };
    const update = { sessionUpdate: "tool_call", ...call };
    const fake = doing({ update }, { ask: { toolCall: call } });
    const turn = turnOf(chatRequest("x"), { scopes: ["inference"] });
    const signal = new AbortController().signal;
    const servers = [{ ...EDITOR, headers: { a: "b" } }];
    const own = await collectTurn(fake.acp.runner.run(turn, signal, servers));
    expect([own.text, own.reasoning]).toEqual(["id-a", ""]);
    expect(fake.events("new").at(-1)).toMatchObject({
      params: {
        mcpServers: [
          {
            type: "http",
            name: "editor",
            url: "http://127.0.0.1:1/x",
            headers: [{ name: "a", value: "b" }],
          },
        ],
      },
    });
    expect((await ask(fake, "y", { scopes: ["inference"] })).text).toBe("id-b");
  });

  test.each([
    ["other", "read_file", "id-a"],
    ["execute", "read_file", "id-b"],
    ["other", "write_file", "id-b"],
    ["other", "", "id-b"],
  ])(
    "one that was announced with its server's name and is asked for as %s %j is answered with %s",
    async (kind, title, answer) => {
      const announced = { toolCallId: "t", title: "editor-read_file", kind: "edit" };
      const fake = doing(
        { update: { sessionUpdate: "tool_call", ...announced } },
        { ask: { toolCall: { toolCallId: "t", title, kind } } },
      );
      const turn = turnOf(chatRequest("x"), { scopes: ["inference"] });
      const servers = [EDITOR];
      const { signal } = new AbortController();
      expect((await collectTurn(fake.acp.runner.run(turn, signal, servers))).text).toBe(answer);
    },
  );
});

describe("a call that begins as one of the editor's tools and is asked for by another title", () => {
  const answer = async (begun: object, asked: object) => {
    const fake = doing(
      { update: { sessionUpdate: "tool_call", toolCallId: "t", ...begun } },
      { ask: { toolCall: { toolCallId: "t", ...asked } } },
    );
    const turn = turnOf(chatRequest("x"), { scopes: ["inference"] });
    const url = "http://127.0.0.1:1/x";
    const servers = [{ name: "editor", tools: ["read_file"], url, headers: {} }];
    const { signal } = new AbortController();
    return (await collectTurn(fake.acp.runner.run(turn, signal, servers))).text;
  };
  const begun = { title: "Tool: editor/read_file" };
  const asked = { title: "Approve MCP tool call", rawInput: { server_name: "editor" } };

  test("is that tool, as long as no other kind is asked for", async () => {
    expect(await answer(begun, asked)).toBe("id-a");
    expect(await answer(begun, { ...asked, kind: "other" })).toBe("id-b");
    expect(await answer(begun, { ...asked, kind: "execute" })).toBe("id-b");
  });

  test("is not when it began as anything else", async () => {
    expect(await answer({ title: "Tool: other/read_file" }, asked)).toBe("id-b");
    expect(await answer({ ...begun, kind: "execute" }, asked)).toBe("id-b");
  });
});

describe("requests beside the protocol", () => {
  test.each([
    ["cursor/ask_question", /"outcome":"skipped"/],
    ["cursor/create_plan", /"outcome":"cancelled"/],
    ["session/update", /^\{\}$/],
    ["somebody/else", /^error -32601$/],
    ["fs/read_text_file", /^error -32601$/],
    ["terminal/create", /^error -32601$/],
  ])("%s is answered", async (vendor, answer) => {
    expect((await ask(doing({ vendor, params: { sessionId: "s" } }))).text).toMatch(answer);
  });

  test("a connector has answers of its own", async () => {
    const fake = fakeOf(
      { plays: [{ steps: [{ vendor: "own/thing", params: { n: 1 } }] }] },
      { vendorAnswers: { "own/thing": (params) => ({ got: params }) } },
    );
    expect((await ask(fake)).text).toBe('{"got":{"n":1}}');
  });
});

describe("conversations", () => {
  const plays = [{ steps: [{ state: true }, { echo: true }] as const }];
  const said = (text: string) => [{ type: "text" as const, text }];

  /** What the agent says of its session, and the prompt it got. */
  function parse(text: string) {
    const end = text.indexOf("}[") + 1;
    return {
      state: JSON.parse(text.slice(0, end)) as { sessionId: string; prompts: number },
      prompt: (JSON.parse(text.slice(end)) as { text: string }[])
        .map((block) => block.text)
        .join(""),
    };
  }

  test("go on in the session that knows them, with the new message alone", async () => {
    const seen: boolean[] = [];
    const fake = fakeOf({ plays }, { onSession: ({ hit }) => seen.push(hit) });
    const first = chatRequest([
      { role: "system", content: said("Be brief.") },
      { role: "user", content: said("one") },
    ]);
    const one = await ask(fake, first);
    const second = chatRequest([
      ...first.messages,
      { role: "assistant", content: said(`${one.text}\n`), reasoning: "dropped by editors" },
      { role: "user", content: said("two") },
    ]);
    const two = await ask(fake, second);
    expect(parse(two.text)).toEqual({
      state: { ...parse(one.text).state, prompts: 2 },
      prompt: "two",
    });
    const third = chatRequest([
      ...second.messages,
      { role: "assistant", content: said(two.text) },
      { role: "user", content: said("three") },
    ]);
    expect(parse((await ask(fake, third)).text).state.prompts).toBe(3);
    expect(seen).toEqual([false, true, true]);
  });

  test("that were changed, forked, or belong to another session or client start anew with the history", async () => {
    const fake = fakeOf({ plays });
    const one = await ask(fake, "one");
    const going = (answer: string) =>
      chatRequest([
        { role: "user", content: said("one") },
        { role: "assistant", content: said(answer) },
        { role: "user", content: said("two") },
      ]);
    const changed = parse((await ask(fake, going("something else"))).text);
    expect(changed.state.prompts).toBe(1);
    expect(changed.prompt).toContain("something else");
    const foreign = parse((await ask(fake, going(one.text), { sessionId: "session_2" })).text);
    expect(foreign.state.prompts).toBe(1);
    const others = parse((await ask(fake, going(one.text), { owner: "key_2" })).text);
    expect(others.state.prompts).toBe(1);
    expect(parse((await ask(fake, going(one.text))).text).state.prompts).toBe(2);
    expect(parse((await ask(fake, going(one.text))).text).state.prompts).toBe(1);
  });

  test("turns at once are in sessions of their own, in one process", async () => {
    const fake = fakeOf({ plays });
    const texts = await Promise.all(
      ["a", "b", "c"].map(async (word) => (await ask(fake, word)).text),
    );
    expect(new Set(texts.map((text) => parse(text).state.sessionId)).size).toBe(3);
    expect(fake.events("started")).toHaveLength(1);
  });

  test.each([
    ["resume", { sessionCapabilities: { resume: {} } }],
    ["load", { loadSession: true, sessionCapabilities: {} }],
  ])("outlive the process of an agent that can %s them", async (method, capabilities) => {
    const fake = fakeOf({
      plays: [{ when: "die", steps: [{ crash: 1 }] }, ...plays],
      capabilities,
    });
    const one = await ask(fake, "one");
    expect((await failing(fake, chatRequest("die"))).code).toBe("agent_lost");
    const again = chatRequest([
      { role: "user", content: said("one") },
      { role: "assistant", content: said(one.text) },
      { role: "user", content: said("two") },
    ]);
    const two = parse((await ask(fake, again)).text);
    expect(two).toEqual({ state: { ...parse(one.text).state, prompts: 1 }, prompt: "two" });
    expect(fake.events(method)).toHaveLength(1);
    expect(fake.events("started")).toHaveLength(2);
  });
});

describe("the process", () => {
  const hello: FakeScript = { plays: [{ steps: [{ say: "hello" }] }] };

  test("does not see what is ours", async () => {
    const secret = `mlp_${"s".repeat(43)}`;
    const env = {
      PATH: process.env["PATH"],
      HOME: "/tmp",
      MLP_API_KEY: "k",
      MLP_HOME: "/x",
      LOCAL_PROVIDER_CONFIG: "c",
      OPENAI_API_KEY: "theirs",
      COPY_OF_OURS: secret,
    };
    const fake = fakeOf({ plays: [{ steps: [{ variables: "." }] }] }, { env });
    const names = JSON.parse((await ask(fake)).text) as string[];
    expect(names).toEqual(expect.arrayContaining(["HOME", "OPENAI_API_KEY", "PATH"]));
    expect(names.filter((name) => /MLP|LOCAL_PROVIDER|COPY/.test(name))).toEqual([]);
  });

  test("works in a folder for it alone, which is gone afterwards", async () => {
    const fake = doing({ folder: true });
    const { text } = await ask(fake);
    expect(statSync(text).mode & 0o777).toBe(0o700);
    await fake.acp.close();
    expect(existsSync(text)).toBe(false);
  });

  test("is started again after it died, and rests when it keeps dying", async () => {
    const clock = createFakeClock();
    const fake = fakeOf(
      { plays: [{ when: "die", steps: [{ crash: 7 }] }, { steps: [{ say: "up" }] }] },
      { clock },
    );
    const { message } = await failing(fake, chatRequest("die"));
    expect(message).toBe("bun ended with exit code 7.");
    expect((await ask(fake)).text).toBe("up");
    await failing(fake, chatRequest("die"));
    await failing(fake, chatRequest("die"));
    const resting = await failing(fake, chatRequest("x"));
    expect(resting.code).toBe("agent_lost");
    expect(resting.message).toContain("has ended 2 times and is started again in 1 s");
    clock.advance(1_000);
    expect((await ask(fake)).text).toBe("up");
  });

  test("ends when nobody has asked for a while, and starts with the next turn", async () => {
    const clock = createFakeClock();
    const fake = fakeOf(hello, { clock, limits: { idleMs: 5_000 } });
    await ask(fake);
    const { pid } = await fake.until("started");
    clock.advance(5_000);
    await untilGone([pid]);
    expect((await ask(fake, "again")).text).toBe("hello");
    expect(fake.events("started")).toHaveLength(2);
  });

  test("an agent that does not hear a cancel is ended, and the next turn has a new one", async () => {
    const fake = fakeOf(
      {
        stubborn: true,
        plays: [
          { when: "deaf", steps: [{ say: "x" }, { deaf: true }] },
          { steps: [{ say: "new" }] },
        ],
      },
      { limits: { cancelMs: 20 } },
    );
    const abort = new AbortController();
    const events = fake.acp.run(turnOf(chatRequest("deaf")), abort.signal)[Symbol.asyncIterator]();
    await events.next();
    const next = rejectionOf(Promise.resolve(events.next()));
    abort.abort();
    expect(((await next) as AppError).code).toBe("client_cancelled");
    expect((await ask(fake)).text).toBe("new");
    await untilGone([(await fake.until("started")).pid]);
  });

  test("hears of a cancel at once, and is granted nothing more, even while nobody reads its turn", async () => {
    const fake = doing({ say: "x" }, { hang: true, asks: { toolCallId: "t", kind: "read" } });
    const abort = new AbortController();
    const turn = turnOf(chatRequest("hello"), { scopes: ["agent:read"] });
    const events = fake.acp.run(turn, abort.signal)[Symbol.asyncIterator]();
    await events.next();
    abort.abort();
    await fake.until("cancel");
    const { outcome } = await fake.until("permission");
    expect(outcome).toEqual({ outcome: "cancelled" });
    await rejectionOf(Promise.resolve(events.next()));
  });

  test("one that is deaf in a turn goes on with its other turns, and ends with the last of them", async () => {
    const fake = fakeOf(
      {
        plays: [
          { when: "deaf", steps: [{ say: "x" }, { deaf: true }] },
          { when: "hold", steps: [{ say: "y" }, { hang: true }] },
          { steps: [{ say: "new" }] },
        ],
      },
      { limits: { cancelMs: 20 } },
    );
    const begin = async (word: string) => {
      const abort = new AbortController();
      const events = fake.acp.run(turnOf(chatRequest(word)), abort.signal)[Symbol.asyncIterator]();
      await events.next();
      const end = rejectionOf(Promise.resolve(events.next()));
      return { stop: () => (abort.abort(), end) };
    };
    const [deaf, other] = [await begin("deaf"), await begin("hold")];
    const { pid } = await fake.until("started");
    await deaf.stop();
    expect((await ask(fake)).text).toBe("new");
    expect([isAlive(pid), fake.events("started").length]).toEqual([true, 2]);
    await other.stop();
    await untilGone([pid]);
  });

  test("takes what it started with it, even what ignores the signal", async () => {
    const fake = fakeOf({ ...hello, grandchild: true });
    await ask(fake);
    const { grandchild, pid } = await fake.until("grandchild");
    await fake.acp.close();
    await untilGone([pid, Number(grandchild)]);
    expect((await failing(fake)).message).toContain("is being stopped");
  });

  test("what an agent writes to its error output is logged without secrets, and not quoted once it had a prompt", async () => {
    const secret = `mlp_${"s".repeat(43)}`;
    const fake = doing({ stderr: `token ${secret} in a prompt` }, { crash: 5 });
    const { message } = await failing(fake);
    expect(message).toBe("bun ended with exit code 5.");
    const lines = JSON.stringify(fake.log.lines);
    expect(lines).toContain("token mlp_*** in a prompt");
    expect(lines).not.toContain(secret);
  });

  test("an answer has the nonce that only the agent knew", async () => {
    const known = nonce();
    expect((await ask(doing({ say: known }))).text).toBe(known);
  });
});

test("embeddings are refused before anything is started", async () => {
  const fake = fakeOf({});
  const request = {
    kind: "embedding",
    model: "bun",
    stream: false,
    input: ["x"],
    parameters: {},
  } as const;
  expect((await failing(fake, request)).code).toBe("unsupported");
  expect(fake.events()).toEqual([]);
});
