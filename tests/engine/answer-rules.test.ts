import { describe, expect, test } from "bun:test";
import type { AppError } from "../../src/core/error.ts";
import type { FinishEvent, TurnEvent } from "../../src/core/event.ts";
import type { Agent } from "../../src/core/ports.ts";
import type { ChatRequest, Message, ResponseFormat, Turn } from "../../src/core/turn.ts";
import { eventsOfTurn, refuseBadRules } from "../../src/engine/answer-rules.ts";
import { createFakeClock, createFakeRandom } from "../support/fake-clock.ts";

const SCHEMA: ResponseFormat = {
  type: "json-schema",
  name: "answer",
  schema: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
};
const GOOD = '{"city":"Ulm"}';
const FINISH: FinishEvent = { type: "finish", reason: "stop" };
const USAGE = { promptTokens: 10, completionTokens: 5 };

type Answer = readonly TurnEvent[] | ((signal: AbortSignal) => AsyncIterable<TurnEvent>);

const text = (text: string): TurnEvent => ({ type: "text-delta", text });
const says = (...texts: string[]): readonly TurnEvent[] => [...texts.map(text), FINISH];

/** An agent that gives these answers one after the other. */
function setUp(answers: readonly Answer[], fields: Partial<ChatRequest> = {}, resumed = false) {
  const clock = createFakeClock();
  const turns: Turn[] = [];
  const signals: AbortSignal[] = [];
  const agent: Agent = {
    info: { agentId: "a", label: "", connector: "test", models: [], requestedScopes: [] },
    run: async function* (turn, signal) {
      turns.push(turn);
      signals.push(signal);
      const answer = answers[turns.length - 1] ?? [];
      if (typeof answer === "function") yield* answer(signal);
      else yield* answer;
    },
  };
  const request: ChatRequest = {
    kind: "chat",
    model: "m",
    stream: true,
    messages: [user("Where?")],
    parameters: {},
    ...fields,
  };
  const turn: Turn = { id: "req_1", sessionId: "s", deadlineMs: 1_000, scopes: [], request };
  const resume = {
    kind: "resume",
    model: "m",
    stream: true,
    resumes: "req_0",
    results: [],
  } as const;
  const heard = { firstEventAt: undefined, lastEventAt: undefined };
  const client = new AbortController();
  let held = 0;
  const job = {
    turn: resumed ? { ...turn, request: resume } : turn,
    fallback: resumed ? turn : undefined,
    lease: { agent },
    stop: { signal: client.signal },
    held: { grow: (more: number) => (held += more) },
    clock,
    random: createFakeRandom(),
    limits: { answerSize: 200 },
  };
  const events = (): AsyncIterable<TurnEvent> => eventsOfTurn(job, heard);
  return { job, events, turns, signals, clock, heard, client, held: () => held };
}

function user(text: string): Message {
  return { role: "user", content: [{ type: "text", text }] };
}

async function all(events: AsyncIterable<TurnEvent>): Promise<TurnEvent[]> {
  return await Array.fromAsync(events);
}

function textOf({ content }: Message): string {
  return content.map((part) => (part.type === "text" ? part.text : "")).join("");
}

function messagesOf(turn: Turn | undefined): readonly Message[] {
  return turn?.request.kind === "chat" ? turn.request.messages : [];
}

describe("a request that asks for nothing special", () => {
  test("gets the agent's own iteration and signal", () => {
    const plain = (async function* () {})();
    const { job, events } = setUp([]);
    const asked: AbortSignal[] = [];
    job.lease.agent.run = (_turn, signal) => {
      asked.push(signal);
      return plain;
    };
    expect(events()).toBe(plain);
    expect(asked).toEqual([job.stop.signal]);
  });
});

