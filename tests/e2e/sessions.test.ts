// A human's decisions by the command line, and what editors see of them at a provider in another process.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { writeFileSync } from "node:fs";
import path from "node:path";

import { createSuite, eventually } from "../support/mlp.ts";
import type { Mlp, Ran } from "../support/mlp.ts";
import { ask, chatBody, openStream, parsed, sseData } from "../support/requests.ts";
import type { Answer } from "../support/requests.ts";
import { TOOL, approve, startTrio, untilServed, untilSession } from "../support/topologies.ts";

const suite = createSuite();
afterAll(() => suite.close());

let { bridge, agent, serve, agentId } = {} as Awaited<ReturnType<typeof startTrio>>;
beforeAll(async () => {
  ({ bridge, agent, serve, agentId } = await startTrio(suite, { approved: false }));
});

const sessions = (...args: readonly string[]): Promise<Ran> =>
  suite.run(["sessions", ...args], { home: bridge.home });

let prompts = 0;
/** A prompt that was not sent before: what failed once is not run again. */
function say(text: string): string {
  prompts += 1;
  return `Prompt ${prompts}.\n/rehearse say "${text}"`;
}

async function chat(prompt: string, pin?: string, more: object = {}): Promise<Answer> {
  const headers = pin === undefined ? {} : { "x-mcp-session": pin };
  return await ask(serve, "/v1/chat/completions", { body: chatBody(prompt, more), headers });
}

const refusal = ({ status, json }: Answer): string => `${status} ${json.error?.code}`;

/** One more agent on the same bridge, approved with `flags`; answers with its session. */
async function join(agentId: string, ...flags: readonly string[]): Promise<[Mlp, string]> {
  const agent = await suite.start([
    ...["agent", "rehearsal", "--bridge", bridge.bridge],
    ...["--agent-id", agentId, "--log-level", "debug"],
  ]);
  const sessionId = await approve(suite, { holder: bridge, agent, agentId, flags });
  await eventually("the provider knows the session", async () => {
    const answer = await chat(say("hello"), sessionId);
    return answer.status === 404 ? undefined : true;
  });
  return [agent, sessionId];
}

