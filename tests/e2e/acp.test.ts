// The compiled binary with an agent that speaks ACP, in process and as a runner: the official client is answered with what
// only the agent knows, its tools are called, cancelling reaches the agent, and nothing of it outlives us.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

import type { FakeScript } from "../support/fake-acp-agent.ts";
import { createSuite, eventually, isAlive } from "../support/mlp.ts";
import type { Mlp, StartOptions } from "../support/mlp.ts";
import { TOOL, approve, untilServed } from "../support/topologies.ts";

const suite = createSuite();
afterAll(() => suite.close());

const FAKE = join(import.meta.dir, "../support/fake-acp-agent.ts");
const FREE = ["--port", "0", "--bridge-port", "0", "--log-level", "debug"] as const;
const NONCE = `nonce-${crypto.randomUUID()}`;
const SECRET = `mlp_${"z".repeat(43)}`;

const SCRIPT: FakeScript = {
  grandchild: true,
  stubborn: true,
  session: {
    models: {
      currentModelId: "fake-large",
      availableModels: [
        { modelId: "fake-large", name: "Fake large" },
        { modelId: "fake-small", name: "Fake small" },
      ],
    },
  },
  plays: [
    {
      when: "nonce",
      steps: [{ think: "I know." }, { say: NONCE.slice(0, 9) }, { say: NONCE.slice(9) }],
    },
    { when: "hold", steps: [{ say: "first words " }, { hang: true }] },
    {
      when: "weather",
      steps: [{ tool: "get_weather", arguments: { city: "Oslo" } }, { say: ` ${NONCE}` }],
    },
    {
      when: "screenshot",
      steps: [{ tool: "take_screenshot", arguments: {} }, { say: ` ${NONCE}` }],
    },
    { when: "variables", steps: [{ variables: "MLP|OURS" }, { say: "." }] },
    {
      when: "write",
      steps: [{ ask: { toolCall: { toolCallId: "w", title: "Write", kind: "edit" } } }],
    },
    { when: "state", steps: [{ state: true }] },
  ],
};

function options(
  more: Readonly<Record<string, string>> = {},
): StartOptions & { readonly home: string } {
  const script = join(suite.folder("script"), "script.json");
  writeFileSync(script, JSON.stringify(SCRIPT));
  return { home: suite.folder("home"), env: { FAKE_ACP_SCRIPT: script, OURS: SECRET, ...more } };
}

function clientOf(server: Mlp): OpenAI {
  const { apiKey } = server.secrets;
  return new OpenAI({ baseURL: `${server.api}/v1`, apiKey, maxRetries: 0 });
}

const asking = (content: string, model = "fake-large") => ({
  model,
  messages: [{ role: "user" as const, content }],
});

async function answer(client: OpenAI, content: string, model?: string): Promise<string> {
  const { choices } = await client.chat.completions.create(asking(content, model));
  return choices[0]?.message.content ?? "";
}

/** The fake's own lines in the log of the process that runs it. */
async function told(
  runner: Mlp,
  event: string,
  since = 0,
): Promise<{ pid: number; grandchild?: number }> {
  const line = await runner.log.until(
    (line) => String(line["line"]).startsWith(`@fake {"event":"${event}"`),
    { what: `the agent's ${event}`, since },
  );
  return JSON.parse(String(line["line"]).slice("@fake ".length)) as { pid: number };
}

async function pidsOf(runner: Mlp): Promise<readonly number[]> {
  const { pid, grandchild } = await told(runner, "grandchild");
  return [pid, grandchild ?? 0];
}

async function untilGone(pids: readonly number[]): Promise<void> {
  await eventually(`the end of ${pids.join(", ")}`, async () =>
    pids.some(isAlive) ? undefined : true,
  );
}

