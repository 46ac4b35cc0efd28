// The whole way: an editor's tools offered over HTTP with official clients, called by an agent that knows them only by
// MCP, in this process and behind the bridge. Each side knows a word that only it can have said.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { Ollama } from "ollama";
import Anthropic from "@anthropic-ai/sdk";
import { createSystem } from "../../../src/app/system.ts";
import { openBunSocket } from "../../../src/bridge/bun-socket.ts";
import { createRunner } from "../../../src/bridge/runner.ts";
import type { Agent } from "../../../src/core/ports.ts";
import { type Composed, SECRETS, compose } from "../../support/composed.ts";
import { type Bench, type Play, GATHER_MS, STOP, bench, say } from "./support.ts";

const AGENT_WORD = "agent-nonce-41d7";
const EDITOR_WORD = "editor-nonce-93be";

/** Two rounds: one file, then two at once. */
const play: Play = async function* ({ call, turn }) {
  const { request } = turn;
  if (request.kind === "chat" && JSON.stringify(request.messages).includes("no tools")) {
    yield say(`Without tools: ${AGENT_WORD}.`);
    return yield STOP;
  }
  yield say("Looking. ");
  const first = await call("read_file", { path: AGENT_WORD });
  yield say(`Then: ${first}. `);
  const both = await Promise.all([
    call("read_file", { path: "b" }),
    call("read_file", { path: "c" }),
  ]);
  yield say(`Last: ${both.join(", ")}. ${AGENT_WORD}`);
  yield { ...STOP, usage: { promptTokens: 11, completionTokens: 7 } };
};

interface House {
  readonly composed: Composed;
  readonly agent: Bench;
  close(): Promise<void>;
}

function agentOf(): Bench & { readonly agent: Agent } {
  const one = bench(play);
  const info = {
    agentId: "tools-agent",
    label: "Scripted, with the editor's tools",
    connector: "test",
    models: [{ id: "scripted", capabilities: ["completion", "tools"] }],
    requestedScopes: ["inference", "tools"],
  } as const;
  return { ...one, agent: { info, run: one.tools.run } };
}

async function embedded(): Promise<House> {
  const one = agentOf();
  const composed = await compose([one.agent]);
  return {
    composed,
    agent: one,
    close: async () => {
      await composed[Symbol.asyncDispose]();
      await one.tools.close();
    },
  };
}

async function bridged(): Promise<House> {
  const one = agentOf();
  const composed = await compose([]);
  const { sessions, listening } = composed.bridge;
  const { clock, random } = createSystem();
  const silent = () => undefined;
  const active = Promise.withResolvers<void>();
  let isApproved = false;
  const runner = createRunner({
    url: `ws://127.0.0.1:${listening.port}`,
    token: SECRETS.MLP_AGENT_TOKEN,
    agent: one.agent,
    tokens: { load: async () => undefined, save: async () => undefined },
    clock,
    random,
    log: { debug: silent, info: silent, warn: silent, error: silent },
    openSocket: openBunSocket,
    onSession: ({ sessionId, status }) => {
      if (status === "active") active.resolve();
      if (status !== "pending" || isApproved) return;
      isApproved = true;
      void sessions.approve(sessionId, { scopes: ["inference", "tools"] });
    },
    onState: silent,
  });
  runner.start();
  await active.promise;
  return {
    composed,
    agent: one,
    close: async () => {
      await runner.close();
      await composed[Symbol.asyncDispose]();
      await one.tools.close();
    },
  };
}

test("a session that is revoked takes its parked runs with it", async () => {
  const house = await embedded();
  gather(house, 1);
  await house.composed.post("/v1/chat/completions", {
    model: "scripted",
    messages: [{ role: "user", content: "Go." }],
    tools: [{ type: "function", function: { name: "read_file" } }],
  });
  const { sessions } = house.composed.bridge;
  expect(house.agent.inner.stopped).toBe(0);
  await sessions.revoke(sessions.list()[0]!.sessionId);
  await house.agent.inner.whenStopped();
  expect(house.agent.inner.stopped).toBe(1);
  await house.close();
});

/** As much of an answer as is looked at, in each dialect. */
interface WordsAnswer {
  readonly choices: readonly {
    readonly message: { readonly tool_calls: readonly { id: string }[] };
  }[];
  readonly message: { readonly tool_calls: readonly { id: string }[] };
  readonly content: readonly { readonly type: string; readonly id: string }[];
}

const TOOL = { type: "function", function: { name: "read_file", parameters: { type: "object" } } };

/** How a call of one tool is answered, with words of the user's beside its result. */
const withWords = {
  OpenAI: {
    path: "/v1/chat/completions",
    ask: { tools: [TOOL] },
    next: ({ choices }: WordsAnswer, words: string) => [
      choices[0]!.message,
      ...choices[0]!.message.tool_calls.map(({ id }) => toolMessage(id)),
      { role: "user", content: words },
    ],
  },
  Ollama: {
    path: "/api/chat",
    ask: { tools: [TOOL] },
    next: ({ message }: WordsAnswer, words: string) => [
      message,
      ...message.tool_calls.map(({ id }) => toolMessage(id)),
      { role: "user", content: words },
    ],
  },
  Anthropic: {
    path: "/v1/messages",
    ask: { tools: [{ name: "read_file", input_schema: { type: "object" } }] },
    next: ({ content }: WordsAnswer, words: string) => [
      { role: "assistant", content },
      {
        role: "user",
        content: [
          ...content
            .filter(({ type }) => type === "tool_use")
            .map(({ id }) => ({ type: "tool_result", tool_use_id: id, content: EDITOR_WORD })),
          { type: "text", text: words },
        ],
      },
    ],
  },
};

