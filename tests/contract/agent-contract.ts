// What every `Agent` keeps, whoever answers and however far away it is: one suite for all of them.
// A harness makes its agent act out a scenario; the suite knows nothing else about it. No test here waits for time to
// pass: the only clock is the guard that turns "never" into a failure.

import { afterEach, describe, expect, test } from "bun:test";
import { AppError, type ErrorCode } from "../../src/core/error.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import type { Agent } from "../../src/core/ports.ts";
import type { ChatRequest, Part, ResumeRequest, ToolResult, Turn } from "../../src/core/turn.ts";
import { assembleTurn, collectTurn } from "./collect-turn.ts";
import * as play from "./scenario.ts";
import type { Scenario } from "./scenario.ts";

interface RunningAgent {
  readonly agent: Agent;
  /** Resolves when a turn has reached the real agent (the far side, for a remote one). */
  readonly reached: Promise<void>;
  /** Resolves when the real agent noticed that a turn was cancelled. */
  readonly stopped: Promise<void>;
  close(): Promise<void>;
}

interface AgentSupports {
  /** `scripted`: answers with the scenario's vectors; `own`: with vectors of its own making. */
  readonly embeddings: "scripted" | "own" | "none";
  /** Whether it can end a turn `parked` and go on when the results come. */
  readonly parking: boolean;
  /** `exact` (the default): as the agent wrote them; `same`: what they mean, written anew on the way. */
  readonly callArguments?: "exact" | "same";
  /** `false`: by itself it never calls an editor's tool. Default `true`. */
  readonly toolCalls?: boolean;
  /** Whether it can say that an answer was cut. Default `true`. */
  readonly saysLength?: boolean;
  /** The error codes that its agent side can be made to fail with. */
  readonly failures: readonly ErrorCode[];
}

export interface AgentHarness {
  readonly supports: AgentSupports;
  start(scenario: Scenario): Promise<RunningAgent>;
}

const UNICODE = "naïve café: 日本語 · 👩🏽‍💻 · e\u0301 · \u2028 · a\tb\r\nc · \\ \" '";
const TOOL = { name: "read_file", parameters: { type: "object" } };
const OTHER_TOOL = { name: "list_files", parameters: { type: "object" } };

/** How long "at once" may take on a busy machine before it counts as never. The port promises a second. */
const GUARD_MS = 5_000;

export function agentContract(name: string, harness: AgentHarness): void {
  const running: RunningAgent[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((one) => one.close()));
  });
  async function start(...steps: readonly play.Step[]): Promise<RunningAgent> {
    return await startScenario([{ steps }]);
  }
  async function startScenario(scenario: Scenario): Promise<RunningAgent> {
    const one = await harness.start(scenario);
    running.push(one);
    return one;
  }

  describe(`${name} keeps the contract of an agent`, () => {
    describeAnswers(start, harness.supports);
    if (harness.supports.toolCalls !== false) describeToolCalls(start, harness.supports);
    describeFailures(start, harness.supports);
    describeCancelling(start);
    describeManyTurns(startScenario);
    describeParking(start, harness.supports);
    describeEmbeddings(start, harness.supports);
  });
}

type Start = (...steps: readonly play.Step[]) => Promise<RunningAgent>;

