// What is peculiar to Cursor's program, played by a stand-in: how it is found out, asked, granted and complained about.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, describe, expect, test } from "bun:test";

import type { CursorOptions } from "../../../src/agents/cursor/cursor.ts";
import { AppError } from "../../../src/core/error.ts";
import type { Message, Turn } from "../../../src/core/turn.ts";
import { collectTurn } from "../../contract/collect-turn.ts";
import type { CursorScript, CursorStep } from "../../support/fake-cursor-agent.ts";
import { openCursor } from "./harness.ts";
import type { RunningCursor } from "./harness.ts";
import { chatRequest, failureOf, rejectionOf, runTurn, text, turnOf, user } from "../support.ts";

const PRINT = { hasAcp: false } as const;
const open: RunningCursor[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

async function start(
  steps: readonly CursorStep[],
  script: Partial<CursorScript> = {},
  options: Partial<CursorOptions> = {},
): Promise<RunningCursor> {
  const running = openCursor({ plays: [{ steps }], ...script }, options);
  open.push(running);
  await running.agent.start();
  return running;
}

async function ask(
  { agent }: RunningCursor,
  messages: string | readonly Message[],
  more: Partial<Turn> = {},
) {
  return await collectTurn(runTurn(agent, chatRequest(messages, { model: "cursor-agent" }), more));
}

async function failure({ agent }: RunningCursor, model = "cursor-agent"): Promise<AppError> {
  return (await failureOf(runTurn(agent, chatRequest("hi", { model })))).error;
}

/** The arguments of the last turn's process. */
function argsOf({ fake }: RunningCursor): readonly string[] {
  return (
    fake.events.findLast(({ event, args }) => event === "started" && args?.[0] === "-p")?.args ?? []
  );
}

const prompts = ({ fake }: RunningCursor) =>
  fake.events.filter(({ event }) => event === "prompt").map(({ prompt }) => prompt);

const GRANTED = ["inference", "tools", "agent:read", "agent:write", "agent:exec"];

describe("the way it is driven", () => {
  test("is ACP where the build has it, with the models of its session", async () => {
    const { agent } = await start([]);
    expect(agent.way).toBe("acp");
    expect(agent.info.models.map(({ id }) => id)).toEqual(["auto", "gpt-5.2"]);
    expect(agent.info.models[0]?.capabilities).toEqual([
      "completion",
      "thinking",
      "tools",
      "vision",
    ]);
  });

  test("is print mode where the build is older, with the models of its list", async () => {
    const { agent, log } = await start([], PRINT);
    expect(agent.way).toBe("print");
    expect(agent.info.models.map(({ id }) => id)).toEqual(["auto", "gpt-5.2", "composer-1"]);
    expect(agent.info.models[0]?.capabilities).not.toContain("vision");
    expect(log.lines.map(({ message }) => message)).toContain(
      "cursor-agent is not driven over ACP; its print mode is used",
    );
  });

  test("is print mode where ACP has no mode that only looks", async () => {
    const running = await start([{ say: "ok" }], { modes: ["agent"] });
    expect(running.agent.way).toBe("print");
    await ask(running, "hi");
    expect(argsOf(running).join(" ")).toContain("--mode ask");
  });

  test("stays open where the build has ACP and its network fails", async () => {
    const plays = [{ steps: [{ say: "Hello." }] }];
    const running = openCursor({ plays, isOffline: true });
    open.push(running);
    expect(await rejectionOf(running.agent.start())).toMatchObject({ code: "agent_error" });
    expect(running.agent.way).toBeUndefined();
    running.fake.play({ plays });
    expect((await ask(running, "hi")).text).toBe("Hello.");
    expect(running.agent.way).toBe("acp");
  });

  test("offers one model alone when that was asked for", async () => {
    for (const script of [{}, PRINT]) {
      const { agent } = await start([], script, { model: "gpt-5.2" });
      expect(agent.info.models.map(({ id }) => id)).toEqual(["gpt-5.2"]);
    }
  });
});

describe("a program that is not logged in", () => {
  test.each([
    ["acp", {}],
    ["print", PRINT],
  ] as const)("is a clear instruction in %s mode, and answers once it is", async (_, script) => {
    const plays = [{ steps: [{ say: "Hello." }] }];
    const running = openCursor({ ...script, plays, isLoggedIn: false }, { startMs: 1_000 });
    open.push(running);
    const error = await rejectionOf(running.agent.start());
    expect(error).toMatchObject({ code: "agent_error" });
    expect(String(error)).toContain("Run `cursor-agent login`");
    expect(running.agent.info.models.map(({ id }) => id)).toEqual(["auto"]);
    expect((await failure(running)).message).toContain("Run `cursor-agent login`");
    running.fake.play({ ...script, plays });
    running.clock.pass(120_000);
    expect((await ask(running, "hi")).text).toBe("Hello.");
    expect(running.agent.info.models.length).toBeGreaterThan(1);
  });
});

describe("what it may do", () => {
  test("in ACP mode is to ask, until both writing and running were granted", async () => {
    const running = await start([{ permission: "Edit a.ts" }]);
    const careful = await ask(running, "hi", {
      scopes: ["inference", "agent:read", "agent:write"],
    });
    expect(
      running.fake.events.filter(({ event }) => event === "mode").map(({ mode }) => mode),
    ).toEqual(["ask"]);
    expect(careful.text).toBe("allow-once");
    const reading = await ask(running, "hi", { scopes: ["inference", "agent:read"] });
    expect(reading.text).toBe("reject-once");
    const free = await ask(running, "hi", { scopes: GRANTED });
    expect(free.text).toBe("allow-once");
  });

  test("in print mode is to ask, until both writing and running were granted", async () => {
    const running = await start([{ say: "ok" }], PRINT);
    await ask(running, "hi", { scopes: ["inference", "agent:write"] });
    expect(argsOf(running).join(" ")).toContain("--mode ask --trust");
    expect(argsOf(running)).not.toContain("--force");
    await ask(running, "hi", { scopes: GRANTED });
    expect(argsOf(running)).toContain("--force");
  });
});

test.each([
  ["cursor/ask_question", { outcome: { outcome: "skipped" } }],
  ["cursor/create_plan", { outcome: { outcome: "cancelled" } }],
  ["cursor/update_todos", {}],
  ["cursor/task", {}],
  ["cursor/generate_image", {}],
])("its request %s is answered", async (method, expected) => {
  const running = await start([{ ask: method, params: {} }]);
  expect(JSON.parse((await ask(running, "hi")).text)).toMatchObject(expected);
});

test("a request of its own that nobody knows is refused, not left waiting", async () => {
  const running = await start([{ ask: "cursor/new_idea", params: {} }]);
  expect((await failure(running)).code).toBe("agent_error");
});

describe("print mode", () => {
  test("says each text once, and notes its own tools as reasoning", async () => {
    const steps = [
      { think: "Hm." },
      { say: "Let me " },
      { say: "look. " },
      { tool: "read", args: { path: "src/a.ts" } },
      { say: "It is fine." },
    ];
    const { text, reasoning, toolCalls } = await ask(await start(steps, PRINT), "hi");
    expect(text).toBe("Let me look. It is fine.");
    expect(reasoning).toBe("Hm.\n[read src/a.ts]\n");
    expect(toolCalls).toEqual([]);
  });

  test("gets its prompt where no other user sees it, and nothing of ours in its environment", async () => {
    const env = {
      PATH: process.env["PATH"],
      CURSOR_API_KEY: "the-user's-own",
      MLP_API_KEY: "a-client-key-of-ours",
      LOCAL_PROVIDER_CONFIG: "/x",
    };
    const running = await start([{ say: "ok" }], PRINT, { env });
    await ask(running, "a secret prompt");
    expect(prompts(running)).toEqual(["a secret prompt"]);
    const started = running.fake.events.filter(({ event }) => event === "started");
    expect(JSON.stringify(started)).not.toContain("secret prompt");
    const names = started.at(-1)?.["env"];
    expect(names).toContain("CURSOR_API_KEY");
    expect(names).toContain("NO_OPEN_BROWSER");
    expect(names).not.toContain("MLP_API_KEY");
    expect(names).not.toContain("LOCAL_PROVIDER_CONFIG");
  });

  test("goes on with a conversation, sending only what is new", async () => {
    const hits: boolean[] = [];
    const onSession = ({ hit }: { readonly hit: boolean }): void => void hits.push(hit);
    const running = await start([{ say: "Yes." }], PRINT, { onSession });
    await ask(running, "First?");
    const answer: Message = { role: "assistant", content: text("Yes.") };
    const messages = [user("First?"), answer, user("Second?")];
    await ask(running, messages);
    expect(prompts(running)).toEqual(["First?", "Second?"]);
    expect(hits).toEqual([false, true]);
    const args = argsOf(running);
    expect(args[args.indexOf("--resume") + 1]).toMatch(/^[\w-]{36}$/);
    await ask(running, messages, { owner: "another key" });
    expect(argsOf(running)).not.toContain("--resume");
    await ask(running, messages, { sessionId: "another" });
    expect(argsOf(running)).not.toContain("--resume");
    expect(prompts(running).at(-1)).toContain("First?");
  });

  test("asks for the model that the client named, and for the automatic choice otherwise", async () => {
    const running = await start([{ say: "ok" }], PRINT);
    const modelOf = () => argsOf(running)[argsOf(running).indexOf("--model") + 1];
    await collectTurn(runTurn(running.agent, chatRequest("hi", { model: "GPT-5.2" })));
    expect(modelOf()).toBe("gpt-5.2");
    await ask(running, "hi");
    expect(modelOf()).toBe("auto");
  });

  test("takes no images, and says so before anything is started", async () => {
    const running = await start([{ say: "ok" }], PRINT);
    const image = { type: "image", mediaType: "image/png", data: "AAAA" } as const;
    const asked = chatRequest([{ role: "user", content: [image] }]);
    expect((await failureOf(runTurn(running.agent, asked))).error.code).toBe("unsupported");
    expect(argsOf(running)).toEqual([]);
  });

  test("goes on with a text, and is refused an embedding", async () => {
    const running = await start([{ say: "lazy dog." }], PRINT);
    const common = { model: "auto", parameters: {} } as const;
    const completion = {
      ...common,
      kind: "completion",
      stream: true,
      prompt: "The fox and the ",
    } as const;
    expect((await collectTurn(runTurn(running.agent, completion))).text).toBe("lazy dog.");
    expect(prompts(running)).toEqual(["The fox and the "]);
    const embedding = { ...common, kind: "embedding", stream: false, input: ["a"] } as const;
    const { error } = await failureOf(runTurn(running.agent, embedding));
    expect(error.code).toBe("unsupported");
  });

  test("fails with what a bare line of text means, after what was said", async () => {
    const line =
      "Named models unavailable Free plans can only use Auto. Switch to Auto or upgrade.";
    const running = await start([{ say: "So " }, { line }, { exit: 1 }], PRINT);
    const { error, events } = await failureOf(runTurn(running.agent, chatRequest("hi")));
    expect(events).toEqual([{ type: "text-delta", text: "So " }]);
    expect(error.code).toBe("model_not_found");
  });

  test.each([
    [
      "its error output",
      [{ complain: "Error: usage limit reached for x@y.z" }, { exit: 1 }],
      "limit",
    ],
    ["an exit without a word", [{ exit: 7 }], "exit code 7"],
    ["an end without a result", [{ say: "half" }, { exit: 0 }], "before it had finished"],
    ["an error result", [{ fail: "Cannot use this model: x" }], "does not know this model"],
  ] as const)("fails for %s", async (_, steps, words) => {
    const error = await failure(await start(steps, PRINT));
    expect(error.message).toContain(words);
    expect(error.message).not.toContain("x@y.z");
  });
});

describe("the editor's tools", () => {
  const tools = [{ name: "read_file", parameters: { type: "object" as const } }];
  const envelope = `{"tool_calls":[{"name":"read_file","arguments":{"path":"a.ts"}}]}`;

  test.each([
    ["acp", {}],
    ["print", PRINT],
  ] as const)("are called and their results heard, in %s mode", async (_, script) => {
    const running = openCursor({
      ...script,
      plays: [
        {
          when: "Read a.ts.",
          steps: [{ think: "A tool." }, { say: envelope.slice(0, 9) }, { say: envelope.slice(9) }],
        },
        { when: "the nonce 4711", steps: [{ say: "It says 4711." }] },
      ],
    });
    open.push(running);
    await running.agent.start();
    const request = chatRequest("Read a.ts.", { tools });
    const called = await collectTurn(runTurn(running.agent, request));
    expect(called.finish.reason).toBe("tool_calls");
    expect(called.text).toBe("");
    expect(called.toolCalls).toMatchObject([{ name: "read_file", arguments: '{"path":"a.ts"}' }]);
    const { id = "" } = called.toolCalls[0] ?? {};
    const messages: readonly Message[] = [
      ...request.messages,
      { role: "assistant", content: [], toolCalls: called.toolCalls },
      { role: "tool", toolCallId: id, content: text("the nonce 4711") },
    ];
    const answer = await collectTurn(runTurn(running.agent, chatRequest(messages, { tools })));
    expect(answer.text).toBe("It says 4711.");
  });

  test("bring no MCP server into its session", async () => {
    const running = await start([{ say: "No tool needed." }]);
    await collectTurn(runTurn(running.agent, chatRequest("hi", { tools })));
    const sessions = running.fake.events.filter(({ event }) => event === "session");
    expect(sessions.map(({ servers }) => servers)).toEqual(sessions.map(() => 0));
  });
});

test("a cancel ends its process at once, even while nobody reads the turn", async () => {
  const running = openCursor({ ...PRINT, plays: [{ steps: [{ say: "a" }, { hang: true }] }] });
  const abort = new AbortController();
  const asked = turnOf(chatRequest("hi"));
  const turn = running.agent.run(asked, abort.signal)[Symbol.asyncIterator]();
  await turn.next();
  abort.abort();
  await running.fake.quiet();
  expect(await rejectionOf(Promise.resolve(turn.next()))).toMatchObject({
    code: "client_cancelled",
  });
  await running.close();
});

test("closing ends what runs", async () => {
  const running = openCursor({ ...PRINT, plays: [{ steps: [{ say: "a" }, { hang: true }] }] });
  const turn = runTurn(running.agent, chatRequest("hi"))[Symbol.asyncIterator]();
  await turn.next();
  const next = turn.next().catch((error: unknown) => error);
  await running.close();
  expect(await next).toBeInstanceOf(AppError);
});

describe("a process that it left behind", () => {
  const folder = mkdtempSync(join(tmpdir(), "mlp-parting-"));
  const program = join(folder, "cursor-agent");
  writeFileSync(
    program,
    `#!/bin/sh\nexec ${process.execPath} ${join(import.meta.dir, "parting-child.ts")} "$@"\n`,
  );
  chmodSync(program, 0o700);
  afterEach(() => rmSync(folder, { recursive: true }));

  test("and that holds its pipes open keeps no turn waiting", async () => {
    const running = openCursor({ plays: [] }, { program });
    open.push(running);
    expect((await failure(running)).message).toContain("failed with exit code 3");
    const said = JSON.stringify(running.log.lines);
    process.kill(-Number(/left (\d+)/.exec(said)?.[1]), "SIGKILL");
  });
});