function toolMessage(id: string): object {
  return { role: "tool", tool_call_id: id, content: EDITOR_WORD };
}

/** Lets the calls go once so many have been made in all. */
function gather({ agent: { random, clock } }: House, calls: number): void {
  void random.called(calls).then(() => clock.advance(GATHER_MS));
}

describe.each([
  ["in this process", embedded],
  ["behind the bridge", bridged],
])("the editor's tools over an agent %s", (_, open) => {
  let house: House;
  let made = 0;
  beforeAll(async () => {
    house = await open();
  });
  afterAll(() => house.close());

  const expectRounds = (count: number): void => gather(house, (made += count));
  const results = (calls: readonly { readonly id: string; readonly path: string }[]) =>
    calls.map(({ id, path }) => ({ id, content: `${EDITOR_WORD}(${path})` }));
  const whole = `Last: ${EDITOR_WORD}(b), ${EDITOR_WORD}(c). ${AGENT_WORD}`;

  test.each([false, true])("with OpenAI's client, stream: %p", async (stream) => {
    const before = house.agent.inner.turns.length;
    const client = new OpenAI({ baseURL: `${house.composed.api}/v1`, apiKey: SECRETS.MLP_API_KEY });
    const parameters = {
      type: "object",
      properties: { path: { type: "string" } },
      required: ["path"],
    };
    const tools = [{ type: "function" as const, function: { name: "read_file", parameters } }];
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: "Go." }];
    const ask = async () => {
      const body = { model: "scripted", messages, tools };
      const answer = stream
        ? await client.chat.completions.stream(body).finalChatCompletion()
        : await client.chat.completions.create(body);
      return answer.choices[0]!;
    };
    const bring = ({ message }: OpenAI.ChatCompletion.Choice): void => {
      const calls = (message.tool_calls ?? []).flatMap((call) =>
        call.type === "function"
          ? [{ id: call.id, path: JSON.parse(call.function.arguments).path as string }]
          : [],
      );
      const { role, content, tool_calls } = message;
      messages.push({ role, content, ...(tool_calls && { tool_calls }) });
      for (const { id, content } of results(calls)) {
        messages.push({ role: "tool", tool_call_id: id, content });
      }
    };

    expectRounds(1);
    const first = await ask();
    expect([first.finish_reason, first.message.content]).toEqual(["tool_calls", "Looking. "]);
    expect(JSON.stringify(first.message.tool_calls)).toContain(AGENT_WORD);
    bring(first);
    expectRounds(2);
    const second = await ask();
    expect(second.message.content).toBe(`Then: ${EDITOR_WORD}(${AGENT_WORD}). `);
    expect(second.message.tool_calls).toHaveLength(2);
    bring(second);
    const last = await ask();
    expect([last.finish_reason, last.message.content]).toEqual(["stop", whole]);
    expect(house.agent.inner.turns.length - before).toBe(1);
  });

  test("with Ollama's client", async () => {
    const before = house.agent.inner.turns.length;
    const ollama = new Ollama({
      host: house.composed.api,
      headers: { authorization: `Bearer ${SECRETS.MLP_API_KEY}` },
    });
    const parameters = { type: "object", properties: { path: { type: "string" } } };
    const tool = { type: "function", function: { name: "read_file", description: "", parameters } };
    const messages: { role: string; content: string; tool_calls?: never }[] = [
      { role: "user", content: "Go." },
    ];
    const ask = async () => await ollama.chat({ model: "scripted", messages, tools: [tool] });
    const bring = ({ message }: Awaited<ReturnType<typeof ask>>): void => {
      messages.push(message as never);
      for (const call of message.tool_calls ?? []) {
        const { path } = call.function.arguments as { path: string };
        const { id } = call as unknown as { id: string };
        const content = `${EDITOR_WORD}(${path})`;
        messages.push({ role: "tool", content, tool_name: "read_file", tool_call_id: id } as never);
      }
    };
    expectRounds(1);
    bring(await ask());
    expectRounds(2);
    bring(await ask());
    const { message } = await ask();
    expect(message.content).toBe(whole);
    expect(house.agent.inner.turns.length - before).toBe(1);
  });

  test("with Anthropic's client", async () => {
    const before = house.agent.inner.turns.length;
    const client = new Anthropic({ baseURL: house.composed.api, apiKey: SECRETS.MLP_API_KEY });
    const messages: Anthropic.MessageParam[] = [{ role: "user", content: "Go." }];
    const input_schema = { type: "object" as const, properties: { path: { type: "string" } } };
    const ask = async () =>
      await client.messages.create({
        model: "scripted",
        max_tokens: 1_000,
        messages,
        tools: [{ name: "read_file", input_schema }],
      });
    const bring = ({ content }: Anthropic.Message): void => {
      const calls = content.flatMap((block) =>
        block.type === "tool_use"
          ? [{ id: block.id, path: (block.input as { path: string }).path }]
          : [],
      );
      messages.push({ role: "assistant", content });
      messages.push({
        role: "user",
        content: results(calls).map(({ id, content }) => ({
          type: "tool_result" as const,
          tool_use_id: id,
          content,
        })),
      });
    };
    expectRounds(1);
    bring(await ask());
    expectRounds(2);
    bring(await ask());
    const last = await ask();
    const text = last.content.map((block) => (block.type === "text" ? block.text : "")).join("");
    expect([last.stop_reason, text]).toEqual(["end_turn", whole]);
    expect(house.agent.inner.turns.length - before).toBe(1);
  });

  test.each(["OpenAI", "Ollama", "Anthropic"] as const)(
    "words beside the results reach the same run, in %s's form",
    async (dialect) => {
      const before = house.agent.inner.turns.length;
      const { path, ask, next } = withWords[dialect];
      const messages: object[] = [{ role: "user", content: "Go." }];
      const body = { model: "scripted", max_tokens: 1_000, stream: false, ...ask };
      const post = async () => {
        const answer = await house.composed.post(path, { ...body, messages });
        return (await answer.json()) as WordsAnswer;
      };
      expectRounds(1);
      messages.push(...next(await post(), "Hurry."));
      expectRounds(2);
      const told = JSON.stringify(await post());
      expect(told).toContain(`${EDITOR_WORD}The user wrote with these results:\\nHurry.`);
      expect(house.agent.inner.turns.length - before).toBe(1);
    },
  );

  test("a new question in place of the results begins a fresh turn and stops the parked run", async () => {
    const { inner } = house.agent;
    const stopped = inner.stopped;
    const tools = [{ type: "function", function: { name: "read_file" } }];
    const user = (content: string) => ({ role: "user", content });
    expectRounds(1);
    const first = await house.composed.post("/v1/chat/completions", {
      model: "scripted",
      messages: [user("Go.")],
      tools,
    });
    const { choices } = (await first.json()) as OpenAI.ChatCompletion;
    const second = await house.composed.post("/v1/chat/completions", {
      model: "scripted",
      messages: [user("Go."), choices[0]!.message, user("Stop: no tools, please.")],
    });
    const answer = (await second.json()) as OpenAI.ChatCompletion;
    expect(answer.choices[0]?.message.content).toBe(`Without tools: ${AGENT_WORD}.`);
    await inner.whenStopped();
    expect(inner.stopped).toBe(stopped + 1);
  });

  test("a fresh run that took over from a lost one is itself gone on with", async () => {
    const { inner, clock } = house.agent;
    const tools = [{ type: "function", function: { name: "read_file" } }];
    const messages: object[] = [{ role: "user", content: "Go." }];
    const ask = async () => {
      const body = { model: "scripted", messages, tools };
      const answer = await house.composed.post("/v1/chat/completions", body);
      const { message } = ((await answer.json()) as OpenAI.ChatCompletion).choices[0]!;
      messages.push(message);
      for (const { id } of message.tool_calls ?? []) {
        messages.push({ role: "tool", tool_call_id: id, content: EDITOR_WORD });
      }
      return message;
    };
    expectRounds(1);
    await ask();
    clock.advance(50_000);
    const before = inner.turns.length;
    expectRounds(1);
    expect((await ask()).content).toBe("Looking. ");
    expectRounds(2);
    expect((await ask()).content).toBe(`Then: ${EDITOR_WORD}. `);
    expect((await ask()).content).toBe(`Last: ${EDITOR_WORD}, ${EDITOR_WORD}. ${AGENT_WORD}`);
    expect(inner.turns.length).toBe(before + 1);
  });

  test("results that come too late are told to a fresh run, with all that was said before", async () => {
    const { inner, clock } = house.agent;
    const tools = [{ type: "function", function: { name: "read_file" } }];
    const messages: object[] = [{ role: "user", content: "Go." }];
    expectRounds(1);
    const first = await house.composed.post("/v1/chat/completions", {
      model: "scripted",
      messages,
      tools,
    });
    const { choices } = (await first.json()) as OpenAI.ChatCompletion;
    const { message } = choices[0]!;
    clock.advance(50_000);
    const before = inner.turns.length;
    messages.push(message, {
      role: "tool",
      tool_call_id: message.tool_calls?.[0]?.id,
      content: `${EDITOR_WORD}: no tools any more`,
    });
    const second = await house.composed.post("/v1/chat/completions", {
      model: "scripted",
      messages,
      tools,
    });
    const answer = (await second.json()) as OpenAI.ChatCompletion;
    expect(answer.choices[0]?.message.content).toBe(`Without tools: ${AGENT_WORD}.`);
    expect(inner.turns.length).toBe(before + 1);
    expect(JSON.stringify(inner.turns.at(-1)?.request)).toContain(EDITOR_WORD);
  });
});
