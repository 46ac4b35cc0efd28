// The ledger: a mixed crowd of requests through three processes, each followed by its id from the client to the agent
// and back. Not only the counts agree: every id has one start and one end, and everybody tells the same end of it.

import { afterAll, beforeAll, expect, test } from "bun:test";

import { createSuite } from "../support/mlp.ts";
import type { Mlp } from "../support/mlp.ts";
import { ask, chatBody, control, openStream, parsed } from "../support/requests.ts";
import { TOOL, startTrio } from "../support/topologies.ts";
import type { Trio } from "../support/topologies.ts";

const suite = createSuite();
afterAll(() => suite.close());

let trio: Trio;
beforeAll(async () => {
  trio = await startTrio(suite, { approval: ["--max-requests", "none"] });
});

/** What the client knows of one request. */
interface Entry {
  readonly id: string;
  readonly outcome: string;
}

const OPENAI = "/v1/chat/completions";
const COMPLETIONS = "/v1/completions";
const OLLAMA = "/api/chat";
const tools = [{ type: "function", function: TOOL }];

const KINDS = [
  ...[whole, streamed, streamed, ollamaStreamed, aborted, failed, halfFailed, calledTool],
  severalPrompts,
];

async function whole(serve: Mlp, about: string): Promise<readonly Entry[]> {
  const prompt = `${about}\n/rehearse delay 5\n/rehearse say "one two three"`;
  const answer = await ask(serve, OPENAI, { body: chatBody(prompt) });
  expect(answer.json.choices[0].message.content).toBe("one two three");
  return [{ id: answer.requestId, outcome: "done" }];
}

async function streamed(serve: Mlp, about: string): Promise<readonly Entry[]> {
  const prompt = `${about}\n/rehearse delay 5\n/rehearse say "one two three"`;
  const answer = await ask(serve, OPENAI, { body: chatBody(prompt, { stream: true }) });
  expect(answer.text.endsWith("data: [DONE]\n\n")).toBe(true);
  return [{ id: answer.requestId, outcome: "done" }];
}

async function ollamaStreamed(serve: Mlp, about: string): Promise<readonly Entry[]> {
  const prompt = `${about}\n/rehearse delay 5\n/rehearse say "one two three"`;
  const answer = await ask(serve, OLLAMA, { body: chatBody(prompt) });
  expect(parsed(answer.text.trim().split("\n").at(-1) ?? "")).toMatchObject({ done: true });
  return [{ id: answer.requestId, outcome: "done" }];
}

async function aborted(serve: Mlp, about: string): Promise<readonly Entry[]> {
  const prompt = `${about}\n/rehearse say "first words "\n/rehearse hang`;
  const stream = await openStream(serve, OPENAI, chatBody(prompt, { stream: true }));
  await stream.until("words ");
  stream.hangUp();
  return [{ id: stream.requestId, outcome: "client_cancelled" }];
}

async function failed(serve: Mlp, about: string): Promise<readonly Entry[]> {
  const prompt = `${about}\n/rehearse error agent_error "It fell over."`;
  const answer = await ask(serve, OPENAI, { body: chatBody(prompt) });
  expect(answer.status).toBe(502);
  return [{ id: answer.requestId, outcome: "error" }];
}

async function halfFailed(serve: Mlp, about: string): Promise<readonly Entry[]> {
  const prompt = `${about}\n/rehearse say "half "\n/rehearse error agent_timeout "It dozed off."`;
  const answer = await ask(serve, OPENAI, { body: chatBody(prompt, { stream: true }) });
  expect(answer.text).not.toContain("[DONE]");
  return [{ id: answer.requestId, outcome: "timeout" }];
}

/** Two turns: one that ends parked, and one that brings the result to it. */
async function calledTool(serve: Mlp, about: string): Promise<readonly Entry[]> {
  const prompt = `${about}\n/rehearse tool get_weather {"city":"Oslo"}\n/rehearse park\n/rehearse results`;
  const first = await ask(serve, OPENAI, { body: chatBody(prompt, { tools }) });
  const { message } = first.json.choices[0];
  const result = { role: "tool", tool_call_id: message.tool_calls[0].id, content: about };
  const messages = [{ role: "user", content: prompt }, message, result];
  const second = await ask(serve, OPENAI, { body: { model: "cursor-agent", messages, tools } });
  expect(second.json.choices[0].message.content).toBe(about);
  return [first, second].map(({ requestId }) => ({ id: requestId, outcome: "done" }));
}