describe("one agent's session, from asking to its end", () => {
  let sessionId: string;

  test("until it is approved, requests are refused with the way to approve it", async () => {
    sessionId = await untilSession(agent, "pending");
    const answer = await eventually("the provider knows that an agent waits", async () => {
      const answer = await chat(say("hello"));
      return answer.json.error?.code === "no_active_session" ? undefined : answer;
    });
    expect(refusal(answer)).toBe("403 consent_required");
    expect(answer.json.error.message).toContain("mlp sessions approve");
    expect(agent.log.lines.map(({ msg }) => msg)).not.toContain("rehearsal turn started");
  });

  test("`mlp sessions list` shows who asks for what, for people and for programs", async () => {
    const shown = await sessions("list");
    expect(shown.code).toBe(0);
    expect(shown.stdout).toContain(sessionId);
    expect(shown.stdout).toContain(agentId);
    expect(shown.stdout).toContain("pending");
    const listed = parsed((await sessions("list", "--json")).stdout);
    expect(listed).toMatchObject({
      total_count: 1,
      active_count: 0,
      sessions: [{ session_id: sessionId, agent_id: agentId, status: "pending", scopes: [] }],
    });
  });

  test("nobody is asked where there is no terminal: approval needs --yes", async () => {
    const ran = await sessions("approve", agentId);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain("--yes");
    expect(await statusOf(sessionId)).toBe("pending");
  });

  test("`mlp sessions approve` shows what it grants, and the agent serves", async () => {
    const ran = await sessions(
      "approve",
      agentId,
      "--yes",
      "--ttl",
      "1h",
      "--max-requests",
      "none",
    );
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(ran.stdout).toContain("inference");
    expect(await untilSession(agent, "active")).toBe(sessionId);
    await untilServed(serve, "rehearsal");
    const answer = await chat(say("approved"));
    expect(answer.json.choices[0].message.content).toBe("approved");
    expect(answer.headers.get("x-session-id")).toBe(sessionId);
  });

  test("a session is approved once", async () => {
    const ran = await sessions("approve", sessionId, "--yes");
    expect(ran.code).toBe(1);
    expect(ran.stderr.trim().split("\n")).toHaveLength(1);
  });

  test("suspended it refuses, resumed it serves", async () => {
    expect((await sessions("suspend", agentId)).code).toBe(0);
    expect(refusal(await chat(say("suspended")))).toBe("403 session_suspended");
    expect(refusal(await chat(say("suspended"), sessionId))).toBe("403 session_suspended");
    expect((await sessions("resume", agentId)).code).toBe(0);
    await untilServed(serve, "rehearsal");
    expect((await chat(say("resumed"))).status).toBe(200);
  });

  test("revoked in mid-stream, the stream ends in-band within a second, and the agent hears", async () => {
    const prompt = `/rehearse say "first words "\n/rehearse hang`;
    const stream = await openStream(serve, "/v1/chat/completions", {
      ...chatBody(prompt, { stream: true }),
    });
    await stream.until("words ");
    const revoked = sessions("revoke", agentId).then((ran) => ({ ran, at: performance.now() }));
    const { text, broken } = await stream.rest();
    const endedAt = performance.now();
    const { ran, at } = await revoked;
    expect(ran.code).toBe(0);
    expect(endedAt - at).toBeLessThan(1_000);
    expect(broken).toBe(false);
    expect(text).not.toContain("[DONE]");
    expect(parsed(sseData(text).at(-1) ?? "").error.code).toBe("session_revoked");
    await agent.log.until(
      ({ msg, turn }) => msg === "rehearsal turn cancelled" && turn === stream.requestId,
    );
    await untilSession(agent, "revoked");
    expect(await agent.exited).toBe(1);
    expect(agent.stderr()).toEndWith("mlp: the session was revoked\n");
    const ended = await serve.log.until(
      ({ msg, turnId }) => msg === "turn ended" && turnId === stream.requestId,
    );
    expect(ended["outcome"]).toBe("refused");
    expect(refusal(await chat(say("revoked"), sessionId))).toBe("403 session_revoked");
  });

  test("a denied agent is told so, and never serves", async () => {
    const denied = await suite.start([
      ...["agent", "rehearsal", "--bridge", bridge.bridge, "--agent-id", "denied-agent"],
    ]);
    const id = await untilSession(denied, "pending");
    expect((await sessions("deny", "denied-agent")).code).toBe(0);
    await untilSession(denied, "denied");
    expect(await denied.exited).toBe(1);
    expect(denied.stderr()).toEndWith("mlp: the session was denied\n");
    expect(await statusOf(id)).toBe("denied");
    expect(refusal(await chat(say("denied"), id))).toBe("403 session_denied");
  });

  test("a name that nobody has is one clear line", async () => {
    const ran = await sessions("revoke", "nobody");
    expect(ran.code).toBe(1);
    expect(ran.stdout).toBe("");
    expect(ran.stderr).toContain("nobody");
    expect(ran.stderr.trim().split("\n")).toHaveLength(1);
  });
});

async function statusOf(sessionId: string): Promise<string | undefined> {
  const { sessions: all } = parsed((await sessions("list", "--json")).stdout);
  return all.find((each: { session_id: string }) => each.session_id === sessionId)?.status;
}