function describeAnswers(
  start: Start,
  { toolCalls = true, saysLength = true }: AgentSupports,
): void {
  test("text arrives in order, byte for byte, and one finish comes last", async () => {
    const { agent } = await start(play.say("Hello, "), play.say("wor"), play.say("ld.\n\n  "));
    const result = await soon(collectTurn(run(agent, chat())));
    expect(result.text).toBe("Hello, world.\n\n  ");
    expect(result.finish.reason).toBe("stop");
    expect(result.finish.parked ?? false).toBe(false);
    expect(result.events.filter(({ type }) => type === "finish")).toHaveLength(1);
    expect(result.events.at(-1)?.type).toBe("finish");
  });

  test("any Unicode comes through unchanged", async () => {
    const { agent } = await start(play.say(UNICODE), play.say("👨‍👩‍👧"), play.say("𝒳"));
    expect((await soon(collectTurn(run(agent, chat())))).text).toBe(`${UNICODE}👨‍👩‍👧𝒳`);
  });

  test("a long answer of small pieces arrives whole", async () => {
    const pieces = Array.from({ length: 2_000 }, (_, index) => `piece ${index} `);
    const { agent } = await start(...pieces.map((piece) => play.say(piece)));
    expect((await soon(collectTurn(run(agent, chat())))).text).toBe(pieces.join(""));
  });

  test("one large piece arrives whole", async () => {
    const text = "0123456789abcdef".repeat(20_000);
    const { agent } = await start(play.say(text));
    expect((await soon(collectTurn(run(agent, chat())))).text).toBe(text);
  });

  test("reasoning is kept apart from the text and comes before it", async () => {
    const { agent } = await start(play.think("Hm, "), play.think("so."), play.say("Yes."));
    const result = await soon(collectTurn(run(agent, chat())));
    expect([result.reasoning, result.text]).toEqual(["Hm, so.", "Yes."]);
    const types = result.events.map(({ type }) => type);
    expect(types.lastIndexOf("reasoning-delta")).toBeLessThan(types.indexOf("text-delta"));
  });

  test("the counts that the agent reported come with the finish", async () => {
    const { agent } = await start(
      play.say("ok"),
      play.usage({ promptTokens: 12, completionTokens: 34 }),
    );
    const { finish } = await soon(collectTurn(run(agent, chat())));
    expect(finish.usage?.promptTokens).toBe(12);
    expect(finish.usage?.completionTokens).toBe(34);
    expect(finish.usage?.estimated ?? false).toBe(false);
  });

  test.if(saysLength)("an answer cut by the token limit says so", async () => {
    const { agent } = await start(play.say("and then"), play.finish("length"));
    expect((await soon(collectTurn(run(agent, chat())))).finish.reason).toBe("length");
  });

  test("a whole answer has the same content as a streamed one", async () => {
    const { agent } = await start(
      play.think("because"),
      play.say("a "),
      play.say("b"),
      ...(toolCalls ? [play.call("call_w", "read_file", '{"path":', '"x"}')] : []),
      play.usage({ promptTokens: 3, completionTokens: 4 }),
    );
    const streamed = await soon(collectTurn(run(agent, chat({ stream: true }))));
    const whole = await soon(collectTurn(run(agent, chat({ stream: false }))));
    expect(whole.text).toBe("a b");
    expect({ ...whole, events: [] }).toEqual({ ...streamed, events: [] });
  });
}

function describeToolCalls(start: Start, { callArguments = "exact" }: AgentSupports): void {
  test("a tool call has its id, its name and its arguments byte for byte", async () => {
    const { agent } = await start(
      play.call("call_a", "read_file", '{"pa', 'th": "é\\n', '.txt", "n":1e2}'),
    );
    const result = await soon(collectTurn(run(agent, chat())));
    const written = '{"path": "é\\n.txt", "n":1e2}';
    const expected = callArguments === "exact" ? written : JSON.stringify(JSON.parse(written));
    expect(result.toolCalls).toEqual([{ id: "call_a", name: "read_file", arguments: expected }]);
    expect(result.finish.reason).toBe("tool_calls");
  });

  test("a call without arguments means an empty object", async () => {
    const { agent } = await start(play.call("call_a", "list_files"));
    const result = await soon(collectTurn(run(agent, chat())));
    expect(result.toolCalls).toEqual([{ id: "call_a", name: "list_files", arguments: "{}" }]);
  });

  test("two calls follow each other, after the text", async () => {
    const { agent } = await start(
      play.say("Looking."),
      play.call("call_a", "read_file", '{"path":', '"a"}'),
      play.call("call_b", "list_files", '{"dir":', '"b"}'),
    );
    const result = await soon(collectTurn(run(agent, chat())));
    expect(result.text).toBe("Looking.");
    expect(result.toolCalls).toEqual([
      { id: "call_a", name: "read_file", arguments: '{"path":"a"}' },
      { id: "call_b", name: "list_files", arguments: '{"dir":"b"}' },
    ]);
    expect(result.finish.reason).toBe("tool_calls");
  });
}