describe.each(["in process", "as a runner"])("an ACP agent %s", (where) => {
  let provider: Mlp;
  let runner: Mlp;
  let client: OpenAI;
  const given = options();

  beforeAll(async () => {
    if (where === "in process") {
      const spec = `acp:"${process.execPath}" '${FAKE}'`;
      provider = await suite.start(["up", ...FREE, "--agent", spec], given);
      runner = provider;
    } else {
      provider = await suite.start(["up", ...FREE, "--agent", "none"]);
      const flags = ["--bridge", provider.bridge, "--agent-id", "fake", "--log-level", "debug"];
      runner = await suite.start(["agent", "acp", ...flags, "--", process.execPath, FAKE], given);
      await approve(suite, { holder: provider, agent: runner, agentId: "fake" });
      await untilServed(provider, "fake-large");
    }
    client = clientOf(provider);
  });

  test("answers the official client, streamed and whole, with what only it knows", async () => {
    expect(await answer(client, "the nonce, please")).toBe(NONCE);
    const stream = await client.chat.completions.create({ ...asking("nonce"), stream: true });
    const pieces: string[] = [];
    for await (const { choices } of stream) pieces.push(choices[0]?.delta.content ?? "");
    expect(pieces.join("")).toBe(NONCE);
    expect(pieces.filter((piece) => piece !== "").length).toBeGreaterThan(1);
  });

  test("its models are listed, and chosen", async () => {
    const ids = (await client.models.list()).data.map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(["fake-large", "fake-small", "cursor-agent"]));
    expect(JSON.parse(await answer(client, "state", "fake-small"))).toMatchObject({
      model: "fake-small",
    });
  });

  test("the editor's tool is called, and its result goes on with the same turn", async () => {
    const tools = [{ type: "function" as const, function: TOOL }];
    const messages = asking("the weather").messages;
    const first = await client.chat.completions.create({ ...asking("the weather"), tools });
    const [choice] = first.choices;
    expect(choice?.finish_reason).toBe("tool_calls");
    const call = choice?.message.tool_calls?.[0];
    if (choice === undefined || call?.type !== "function") throw new Error("no call of a function");
    expect([call.function.name, JSON.parse(call.function.arguments)]).toEqual([
      "get_weather",
      { city: "Oslo" },
    ]);
    const result = { role: "tool" as const, tool_call_id: call.id, content: "rain, 7 degrees" };
    const second = await client.chat.completions.create({
      model: "fake-large",
      messages: [...messages, choice.message, result],
      tools,
    });
    expect(second.choices[0]?.message.content).toBe(`rain, 7 degrees ${NONCE}`);
  });

  test("a screenshot that the editor's tool took reaches it, within the result or behind it", async () => {
    // Larger than any answer may be, and than what may be on its way of one.
    const image = randomBytes(2 * 1024 * 1024);
    const data = image.toString("base64");
    const hash = createHash("sha256").update(image).digest("hex");
    const seen = `[image/png, ${image.length} bytes, ${hash}]`;

    const { api, secrets } = provider;
    const anthropic = new Anthropic({ baseURL: api, apiKey: secrets.apiKey, maxRetries: 0 });
    const question = { role: "user" as const, content: "a screenshot" };
    const input_schema = { type: "object" as const, properties: {} };
    const params = {
      model: "fake-large",
      max_tokens: 1000,
      tools: [{ name: "take_screenshot", input_schema }],
    };
    const first = await anthropic.messages.create({ ...params, messages: [question] });
    const used = first.content.find((block) => block.type === "tool_use")!;
    const source = { type: "base64" as const, media_type: "image/png" as const, data };
    const content = [
      { type: "text" as const, text: "Taken: " },
      { type: "image" as const, source },
    ];
    const result = { type: "tool_result" as const, tool_use_id: used.id, content };
    const second = await anthropic.messages.create({
      ...params,
      messages: [
        question,
        { role: "assistant", content: first.content },
        { role: "user", content: [result] },
      ],
    });
    expect(second.content).toMatchObject([{ type: "text", text: `Taken: ${seen} ${NONCE}` }]);

    const tools = [{ type: "function" as const, function: { name: "take_screenshot" } }];
    const asked = await client.chat.completions.create({ ...asking("a screenshot"), tools });
    const { message } = asked.choices[0]!;
    const [call] = message.tool_calls ?? [];
    const url = `data:image/png;base64,${data}`;
    const answered = await client.chat.completions.create({
      model: "fake-large",
      messages: [
        question,
        message,
        { role: "tool", tool_call_id: call!.id, content: "(see the next message)" },
        { role: "user", content: [{ type: "image_url", image_url: { url } }] },
      ],
      tools,
    });
    expect(answered.choices[0]?.message.content).toBe(
      `(see the next message)The user wrote with these results:${seen} ${NONCE}`,
    );
  });

  test("waiting for the editor it is ended when its session is suspended, and answers when that goes on", async () => {
    const { home } = provider;
    const listed = await suite.run(["sessions", "list", "--json"], { home });
    const { sessions } = JSON.parse(listed.stdout) as { sessions: { session_id: string }[] };
    const tools = [{ type: "function" as const, function: TOOL }];
    const asked = await client.chat.completions.create({ ...asking("the weather"), tools });
    expect(asked.choices[0]?.finish_reason).toBe("tool_calls");
    const since = runner.log.lines.length;
    const id = sessions[0]?.session_id ?? "";
    expect((await suite.run(["sessions", "suspend", id], { home })).stderr).toBe("");
    await told(runner, "cancel", since);
    expect((await suite.run(["sessions", "resume", id], { home })).stderr).toBe("");
    expect(await answer(client, "nonce")).toBe(NONCE);
  });

  test("it may not write, and sees nothing of ours", async () => {
    expect(await answer(client, "write it")).toBe("id-b");
    expect(await answer(client, "variables")).toBe("[].");
  });

  test("a client that goes away in mid-stream cancels it", async () => {
    const stream = await client.chat.completions.create({ ...asking("hold"), stream: true });
    for await (const { choices } of stream) if (choices[0]?.delta.content === "first words ") break;
    await told(runner, "cancel");
    expect(await answer(client, "nonce")).toBe(NONCE);
  });

  test("it ends with us, and leaves no folder", async () => {
    const pids = await pidsOf(runner);
    expect(pids.every(isAlive)).toBe(true);
    expect(await runner.stop()).toBe(0);
    await untilGone(pids);
    expect(readdirSync(join(given.home, "workspaces"))).toEqual([]);
  });
});

