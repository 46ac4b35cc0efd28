// What happens to open requests, and afterwards, when one of the three processes dies or is told to go.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { createSuite, eventually } from "../support/mlp.ts";
import type { Mlp } from "../support/mlp.ts";
import { ask, call, chatBody, openStream, parsed, sseData } from "../support/requests.ts";
import {
  startThreeProcesses,
  startTrio,
  untilServed,
  untilSession,
} from "../support/topologies.ts";
import type { Topology, Trio } from "../support/topologies.ts";

const suite = createSuite();
afterAll(() => suite.close());

const NONCE = "The nonce is known to the agent alone.";

/** What a client was told at the end: never nothing, never twice. */
interface End {
  readonly kind: "sse" | "ndjson" | "whole";
  readonly status: number;
  readonly text: string;
  readonly broken: boolean;
}

/** Opens streams of both dialects and whole requests, and waits until the agent runs them all. */
async function openRequests(provider: Mlp, agent: Mlp, prompt: string) {
  const since = agent.log.lines.length;
  const body = (number: number, more: object = {}) => chatBody(`${prompt} Number ${number}.`, more);
  const streams = await Promise.all([
    ...[1, 2].map((n) => openStream(provider, "/v1/chat/completions", body(n, { stream: true }))),
    ...[3, 4].map((n) => openStream(provider, "/api/chat", body(n))),
  ]);
  const whole = [
    call(provider, "/v1/chat/completions", { body: body(5) }),
    call(provider, "/api/chat", { body: body(6, { stream: false }) }),
  ].map((answer) => answer.then(wholeEnd, brokenEnd));
  await Promise.all(streams.map((stream) => stream.until("words ")));
  await untilCount(agent, "rehearsal turn started", { count: 6, since });
  return async (): Promise<readonly End[]> => {
    const ends = streams.map(async (stream, index): Promise<End> => {
      const { text, broken } = await stream.rest();
      return { kind: index < 2 ? "sse" : "ndjson", status: stream.status, text, broken };
    });
    return await Promise.all([...ends, ...whole]);
  };
}

async function wholeEnd(response: Response): Promise<End> {
  const { status } = response;
  return { kind: "whole", status, text: await response.text(), broken: false };
}

function brokenEnd(): End {
  return { kind: "whole", status: 0, text: "", broken: true };
}

async function untilCount(
  server: Mlp,
  msg: string,
  { count, since }: { count: number; since: number },
): Promise<void> {
  const reached = () =>
    server.log.lines.slice(since).filter((line) => line.msg === msg).length >= count;
  await server.log.until(reached, { what: `${count} times "${msg}"`, since });
}

/** An error in the dialect's own form, once, and nothing that looks like success. */
function expectDefiniteEnd(end: End): void {
  expect(end.broken).toBe(false);
  if (end.kind === "whole") {
    expect([502, 503]).toContain(end.status);
    expect(parsed(end.text)).toHaveProperty("error");
    return;
  }
  expect(end.status).toBe(200);
  const frames = end.kind === "sse" ? sseData(end.text) : end.text.trim().split("\n");
  expect(end.text).not.toContain("[DONE]");
  expect(end.text).not.toContain('"done":true');
  const errors = frames.filter((frame) => parsed(frame)?.error !== undefined);
  expect(errors).toHaveLength(1);
  expect(frames.at(-1)).toBe(errors[0] ?? "");
}

async function expectService(provider: Mlp, prompt: string): Promise<void> {
  const answer = await ask(provider, "/v1/chat/completions", { body: chatBody(prompt) });
  expect(answer.json?.choices?.[0].message.content ?? answer.text).toBe(NONCE);
}

async function recordedSessions(holder: Mlp): Promise<readonly object[]> {
  const listed = await suite.run(["sessions", "list", "--json"], { home: holder.home });
  expect(listed.stderr).toBe("");
  const { sessions } = JSON.parse(listed.stdout) as { sessions: Record<string, unknown>[] };
  const fields = ["session_id", "status", "scopes", "expires_at", "max_requests", "request_count"];
  return sessions.map((each) => Object.fromEntries(fields.map((field) => [field, each[field]])));
}