/** Three turns, the last of which fails. */
async function severalPrompts(serve: Mlp, about: string): Promise<readonly Entry[]> {
  const say = `${about}\n/rehearse delay 5\n/rehearse say "one two three"`;
  const prompt = [say, say, `${about}\n/rehearse error agent_timeout "It dozed off."`];
  const answer = await ask(serve, COMPLETIONS, { body: { model: "cursor-agent", prompt } });
  expect(answer.status).toBe(504);
  const { requestId: id } = answer;
  return [
    { id, outcome: "done" },
    { id: `${id}.2`, outcome: "done" },
    { id: `${id}.3`, outcome: "timeout" },
  ];
}

test("every request has one id, one start and one end, the same at client, provider and agent", async () => {
  const { serve, agent, bridge } = trio;
  const crowd = async (first: number): Promise<readonly Entry[]> => {
    const requests = Array.from({ length: 54 }, async (_, index) => {
      const kind = KINDS[index % KINDS.length];
      return (await kind?.(serve, `Request ${first + index}.`)) ?? [];
    });
    return (await Promise.all(requests)).flat();
  };
  // In two crowds: one key may have 64 turns open.
  const client = [...(await crowd(0)), ...(await crowd(54))];
  expect(client).toHaveLength(108 + 12 + 24);

  const lost = await loseTheAgent(client.length);
  const ledger = [...client, ...lost];
  const ids = ledger.map(({ id }) => id).toSorted();
  expect(new Set(ids).size).toBe(ledger.length);
  for (const id of ids) expect(id).toMatch(/^req_[\w-]{20,}(?:\.[23])?$/);

  // The provider: one end for each, and the end that the client saw.
  await untilAll(serve, "turn ended", ids.length);
  const provider = lines(serve, "turn ended").map((line) => ({
    id: String(line["turnId"]),
    outcome: String(line["outcome"]),
  }));
  expect(byId(provider)).toEqual(byId(ledger));
  expect((await control(serve, "turns")).json.turns).toEqual([]);

  // The agent: one start for each, and of its own ends the ones that go with what the client saw.
  const turnsOf = (msg: string) =>
    lines(agent, msg)
      .map((line) => String(line["turn"]))
      .toSorted();
  expect(turnsOf("rehearsal turn started")).toEqual(ids);
  const ended = ledger.filter(({ outcome }) => outcome !== "client_cancelled");
  const lostIds = new Set(lost.map(({ id }) => id));
  expect(turnsOf("rehearsal turn ended")).toEqual(
    idsOf(ended.filter(({ id }) => !lostIds.has(id))),
  );
  expect(turnsOf("rehearsal turn cancelled")).toEqual(
    idsOf(ledger.filter(({ outcome }) => outcome === "client_cancelled")),
  );

  // The bridge: it counted what the agent ran, and nothing is running there.
  const listed = await suite.run(["sessions", "list", "--json"], { home: bridge.home });
  expect(parsed(listed.stdout).sessions).toMatchObject([
    { request_count: ledger.length, in_flight: 0, connected: false },
  ]);
});

/** Some are under way when the agent dies: they have a start there, and their end is told by the others. */
async function loseTheAgent(before: number): Promise<readonly Entry[]> {
  const { serve, agent } = trio;
  const streams = await Promise.all(
    [1, 2, 3].map((number) => {
      const prompt = `Lost ${number}.\n/rehearse say "first words "\n/rehearse hang`;
      return openStream(serve, OPENAI, chatBody(prompt, { stream: true }));
    }),
  );
  await Promise.all(streams.map((stream) => stream.until("words ")));
  // All that the agent has to tell is in its log before it goes.
  const isEnd = (msg: string) =>
    msg === "rehearsal turn ended" || msg === "rehearsal turn cancelled";
  await agent.log.until(() => agent.log.lines.filter(({ msg }) => isEnd(msg)).length >= before, {
    what: "the ends of all turns",
  });
  await untilAll(agent, "rehearsal turn started", before + streams.length);
  await agent.kill9();
  for (const stream of streams) {
    const { text } = await stream.rest();
    expect(text).toContain('"agent_lost"');
    expect(text).not.toContain("[DONE]");
  }
  return streams.map(({ requestId }) => ({ id: requestId, outcome: "agent_lost" }));
}

function lines(server: Mlp, msg: string) {
  return server.log.lines.filter((line) => line.msg === msg);
}

async function untilAll(server: Mlp, msg: string, count: number): Promise<void> {
  await server.log.until(() => lines(server, msg).length >= count, { what: `${count} × ${msg}` });
}

function idsOf(entries: readonly Entry[]): string[] {
  return entries.map(({ id }) => id).toSorted();
}

function byId(entries: readonly Entry[]): readonly Entry[] {
  return entries.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}
