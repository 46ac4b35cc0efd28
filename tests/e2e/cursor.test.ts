// The official `openai` client, the compiled binary, and at the far end a stand-in for Cursor's program, in each of its
// modes, in the same process and beside a runner. Only the stand-in knows the nonce.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import OpenAI from "openai";

import type { CursorScript } from "../support/fake-cursor-agent.ts";
import { createFakeCursor } from "../support/fake-cursor.ts";
import type { FakeCursor } from "../support/fake-cursor.ts";
import { createSuite } from "../support/mlp.ts";
import type { Mlp } from "../support/mlp.ts";
import { TOOL, approve, untilServed } from "../support/topologies.ts";

const suite = createSuite();
const PORTS = ["--port", "0", "--bridge-port", "0", "--log-level", "debug"] as const;
const nonce = `The nonce is ${randomBytes(16).toString("hex")}, ünïcödé 🎭 and all.`;
const words = nonce.match(/\S+\s*/g) ?? [];

const plays: CursorScript["plays"] = [
  {
    when: "What is the nonce?",
    steps: [{ think: "I know." }, ...words.map((say) => ({ say }))],
  },
  { when: "Hold on.", steps: [{ say: "first words " }, { hang: true }] },
  {
    when: "The weather of Oslo?",
    steps: [
      { say: `{"tool_calls":[{"name":"get_weather",` },
      { say: `"arguments":{"city":"Oslo"}}]}` },
    ],
  },
  { when: `Rain. ${nonce}`, steps: [{ say: `It rains. ${nonce}` }] },
];

interface Way {
  readonly name: string;
  readonly hasAcp: boolean;
  start(fake: FakeCursor): Promise<Mlp>;
}

/** Finds the stand-in as it would find the real one, with nothing said about agents. */
const embedded = (fake: FakeCursor): Promise<Mlp> =>
  suite.start(["up", ...PORTS], { env: { CURSOR_AGENT_BIN: fake.path } });

async function remote(fake: FakeCursor): Promise<Mlp> {
  const up = await suite.start(["up", ...PORTS, "--agent", "none"]);
  const agentId = "far-cursor";
  const agent = await suite.start([
    ...["agent", "cursor", "--command", fake.path, "--bridge", up.bridge],
    ...["--agent-id", agentId, "--log-level", "debug"],
  ]);
  await approve(suite, { holder: up, agent, agentId });
  await untilServed(up, "auto");
  return up;
}

const WAYS: readonly Way[] = [
  { name: "up, ACP mode", hasAcp: true, start: embedded },
  { name: "up, print mode", hasAcp: false, start: embedded },
  { name: "a runner, ACP mode", hasAcp: true, start: remote },
  { name: "a runner, print mode", hasAcp: false, start: remote },
];

const fakes: FakeCursor[] = [];
afterAll(async () => {
  await suite.close();
  await Promise.all(fakes.map((fake) => fake.close()));
});

function openFake(script: Omit<CursorScript, "port">): FakeCursor {
  const fake = createFakeCursor(script);
  fakes.push(fake);
  return fake;
}

const clientOf = ({ api, secrets }: Mlp) =>
  new OpenAI({ baseURL: `${api}/v1`, apiKey: secrets.apiKey, maxRetries: 0 });
const user = (content: string) => ({ role: "user" as const, content });

describe.each(WAYS.map((way) => [way.name, way] as const))("%s", (_, way) => {
  let fake: FakeCursor;
  let client: OpenAI;

  beforeAll(async () => {
    fake = openFake({ hasAcp: way.hasAcp, plays });
    client = clientOf(await way.start(fake));
  });

  test("its models are listed", async () => {
    const { data } = await client.models.list();
    const ids = data.map(({ id }) => id);
    expect(ids).toContain("cursor-agent");
    expect(ids).toContain("gpt-5.2");
  });

  test("a whole answer is what only it knows", async () => {
    const answer = await client.chat.completions.create({
      model: "cursor-agent",
      messages: [{ role: "system", content: "Be exact." }, user("What is the nonce?")],
    });
    expect(answer.choices[0]?.message.content).toBe(nonce);
    expect(answer.choices[0]?.finish_reason).toBe("stop");
  });

  test("a streamed answer comes once, in pieces", async () => {
    const stream = await client.chat.completions.create({
      model: "gpt-5.2",
      stream: true,
      messages: [user("What is the nonce?")],
    });
    const pieces: string[] = [];
    for await (const { choices } of stream) {
      const text = choices[0]?.delta.content ?? "";
      if (text !== "") pieces.push(text);
    }
    expect(pieces.join("")).toBe(nonce);
    expect(pieces.length).toBeGreaterThan(1);
  });

  test("a client that hangs up stops it", async () => {
    const abort = new AbortController();
    const stream = await client.chat.completions.create(
      { model: "cursor-agent", stream: true, messages: [user("Hold on.")] },
      { signal: abort.signal },
    );
    for await (const { choices } of stream) {
      if ((choices[0]?.delta.content ?? "") !== "") break;
    }
    abort.abort();
    const { pid } = await fake.stopped();
    expect(fake.events.some((one) => one.event === "prompt" && one.pid === pid)).toBe(true);
  });

  test("it calls the editor's tool and uses what that returned", async () => {
    const tools = [{ type: "function" as const, function: TOOL }];
    const question = user("The weather of Oslo?");
    const asked = await client.chat.completions.create({
      model: "cursor-agent",
      messages: [question],
      tools,
    });
    const message = asked.choices[0]!.message;
    expect(asked.choices[0]?.finish_reason).toBe("tool_calls");
    const call = message.tool_calls?.[0];
    if (call?.type !== "function") throw new Error("no function was called");
    expect(call.function).toEqual({ name: "get_weather", arguments: '{"city":"Oslo"}' });
    const result = { role: "tool" as const, tool_call_id: call.id, content: `Rain. ${nonce}` };
    const answer = await client.chat.completions.create({
      model: "cursor-agent",
      messages: [question, message, result],
      tools,
    });
    expect(answer.choices[0]?.message.content).toBe(`It rains. ${nonce}`);
  });
});

describe("a start", () => {
  const running: Mlp[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((one) => one.stop()));
  });

  test("chooses Cursor where it is found, and says so", async () => {
    const fake = openFake({ plays });
    const up = await embedded(fake);
    running.push(up);
    expect(up.ready.agent).toBe("cursor");
  });

  test("with Cursor named and not logged in is one line that says what to run", async () => {
    const fake = openFake({ plays, hasAcp: false, isLoggedIn: false });
    const ran = await suite.run(["up", ...PORTS, "--agent", "cursor"], {
      env: { CURSOR_AGENT_BIN: fake.path },
    });
    expect(ran.code).toBe(1);
    expect(ran.stderr.trim().split("\n").at(-1)).toContain("Run `cursor-agent login`");
  });

  test("with Cursor named and not there says how to get it", async () => {
    const ran = await suite.run(["up", ...PORTS, "--agent", "cursor"], {
      env: { CURSOR_AGENT_BIN: "/nowhere/cursor-agent" },
    });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain("Install Cursor's command line program");
  });

  test("that ends by a kill leaves no process of Cursor's behind", async () => {
    const fake = openFake({ plays });
    const up = await embedded(fake);
    const client = clientOf(up);
    const stream = await client.chat.completions.create({
      model: "cursor-agent",
      stream: true,
      messages: [user("Hold on.")],
    });
    for await (const { choices } of stream) {
      if ((choices[0]?.delta.content ?? "") !== "") break;
    }
    await up.kill9();
    await fake.quiet();
    expect(fake.events.at(-1)?.event).toBe("ended");
  });
});