describe("an answer that must be JSON", () => {
  test.each([
    ["bare", GOOD],
    ["in a fence", `\`\`\`json\n${GOOD}\n\`\`\``],
    ["between sentences", `Here you are: ${GOOD}. Anything else?`],
  ])("reaches the client as the document alone: %s", async (_name, answer) => {
    const { events, turns } = setUp([says(answer.slice(0, 5), answer.slice(5))], {
      responseFormat: SCHEMA,
    });
    expect(await all(events())).toEqual([text(GOOD), FINISH]);
    expect(turns).toHaveLength(1);
  });

  test("is asked for once more, with what was wrong, and costs both", async () => {
    const reasoning: TurnEvent = { type: "reasoning-delta", text: "Hm." };
    const { events, turns, clock } = setUp(
      [
        async function* (): AsyncGenerator<TurnEvent> {
          yield text('{"town":"Ulm"}');
          clock.advance(399.5);
          yield { ...FINISH, usage: USAGE };
        } satisfies Answer,
        [reasoning, text(GOOD), { ...FINISH, usage: { ...USAGE, cachedTokens: 3 } }],
      ],
      { responseFormat: SCHEMA, tools: [{ name: "t" }] },
    );
    expect(await all(events())).toEqual([
      reasoning,
      text(GOOD),
      { ...FINISH, usage: { promptTokens: 20, completionTokens: 10, cachedTokens: 3 } },
    ]);
    const [first, second] = turns;
    expect(second).toMatchObject({
      sessionId: "s",
      deadlineMs: 600,
      request: { toolChoice: "none" },
    });
    expect(second?.id).toStartWith("turn_");
    expect(second?.id).not.toBe(first?.id);
    const [asked, answer, complaint] = messagesOf(second);
    expect(asked).toEqual(user("Where?"));
    expect(answer).toMatchObject({ role: "assistant", content: [{ text: '{"town":"Ulm"}' }] });
    expect(complaint?.role).toBe("user");
    expect(complaint && textOf(complaint)).toContain(
      'The value at $ must have the property "city".',
    );
    expect(complaint && textOf(complaint)).toContain(JSON.stringify(SCHEMA.schema));
  });

  test("is estimated as a whole where one of the two was not counted", async () => {
    const { events } = setUp([says("x".repeat(40)), says(GOOD)], { responseFormat: SCHEMA });
    const finish = (await all(events())).at(-1);
    expect(finish).toMatchObject({ usage: { estimated: true } });
    expect(finish?.type === "finish" && finish.usage?.completionTokens).toBe(10 + 4);
  });

  test.each([
    ["no JSON", "I will not.", "it was no JSON"],
    ["nothing", "", "it was no JSON"],
    ["two documents", `${GOOD} ${GOOD}`, "it was no JSON"],
    ["JSON that does not fit", '{"city":"Secretville","x":1}', "failed: additionalProperties"],
  ])(
    "is an error when the second is %s too, and the error tells none of it",
    async (_name, answer, why) => {
      const { events, turns } = setUp([says(answer), says(answer)], { responseFormat: SCHEMA });
      const seen: TurnEvent[] = [];
      const failure = await (async () => {
        for await (const event of events()) seen.push(event);
      })().catch((error: AppError) => error);
      expect(failure).toMatchObject({ code: "agent_error" });
      expect(failure?.message).toContain(why);
      expect(failure?.message).not.toContain("Secretville");
      expect(seen).toEqual([]);
      expect(turns).toHaveLength(2);
    },
  );

  test("is an object where no schema says more", async () => {
    const { events, turns } = setUp([says("[1]"), says('{"a":1}')], {
      responseFormat: { type: "json" },
    });
    expect((await all(events()))[0]).toEqual(text('{"a":1}'));
    expect(messagesOf(turns[1]).map(textOf).join()).toContain("It must be a JSON object.");
  });

  test("is passed on as it is when its end says that it is incomplete", async () => {
    const finish: TurnEvent = { type: "finish", reason: "length" };
    const { events, turns } = setUp([[text('{"city":'), finish]], { responseFormat: SCHEMA });
    expect(await all(events())).toEqual([text('{"city":'), finish]);
    expect(turns).toHaveLength(1);
  });

  test("is not looked at when the agent calls tools, and the agent is not asked again", async () => {
    const calls: readonly TurnEvent[] = [
      text("Let me see."),
      { type: "tool-call-start", id: "1", name: "t" },
      { type: "tool-call-delta", id: "1", arguments: "{}" },
      { type: "finish", reason: "tool_calls", parked: true },
    ];
    const { events, turns } = setUp([calls], { responseFormat: SCHEMA });
    expect(await all(events())).toEqual([...calls]);
    expect(turns).toHaveLength(1);
  });

  test("may not become a tool call when it is asked for again", async () => {
    const call: TurnEvent = { type: "tool-call-start", id: "1", name: "t" };
    const { events } = setUp([says("no"), [call, FINISH]], { responseFormat: SCHEMA });
    await expect(all(events())).rejects.toMatchObject({ code: "agent_error" });
  });

  test("of a turn that goes on with a parked one is repaired with the whole conversation", async () => {
    const { events, turns } = setUp([says("no"), says(GOOD)], { responseFormat: SCHEMA }, true);
    expect((await all(events()))[0]).toEqual(text(GOOD));
    expect(turns.map(({ request }) => request.kind)).toEqual(["resume", "chat"]);
    expect(messagesOf(turns[1])[0]).toEqual(user("Where?"));
  });

  test("may be no larger than what is kept", async () => {
    const { events, held } = setUp([says(`"${"x".repeat(150)}`, "x".repeat(150))], {
      responseFormat: SCHEMA,
    });
    await expect(all(events())).rejects.toMatchObject({ code: "agent_error" });
    expect(held()).toBe(151);
  });

  test("is heard of while it is kept", async () => {
    const told = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const { events, clock, heard } = setUp(
      [
        async function* () {
          clock.advance(5);
          yield text('{"city":');
          told.resolve();
          await go.promise;
          clock.advance(5);
          yield* says('"Ulm"}');
        },
      ],
      { responseFormat: SCHEMA },
    );
    const ended = all(events());
    await told.promise;
    expect(heard).toMatchObject({ firstEventAt: 5, lastEventAt: 5 });
    go.resolve();
    await ended;
    expect(heard).toMatchObject({ firstEventAt: 5, lastEventAt: 10 });
  });

  test("that cannot be checked is an error of its own, and is not asked for again", async () => {
    const schema = { anyOf: [{ $ref: "#" }] };
    const { events, turns } = setUp([says("1")], { responseFormat: { ...SCHEMA, schema } });
    await expect(all(events())).rejects.toMatchObject({
      code: "unsupported",
      param: "response_format",
    });
    expect(turns).toHaveLength(1);
  });

  test("fails as its agent fails, in the repair too", async () => {
    const gone = async function* (): AsyncGenerator<TurnEvent> {
      yield text("x");
      throw new TypeError("gone");
    };
    const { events } = setUp([says("no"), gone], { responseFormat: SCHEMA });
    await expect(all(events())).rejects.toThrow("gone");
    await expect(all(setUp([[]], { responseFormat: SCHEMA }).events())).rejects.toMatchObject({
      code: "agent_error",
    });
  });
});