function describeFailures(start: Start, { failures }: AgentSupports): void {
  for (const code of failures) {
    test(`a failure before the first word is thrown as ${code}`, async () => {
      const { agent } = await start(play.fail(code));
      const { events, error } = await soon(drain(run(agent, chat())));
      expect(events).toEqual([]);
      expect(codeOf(error)).toBe(code);
    });

    test(`a failure in mid-answer is thrown as ${code}, after what was said and without a finish`, async () => {
      const { agent } = await start(play.say("So far, "), play.say("so good"), play.fail(code));
      const { events, error } = await soon(drain(run(agent, chat())));
      // A connection that breaks may take with it what was on its way; what arrives is never out of order.
      if (code === "agent_lost") expect("So far, so good").toStartWith(textOf(events));
      else expect(textOf(events)).toBe("So far, so good");
      expect(events.some(({ type }) => type === "finish")).toBe(false);
      expect(codeOf(error)).toBe(code);
    });
  }

  test("after a failure the next turn is answered as if nothing had happened", async () => {
    const code = failures.find((code) => code !== "agent_lost");
    if (code === undefined) throw new Error("a harness names a failure other than agent_lost");
    const { agent } = await start(play.say("once"), play.fail(code));
    await soon(drain(run(agent, chat())));
    expect(textOf((await soon(drain(run(agent, chat())))).events)).toBe("once");
  });
}

function describeCancelling(start: Start): void {
  test("a signal that has aborted already starts nothing", async () => {
    const { agent } = await start(play.say("never"));
    const signal = AbortSignal.abort();
    const { events, error } = await soon(drain(agent.run(turn(chatFor(agent)), signal)));
    expect(events).toEqual([]);
    expect(codeOf(error)).toBe("client_cancelled");
  });

  test("an abort in mid-answer ends the turn by throwing, and the agent hears it", async () => {
    const { agent, stopped } = await start(play.say("one"), play.hang);
    const abort = new AbortController();
    const turnEvents = agent.run(turn(chatFor(agent)), abort.signal)[Symbol.asyncIterator]();
    expect(await soon(turnEvents.next())).toEqual({
      done: false,
      value: { type: "text-delta", text: "one" },
    });
    const next = turnEvents.next();
    abort.abort();
    expect(codeOf(await soon(rejection(next)))).toBe("client_cancelled");
    await soon(stopped);
  });

  test("an abort says why: the error it was aborted with is the one that is thrown", async () => {
    const { agent, stopped } = await start(play.say("one"), play.hang);
    const abort = new AbortController();
    const turnEvents = agent.run(turn(chatFor(agent)), abort.signal)[Symbol.asyncIterator]();
    await soon(turnEvents.next());
    const next = turnEvents.next();
    abort.abort(new AppError("session_revoked", "The session was revoked."));
    expect(codeOf(await soon(rejection(next)))).toBe("session_revoked");
    await soon(stopped);
  });

  test("an abort reaches an agent that has not said a word yet", async () => {
    const { agent, reached, stopped } = await start(play.hang);
    const abort = new AbortController();
    const ended = drain(agent.run(turn(chatFor(agent)), abort.signal));
    await soon(reached);
    abort.abort();
    const { events, error } = await soon(ended);
    expect(events).toEqual([]);
    expect(codeOf(error)).toBe("client_cancelled");
    await soon(stopped);
  });

  test("walking away from the iterator cancels the turn at the agent", async () => {
    const { agent, stopped } = await start(play.say("one"), play.hang);
    const seen: TurnEvent[] = [];
    for await (const event of run(agent, chat())) {
      seen.push(event);
      break;
    }
    await soon(stopped);
    expect(textOf(seen)).toBe("one");
  });
}

function describeManyTurns(start: (scenario: Scenario) => Promise<RunningAgent>): void {
  test("many turns at once do not mix", async () => {
    const names = Array.from({ length: 40 }, (_, index) => `turn ${index}`);
    const { agent } = await start(
      names.map((when) => ({
        when,
        steps: [play.say(`<${when}`), play.say(" and "), play.say(`${when}>`)],
      })),
    );
    const texts = await soon(
      Promise.all(
        names.map(async (name) => (await collectTurn(run(agent, chat({ message: name })))).text),
      ),
    );
    expect(texts).toEqual(names.map((name) => `<${name} and ${name}>`));
  });

  test("cancelling one turn leaves the others alone", async () => {
    const { agent, stopped } = await start([
      { when: "stop me", steps: [play.say("x"), play.hang] },
      { when: "go on", steps: [play.say("still"), play.say(" here")] },
    ]);
    const abort = new AbortController();
    const toStop = turn(chatFor(agent, { message: "stop me" }));
    const doomed = agent.run(toStop, abort.signal)[Symbol.asyncIterator]();
    await soon(doomed.next());
    const other = run(agent, chat({ message: "go on" }))[Symbol.asyncIterator]();
    const first = await soon(other.next());
    const next = doomed.next();
    abort.abort();
    await soon(rejection(next));
    await soon(stopped);
    const rest = await soon(drain({ [Symbol.asyncIterator]: () => other }));
    const events = first.done === true ? rest.events : [first.value, ...rest.events];
    expect(assembleTurn(events).text).toBe("still here");
  });
}