test("kill -9 of a runner leaves no process behind", async () => {
  const provider = await suite.start(["up", ...FREE, "--agent", "none"]);
  const flags = ["--bridge", provider.bridge, "--log-level", "debug"];
  const runner = await suite.start(
    ["agent", "acp", ...flags, "--", process.execPath, FAKE],
    options(),
  );
  const pids = await pidsOf(runner);
  expect(pids.every(isAlive)).toBe(true);
  await runner.kill9();
  await untilGone(pids);
});

test("an agent that was found on PATH is chosen, and one that does not start is passed over", async () => {
  const path = suite.folder("bin");
  const shim = (name: string, line: string) =>
    writeFileSync(join(path, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  shim("opencode", "echo 'not today' >&2; exit 3");
  shim("gemini", `exec '${process.execPath}' '${FAKE}' "$@"`);
  const up = await suite.start(["up", ...FREE], options({ PATH: path }));
  expect(up.ready.agent).toBe("acp:gemini");
  expect(up.stderr()).toContain("opencode ended with exit code 3. It says: not today");
  expect(await answer(clientOf(up), "nonce")).toBe(NONCE);
  const pids = await pidsOf(up);
  await up.stop();
  await untilGone(pids);
});

test("a command that is not there is one line, and nothing listens", async () => {
  const ran = await suite.run(["up", ...FREE, "--agent", "acp:no-such-agent --acp"]);
  expect(ran.code).not.toBe(0);
  expect(ran.stderr).toContain("no-such-agent was not found: check PATH");
});