describe("what an approval grants", () => {
  test("max_requests admits exactly that many, however many come at once", async () => {
    const [counted, sessionId] = await join("counted-agent", "--max-requests", "6");
    const asked = 14;
    const answers = await Promise.all(
      Array.from({ length: asked }, (_, index) =>
        chat(`Prompt c${index}.\n/rehearse delay 150\n/rehearse say "one two three"`, sessionId),
      ),
    );
    // One request was spent on finding out that the provider knows the session.
    const outcomes = answers.map((answer) => (answer.status === 200 ? "200" : refusal(answer)));
    expect(outcomes.toSorted()).toEqual([
      ...Array<string>(5).fill("200"),
      ...Array<string>(asked - 5).fill("403 session_exhausted"),
    ]);
    expect(refusal(await chat(say("spent"), sessionId))).toBe("403 session_exhausted");
    // What is used up is asked for again: a human decides anew.
    await untilSession(counted, "exhausted");
    const since = counted.log.lines.findIndex(({ status }) => status === "exhausted");
    expect(await untilSession(counted, "pending", since)).not.toBe(sessionId);
    const started = counted.log.lines.filter(({ msg }) => msg === "rehearsal turn started");
    expect(started).toHaveLength(6);
  });

  test("max_tokens ends the grant with the answer that reaches it", async () => {
    const [, sessionId] = await join("token-agent", "--max-tokens", "200");
    const spend = (about: string) =>
      chat(`${about}\n/rehearse usage 150 50\n/rehearse say "ok"`, sessionId);
    expect((await spend("First.")).status).toBe(200);
    expect(refusal(await spend("Second."))).toBe("403 session_exhausted");
  });

  test("a grant that runs out ends an open stream in-band, and is asked for again", async () => {
    const [brief, sessionId] = await join("brief-agent", "--ttl", "3s");
    const prompt = `Until it expires.\n/rehearse say "first words "\n/rehearse hang`;
    const body = chatBody(prompt, { stream: true });
    const stream = await openStream(serve, "/v1/chat/completions", body, {
      "x-mcp-session": sessionId,
    });
    const { text } = await stream.rest();
    expect(parsed(sseData(text).at(-1) ?? "").error.code).toBe("session_expired");
    await untilSession(brief, "expired");
    const since = brief.log.lines.findIndex(({ status }) => status === "expired");
    expect(await untilSession(brief, "pending", since)).not.toBe(sessionId);
  });

  test("without the scope `tools` a request with tools is refused, one without is served", async () => {
    const [, sessionId] = await join("plain-agent", "--scopes", "inference");
    const tools = [{ type: "function", function: TOOL }];
    const answer = await chat(say("hello"), sessionId, { tools });
    expect(refusal(answer)).toBe("403 scope_missing");
    expect((await chat(say("hello"), sessionId)).status).toBe(200);
  });

  test("a policy of the configuration approves in place of a human, and nobody else", async () => {
    const file = path.join(suite.folder("config"), "config.yaml");
    const policies = [
      { match: { agent_id: "known-agent" }, grant: { scopes: ["inference"], max_requests: 3 } },
    ];
    writeFileSync(file, JSON.stringify({ sessions: { policies } }));
    const hub = await suite.start(["bridge", "--port", "0", "--config", file]);
    const joining = (id: string) =>
      suite.start(["agent", "rehearsal", "--bridge", hub.bridge, "--agent-id", id]);
    const [known, unknown] = await Promise.all([joining("known-agent"), joining("other-agent")]);
    await untilSession(known, "active");
    await untilSession(unknown, "pending");
    const { stdout } = await suite.run(["sessions", "list", "--json"], { home: hub.home });
    expect(parsed(stdout).sessions).toContainEqual(
      expect.objectContaining({
        agent_id: "known-agent",
        status: "active",
        scopes: ["inference"],
        max_requests: 3,
      }),
    );
  });

  test("a pin never falls through to another session", async () => {
    const [, serving] = await join("serving-agent");
    const [, resting] = await join("resting-agent");
    expect((await sessions("suspend", "resting-agent")).code).toBe(0);
    expect((await chat(say("hello"), serving)).headers.get("x-session-id")).toBe(serving);
    expect(refusal(await chat(say("hello"), resting))).toBe("403 session_suspended");
    expect(refusal(await chat(say("hello"), "session_unknown"))).toBe("404 session_not_found");
    // Not even to its failure: the same prompt is another request where it is pinned to another session.
    const failing = `Fail once.\n/rehearse error agent_error "It fell over."`;
    expect(refusal(await chat(failing, serving))).toBe("502 agent_error");
    expect(refusal(await chat(failing, resting))).toBe("403 session_suspended");
    expect(refusal(await chat(failing, "session_unknown"))).toBe("404 session_not_found");
    const ollama = await ask(serve, "/api/chat", {
      body: chatBody(say("hello")),
      headers: { "x-mcp-session": "session_unknown" },
    });
    expect(ollama.status).toBe(404);
    expect(typeof ollama.json.error).toBe("string");
  });
});