function describeParking(start: Start, { parking, toolCalls = true }: AgentSupports): void {
  test("resuming a turn that nobody parked is refused as parked_turn_unknown", async () => {
    const { agent } = await start(play.say("hello"));
    const { events, error } = await soon(drain(run(agent, resume("turn_never_was"))));
    expect(events).toEqual([]);
    expect(codeOf(error)).toBe("parked_turn_unknown");
  });

  if (!toolCalls) return;
  if (!parking) {
    test("a turn that calls tools ends without being parked", async () => {
      const { agent } = await start(play.call("call_a", "read_file", "{}"));
      const { finish } = await soon(collectTurn(run(agent, chat())));
      expect([finish.reason, finish.parked ?? false]).toEqual(["tool_calls", false]);
    });
    return;
  }

  test("a parked turn ends with its calls, and the results continue it", async () => {
    const { agent } = await start(
      play.say("Reading. "),
      play.call("call_p", "read_file", '{"path":"a"}'),
      play.park,
      play.say("It says: "),
      play.sayResults,
    );
    const parked = await soon(collectTurn(run(agent, chat(), "turn_parked_1")));
    expect(parked.text).toBe("Reading. ");
    expect(parked.toolCalls.map(({ id }) => id)).toEqual(["call_p"]);
    expect(parked.finish).toMatchObject({ reason: "tool_calls", parked: true });

    const results = [resultOf("call_p", UNICODE)];
    const resumed = await soon(collectTurn(run(agent, resume("turn_parked_1", results))));
    expect(resumed.text).toBe(`It says: ${UNICODE}`);
    expect([resumed.finish.reason, resumed.finish.parked ?? false]).toEqual(["stop", false]);
  });

  test("an image among the results arrives, in its place", async () => {
    const { agent } = await start(
      play.call("call_i", "read_file", "{}"),
      play.park,
      play.sayResults,
    );
    await soon(collectTurn(run(agent, chat(), "turn_image_1")));
    const result = { toolCallId: "call_i", content: [words("Shot: "), IMAGE, words(" done.")] };
    const resumed = await soon(collectTurn(run(agent, resume("turn_image_1", [result]))));
    // A chat reads its texts a line each.
    expect(resumed.text.replaceAll("\n", "")).toBe("Shot: [image/png, 5 bytes] done.");
  });

  test("a resumed turn may park again", async () => {
    const { agent } = await start(
      play.call("call_1", "read_file", "{}"),
      play.park,
      play.call("call_2", "list_files", "{}"),
      play.park,
      play.say("done"),
    );
    await soon(collectTurn(run(agent, chat(), "turn_twice_1")));
    const second = await soon(
      collectTurn(run(agent, resume("turn_twice_1", [resultOf("call_1", "1")]), "turn_twice_2")),
    );
    expect(second.toolCalls.map(({ id }) => id)).toEqual(["call_2"]);
    expect(second.finish.parked).toBe(true);
    const third = resume("turn_twice_2", [resultOf("call_2", "2")]);
    expect((await soon(collectTurn(run(agent, third)))).text).toBe("done");
  });

  test("a parked turn is resumed once: a second time is refused", async () => {
    const { agent } = await start(
      play.call("call_o", "read_file", "{}"),
      play.park,
      play.say("went on"),
    );
    await soon(collectTurn(run(agent, chat(), "turn_once_1")));
    const results = [resultOf("call_o", "x")];
    await soon(collectTurn(run(agent, resume("turn_once_1", results))));
    const { events, error } = await soon(drain(run(agent, resume("turn_once_1", results))));
    expect(events).toEqual([]);
    expect(codeOf(error)).toBe("parked_turn_unknown");
  });

  test("a resumed turn can be cancelled like any other", async () => {
    const { agent, stopped } = await start(
      play.call("call_c", "read_file", "{}"),
      play.park,
      play.say("hm"),
      play.hang,
    );
    await soon(collectTurn(run(agent, chat(), "turn_cancel_1")));
    const abort = new AbortController();
    const request = resume("turn_cancel_1", [resultOf("call_c", "x")])(agent);
    const turnEvents = agent.run(turn(request), abort.signal)[Symbol.asyncIterator]();
    await soon(turnEvents.next());
    const next = turnEvents.next();
    abort.abort();
    expect(codeOf(await soon(rejection(next)))).toBe("client_cancelled");
    await soon(stopped);
  });
}