describe("kill -9 with streams and whole requests open", () => {
  let topology: Topology & Trio;
  let { bridge, agent, serve } = {} as Trio;

  beforeAll(async () => {
    topology = await startThreeProcesses(suite, NONCE);
    ({ bridge, agent, serve } = topology);
  });
  const held = (about: string) => `${topology.prompts.hold} ${about}`;
  const nonce = (about: string) => `${topology.prompts.nonce} ${about}`;

  test("of the agent: each request ends once, and the agent resumes without a new approval", async () => {
    const ends = await openRequests(serve, agent, held("Kill the agent."));
    const sessionId = await untilSession(agent, "active");
    await agent.kill9();
    for (const end of await ends()) expectDefiniteEnd(end);

    const away = await ask(serve, "/v1/chat/completions", { body: chatBody(nonce("Away.")) });
    expect(away.status).toBe(503);
    expect(away.json.error.code).toBe("no_active_session");
    const { data } = (await ask(serve, "/v1/models")).json;
    expect(data).toContainEqual(expect.objectContaining({ id: "rehearsal" }));

    agent = await suite.start(topology.agentArgs, { home: agent.home });
    expect(await untilSession(agent, "active")).toBe(sessionId);
    await untilServed(serve, "rehearsal");
    await expectService(serve, nonce("After the agent."));
  });

  test("of the bridge: each request ends once, and all find each other again", async () => {
    const ends = await openRequests(serve, agent, held("Kill the bridge."));
    const before = await recordedSessions(bridge);
    const [agentLine, serveLine] = [agent.log.lines.length, serve.log.lines.length];
    await bridge.kill9();
    for (const end of await ends()) expectDefiniteEnd(end);

    const { port } = new URL(bridge.bridge);
    bridge = await suite.start(["bridge", "--port", port], { home: bridge.home });
    await connected(agent, agentLine);
    await connected(serve, serveLine);
    await untilServed(serve, "rehearsal");
    const after = await recordedSessions(bridge);
    expect(after).toEqual(before);
    await expectService(serve, nonce("After the bridge."));
  });

  test("of the provider: the agent is stopped, and a new provider serves at once", async () => {
    const since = agent.log.lines.length;
    const ends = await openRequests(serve, agent, held("Kill the provider."));
    const { port } = new URL(serve.api);
    await serve.kill9();
    for (const end of await ends()) expect(end.broken).toBe(true);
    await untilCount(agent, "rehearsal turn cancelled", { count: 6, since });

    serve = await suite.start(["serve", "--port", port, "--bridge", bridge.bridge], {
      home: serve.home,
    });
    await untilServed(serve, "rehearsal");
    await expectService(serve, nonce("After the provider."));
  });
});

async function connected(server: Mlp, since: number): Promise<void> {
  await server.log.until((line) => line.msg === "bridge link" && line["state"] === "connected", {
    what: "a link to the bridge",
    since,
    ms: 15_000,
  });
}

test("an agent that is started twice: the second takes over, and each turn of the first ends once", async () => {
  const { agent, serve, agentArgs, ...topology } = await startThreeProcesses(suite, NONCE);
  const sessionId = await untilSession(agent, "active");
  const ends = await openRequests(serve, agent, `${topology.prompts.hold} Take over.`);
  const second = await suite.start(agentArgs, { home: agent.home });
  expect(await untilSession(second, "active")).toBe(sessionId);
  for (const end of await ends()) expectDefiniteEnd(end);
  expect(await agent.exited).toBe(1);
  expect(agent.stderr()).toContain("mlp: another process has taken over");
  await untilServed(serve, "rehearsal");
  await expectService(serve, `${topology.prompts.nonce} After the take-over.`);
  await second.log.until(({ msg }) => msg === "rehearsal turn ended", { what: "that it answered" });
});

test("an agent that died before its approval answers when it is started again, without another one", async () => {
  const { bridge, agent, serve, agentId, agentArgs } = await startTrio(suite, { approved: false });
  const sessionId = await untilSession(agent, "pending");
  await agent.kill9();
  const { home } = bridge;
  const approved = await suite.run(["sessions", "approve", agentId, "--yes"], { home });
  expect([approved.code, approved.stderr]).toEqual([0, ""]);
  const again = await suite.start(agentArgs, { home: agent.home });
  expect(await untilSession(again, "active")).toBe(sessionId);
  await untilServed(serve, "rehearsal");
  expect(await recordedSessions(bridge)).toHaveLength(1);
});

describe("SIGTERM", () => {
  test("of an agent ends its turns at once and in-band, and another process can take its place", async () => {
    const { agent, serve, agentArgs, ...topology } = await startThreeProcesses(suite, NONCE);
    const ends = await openRequests(serve, agent, `${topology.prompts.hold} Stop the agent.`);
    expect(await agent.stop()).toBe(0);
    for (const end of await ends()) expectDefiniteEnd(end);
    await suite.start(agentArgs, { home: agent.home });
    await untilServed(serve, "rehearsal");
    await expectService(serve, `${topology.prompts.nonce} After a stop.`);
  });

  const up = () => suite.start(["up", "--port", "0", "--bridge-port", "0", "--agent", "rehearsal"]);

  test("lets an open stream come to its normal end, and takes nothing new", async () => {
    const server = await up();
    const prompt = `/rehearse delay 40\n/rehearse repeat 20\n/rehearse say "word "`;
    const stream = await openStream(server, "/v1/chat/completions", {
      ...chatBody(prompt, { stream: true }),
    });
    await stream.until("word ");
    server.terminate();
    const refused = await untilRefusing(server);
    expect(refused.json.error).toMatchObject({ code: "shutdown" });
    const { text, broken } = await stream.rest();
    expect(broken).toBe(false);
    expect(text.match(/word /g)).toHaveLength(20);
    expect(sseData(text).at(-1)).toBe("[DONE]");
    expect(await server.exited).toBe(0);
  });

  test("twice ends the process at once, with a failure's exit code and a definite end", async () => {
    const server = await up();
    const prompt = `/rehearse say "first words "\n/rehearse hang`;
    const stream = await openStream(server, "/v1/chat/completions", {
      ...chatBody(prompt, { stream: true }),
    });
    await stream.until("words ");
    server.terminate();
    await untilRefusing(server);
    const told = performance.now();
    server.terminate();
    const { text } = await stream.rest();
    expect(await server.exited).toBe(1);
    expect(performance.now() - told).toBeLessThan(3_000);
    expect(text).not.toContain("[DONE]");
  });

  /** The first answer that says no: a signal is heard when the process gets to it. */
  async function untilRefusing(server: Mlp) {
    return await eventually("it takes nothing new", async () => {
      const answer = await ask(server, "/v1/models");
      return answer.status === 503 ? answer : undefined;
    });
  }
});