describe("an answer with a stop sequence", () => {
  const parameters = { stop: ["END"] };

  test("stops its agent, whose signal is its own", async () => {
    const { events, signals, client } = setUp([says("one EN", "D two")], { parameters });
    expect((await all(events())).at(-1)).toMatchObject({ reason: "stop", stopSequence: "END" });
    expect(signals[0]?.aborted).toBe(true);
    expect(signals[0]?.reason).toMatchObject({ code: "client_cancelled" });
    expect(client.signal.aborted).toBe(false);
  });

  test("is streamed by its agent even where the client wants it whole, to be stopped in time", async () => {
    const { events, turns } = setUp([says("one END")], { parameters, stream: false });
    await all(events());
    expect(turns[0]?.request).toMatchObject({ kind: "chat", stream: true });
    const plain = setUp([says("one"), says("two")], {
      responseFormat: { type: "json" },
      stream: false,
    });
    await expect(all(plain.events())).rejects.toMatchObject({ code: "agent_error" });
    expect(plain.turns[0]?.request).toMatchObject({ stream: false });
  });

  test("still hears of the turn's own end", async () => {
    const { events, signals, client } = setUp([says("one", "two")], { parameters });
    for await (const _event of events()) {
      client.abort(new Error("enough"));
      break;
    }
    expect(signals[0]?.reason).toMatchObject({ message: "enough" });
    const late = setUp([says("one")], { parameters });
    late.client.abort();
    await all(late.events());
    expect(late.signals[0]?.aborted).toBe(true);
  });

  test("lets an agent that waits parked hear that nobody comes back, after the answer", async () => {
    const call: TurnEvent = { type: "tool-call-start", id: "c1", name: "read" };
    const parked: FinishEvent = { type: "finish", reason: "tool_calls", parked: true };
    const { events, signals, client } = setUp([[text("one"), call, parked]], { parameters });
    expect((await all(events())).at(-1)).toEqual(parked);
    expect(signals[0]?.aborted).toBe(false);
    client.abort(new Error("nobody comes"));
    expect(signals[0]?.reason).toMatchObject({ message: "nobody comes" });
  });

  test("is JSON up to there, where both are asked for", async () => {
    const { events, turns } = setUp([says(`${GOOD}END{`)], { parameters, responseFormat: SCHEMA });
    expect(await all(events())).toEqual([text(GOOD), { ...FINISH, stopSequence: "END" }]);
    expect(turns).toHaveLength(1);
  });
});

describe("before an agent starts", () => {
  const ask = (fields: Partial<ChatRequest>): (() => void) => {
    const { turn } = setUp([], fields).job;
    return () => turn.request.kind === "resume" || refuseBadRules(turn.request);
  };

  test("a schema that is none is refused", () => {
    const schema = { type: "no type" };
    expect(ask({ responseFormat: { ...SCHEMA, schema } })).toThrow(
      expect.objectContaining({ code: "invalid_request", param: "response_format" }),
    );
    expect(ask({ responseFormat: SCHEMA })).not.toThrow();
  });

  test("more stop sequences than anybody needs are refused", () => {
    const many = Array.from({ length: 257 }, (_, index) => `${index}`);
    for (const stop of [many, ["x".repeat(16_385)]]) {
      expect(ask({ parameters: { stop } })).toThrow(
        expect.objectContaining({ code: "invalid_request", param: "stop" }),
      );
    }
    expect(ask({ parameters: { stop: many.slice(1) } })).not.toThrow();
  });
});