function describeEmbeddings(start: Start, { embeddings }: AgentSupports): void {
  if (embeddings === "none") return;
  const table = { first: [0.5, -1, 0.25], second: [1, 2, 3] };

  test("an embedding answers one vector for each input, in their order", async () => {
    const { agent } = await start(play.vectors(table));
    const result = await soon(collectTurn(run(agent, embedding(["second", "first", "second"]))));
    expect(result.vectors).toHaveLength(3);
    expect(result.vectors[0]).toEqual(result.vectors[2] ?? []);
    expect(result.vectors[0]).not.toEqual(result.vectors[1] ?? []);
    expect(new Set(result.vectors.map(({ length }) => length)).size).toBe(1);
    expect(result.vectors.flat().every((number) => Number.isFinite(number))).toBe(true);
    if (embeddings === "scripted") {
      expect(result.vectors).toEqual([table.second, table.first, table.second]);
    }
    expect(result.text).toBe("");
  });
}

// Turns and what comes of them.

type RequestFor = (agent: Agent) => Turn["request"];

let turns = 0;

/** Ids are never used twice. */
function turn(request: Turn["request"], id?: string): Turn {
  turns += 1;
  return {
    id: id ?? `turn_contract_${turns}`,
    sessionId: "session_contract",
    deadlineMs: 60_000,
    scopes: ["inference", "tools"],
    request,
  };
}

function run(agent: Agent, request: RequestFor, id?: string): AsyncIterable<TurnEvent> {
  return agent.run(turn(request(agent), id), new AbortController().signal);
}

interface ChatOptions {
  readonly message?: string;
  readonly stream?: boolean;
}

function chat(options: ChatOptions = {}): RequestFor {
  return (agent) => chatFor(agent, options);
}

function chatFor(
  agent: Agent,
  { message = "hello", stream = true }: ChatOptions = {},
): ChatRequest {
  return {
    kind: "chat",
    model: modelOf(agent),
    stream,
    messages: [
      { role: "system", content: [{ type: "text", text: "Be brief." }] },
      { role: "user", content: [{ type: "text", text: message }] },
    ],
    parameters: {},
    tools: [TOOL, OTHER_TOOL],
  };
}

const IMAGE: Part = { type: "image", mediaType: "image/png", data: "AAECAwQ=" };

function words(text: string): Part {
  return { type: "text", text };
}

function resultOf(toolCallId: string, text: string): ToolResult {
  return { toolCallId, content: [words(text)] };
}

function resume(resumes: string, results: ResumeRequest["results"] = []): RequestFor {
  return (agent) => ({ kind: "resume", model: modelOf(agent), stream: true, resumes, results });
}

function embedding(input: readonly string[]): RequestFor {
  return (agent) => ({
    kind: "embedding",
    model: modelOf(agent),
    stream: false,
    input,
    parameters: {},
  });
}

function modelOf(agent: Agent): string {
  return agent.info.models[0]?.id ?? "contract";
}

interface Drained {
  readonly events: readonly TurnEvent[];
  readonly error: unknown;
}

/** Reads to the end, good or bad. */
async function drain(events: AsyncIterable<TurnEvent>): Promise<Drained> {
  const seen: TurnEvent[] = [];
  try {
    for await (const event of events) seen.push(event);
  } catch (error) {
    return { events: seen, error };
  }
  return { events: seen, error: undefined };
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

function codeOf(error: unknown): string {
  return error instanceof AppError ? error.code : `no AppError: ${String(error)}`;
}

function textOf(events: readonly TurnEvent[]): string {
  return events.map((event) => (event.type === "text-delta" ? event.text : "")).join("");
}

async function soon<T>(promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const guard = setTimeout(() => reject(new Error("it never happened")), GUARD_MS);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(guard);
  }
}
