// The editor's tools over an agent that takes MCP servers: from its call to the editor and back, and every way in which
// that can end otherwise. The agents here are scripted and use the official MCP client; time moves only when told.

import { afterEach, describe, expect, test } from "bun:test";
import type { Turn } from "../../../src/core/turn.ts";
import { createFakeRandom } from "../../support/fake-clock.ts";
import { chatRequest, turnOf } from "../support.ts";
import {
  type Bench,
  type Play,
  GATHER_MS,
  READ,
  STOP,
  asks,
  bench,
  brings,
  hang,
  refusal,
  say,
  settle,
} from "./support.ts";

const open: Bench[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map(({ tools }) => tools.close()));
});

function started(...given: Parameters<typeof bench>): Bench {
  const one = bench(...given);
  open.push(one);
  return one;
}

/** Reads one file and says what is in it. */
const reader: Play = async function* ({ call }) {
  yield say("Let me look. ");
  const text = await call("read_file", { path: "a.txt" });
  yield say(`It says ${text}.`);
  yield STOP;
};

async function parkedReader(
  more: Parameters<typeof bench>[1] = {},
): Promise<Bench & { turn: Turn; id: string }> {
  const one = started(reader, more);
  const turn = asks();
  const { toolCalls } = await one.readParked(turn, 1);
  return { ...one, turn, id: toolCalls[0]!.id };
}

describe("a call of the editor's tools", () => {
  test("ends the turn parked, and its result continues the same run of the agent", async () => {
    const { inner, readParked, read } = started(reader);
    const turn = asks();
    const parked = await readParked(turn, 1);
    expect(parked.text).toBe("Let me look. ");
    expect(parked.toolCalls).toEqual([
      { id: expect.stringMatching(/^call_/), name: "read_file", arguments: '{"path":"a.txt"}' },
    ]);
    expect(parked.finish).toEqual({ type: "finish", reason: "tool_calls", parked: true });
    const rest = await read(brings(turn, { [parked.toolCalls[0]!.id]: "a nonce: 7f3a" }));
    expect(rest.text).toBe("It says a nonce: 7f3a.");
    expect(rest.finish).toEqual({ type: "finish", reason: "stop" });
    expect(inner.turns).toHaveLength(1);
    expect(inner.stopped).toBe(0);
  });

  test("goes by the tool's own name, with its schema as the editor gave it", async () => {
    const { read } = started(async function* ({ client }) {
      const { tools } = await (await client()).listTools();
      yield say(JSON.stringify(tools));
      yield STOP;
    });
    const { text } = await read(asks());
    expect(JSON.parse(text)).toEqual([
      { name: "read_file", description: "Reads a file.", inputSchema: READ.parameters },
      { name: "list_files", inputSchema: { type: "object" } },
    ]);
  });

  test("without arguments has an empty object", async () => {
    const { readParked } = started(async function* ({ call }) {
      yield say(await call("list_files"));
      yield STOP;
    });
    const { events, toolCalls } = await readParked(asks(), 1);
    expect(toolCalls[0]?.arguments).toBe("{}");
    expect(events.map(({ type }) => type)).toEqual(["tool-call-start", "finish"]);
  });

  test("of a tool that the editor does not have is answered at once, and the editor hears nothing", async () => {
    const { read } = started(async function* ({ call }) {
      yield say(await call("format_disk"));
      yield STOP;
    });
    const { text, toolCalls } = await read(asks());
    expect(text).toBe('!The editor has no tool of the name "format_disk".');
    expect(toolCalls).toEqual([]);
  });

  test("that failed in the editor is an error to the agent", async () => {
    const { read, turn, id } = await parkedReader();
    const resumed = brings(turn, {});
    const content = [{ type: "text", text: "no such file" }];
    const results = [{ toolCallId: id, content, isError: true }];
    const request = { ...resumed.request, results } as Turn["request"];
    expect((await read({ ...resumed, request })).text).toBe("It says !no such file.");
  });

  test("made at the same time as another goes with it, and each gets its own result", async () => {
    const { read, readParked } = started(async function* ({ call }) {
      const [a, b] = await Promise.all([
        call("read_file", { path: "a" }),
        call("read_file", { path: "b" }),
      ]);
      yield say(`a=${a} b=${b}`);
      yield STOP;
    });
    const turn = asks();
    const { toolCalls } = await readParked(turn, 2);
    expect(toolCalls.map((call) => call.arguments).toSorted()).toEqual([
      '{"path":"a"}',
      '{"path":"b"}',
    ]);
    const results = toolCalls.map(({ id, arguments: text }) => [
      id,
      text.includes('"a"') ? "one" : "two",
    ]);
    const { text } = await read(brings(turn, Object.fromEntries(results)));
    expect(text).toBe("a=one b=two");
  });

  test("goes alone where the editor wants one at a time", async () => {
    const { read, readParked } = started(async function* ({ call }) {
      const texts = await Promise.all([call("read_file", { path: "x" }), call("list_files")]);
      yield say(texts.join("+"));
      yield STOP;
    });
    const first = asks({ parameters: { parallelToolCalls: false } });
    const one = await readParked(first, 2);
    expect(one.toolCalls).toHaveLength(1);
    const second = brings(first, { [one.toolCalls[0]!.id]: "1" });
    const two = await read(second);
    expect(two.toolCalls).toHaveLength(1);
    expect(two.toolCalls[0]!.name).not.toBe(one.toolCalls[0]!.name);
    const { text } = await read(brings(second, { [two.toolCalls[0]!.id]: "1" }));
    expect(text).toBe("1+1");
  });

  test("may follow another, for as many rounds as it takes", async () => {
    const { inner, read, readParked } = started(async function* ({ call }) {
      let sum = "";
      for (let round = 1; round <= 5; round += 1)
        sum += await call("read_file", { path: `${round}` });
      yield say(sum);
      yield STOP;
    });
    let turn = asks();
    let parked = await readParked(turn, 1);
    for (let round = 1; round < 5; round += 1) {
      const next = brings(turn, { [parked.toolCalls[0]!.id]: `<${round}>` });
      parked = await readParked(next, round + 1);
      expect(parked.toolCalls[0]!.arguments).toBe(`{"path":"${round + 1}"}`);
      turn = next;
    }
    const { text } = await read(brings(turn, { [parked.toolCalls[0]!.id]: "<5>" }));
    expect(text).toBe("<1><2><3><4><5>");
    expect(inner.turns).toHaveLength(1);
  });

  test("that comes while others wait for the editor goes in the round after them", async () => {
    const late = Promise.withResolvers<void>();
    const { read, readParked, random, clock } = started(async function* ({ call }) {
      const first = call("read_file", { path: "early" });
      await late.promise;
      const second = call("read_file", { path: "late" });
      yield say([await first, await second].join(" "));
      yield STOP;
    });
    const turn = asks();
    const one = await readParked(turn, 1);
    late.resolve();
    await random.called(2);
    clock.advance(GATHER_MS);
    const next = brings(turn, { [one.toolCalls[0]!.id]: "1" });
    const two = await read(next);
    expect(two.toolCalls.map((call) => call.arguments)).toEqual(['{"path":"late"}']);
    expect((await read(brings(next, { [two.toolCalls[0]!.id]: "2" }))).text).toBe("1 2");
  });

  test("the agent's own is none of the editor's", async () => {
    const { read } = started(async function* () {
      yield { type: "tool-call-start", id: "own", name: "bash" };
      yield { type: "tool-call-delta", id: "own", arguments: '{"command":"ls"}' };
      yield say("done");
      yield { type: "finish", reason: "tool_calls" };
    });
    const result = await read(asks());
    expect(result.toolCalls).toEqual([]);
    expect([result.text, result.finish.reason]).toEqual(["done", "stop"]);
  });

  test("what the agent says while it waits is heard in the turn that resumes it", async () => {
    const { read, readParked } = started(async function* ({ call }) {
      const text = call("read_file", { path: "a" });
      yield say("before ");
      yield say("and meanwhile ");
      yield say(await text);
      yield STOP;
    });
    const turn = asks();
    const first = await readParked(turn, 1);
    const { text } = await read(brings(turn, { [first.toolCalls[0]!.id]: "after" }));
    expect(first.text + text).toBe("before and meanwhile after");
  });

  test("keeps an agent from talking without end while nobody reads", async () => {
    let said = 0;
    const heard = Promise.withResolvers<void>();
    const { readParked } = started(async function* ({ call, signal }) {
      void call("read_file", { path: "a" }).catch(() => undefined);
      await heard.promise;
      while (said < 10_000) {
        said += 1;
        yield say("x".repeat(1_000));
      }
      await hang(signal);
    });
    await readParked(asks(), 1);
    heard.resolve();
    await settle();
    expect(said).toBeGreaterThan(1);
    expect(said).toBeLessThan(300);
  });
});

test("calls that keep coming are not gathered for ever", async () => {
  const { read, random, clock } = started(async function* ({ call, signal }) {
    for (let index = 0; index < 5; index += 1) {
      void call("read_file", { path: `${index}` }).catch(() => undefined);
      await random.called(index + 1);
      clock.advance(200);
    }
    await hang(signal);
    yield STOP;
  });
  const { toolCalls } = await read(asks());
  expect(toolCalls).toHaveLength(5);
});

test("calls beyond all reason are refused, and the others wait for the editor", async () => {
  const refused = Promise.withResolvers<string>();
  const { readParked } = started(async function* ({ call, signal }) {
    const all = Array.from({ length: 129 }, (_, index) => call("read_file", { path: `${index}` }));
    for (const one of all) one.then(refused.resolve, () => undefined);
    await hang(signal);
    yield STOP;
  });
  const { toolCalls } = await readParked(asks(), 129);
  expect(toolCalls).toHaveLength(128);
  expect(await refused.promise).toStartWith("!Too many calls at once.");
});

describe("progress", () => {
  test("is told to an agent that asked for it, for as long as its call waits", async () => {
    const beats: string[] = [];
    const beat = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { read, readParked, clock, tools } = started(async function* ({ call }) {
      const onProgress = (message: string): void => {
        beats.push(message);
        beat[beats.length - 1]?.resolve();
      };
      yield say(await call("read_file", { path: "a" }, { onProgress }));
      yield STOP;
    });
    const turn = asks();
    const { toolCalls } = await readParked(turn, 1);
    clock.advance(7_000);
    await beat[0]!.promise;
    clock.advance(7_000);
    await beat[1]!.promise;
    expect(beats).toEqual(["Waiting for the editor.", "Waiting for the editor."]);
    await read(brings(turn, { [toolCalls[0]!.id]: "x" }));
    await tools.close();
    expect(clock.timers).toBe(0);
  });

  test("lets the call wait half an hour; without it, less than a minute", async () => {
    const patient = started(async function* ({ call }) {
      yield say(await call("read_file", { path: "a" }, { onProgress: () => undefined }));
      yield STOP;
    });
    const turn = asks();
    const { toolCalls } = await patient.readParked(turn, 1);
    patient.clock.advance(29 * 60_000);
    const { text } = await patient.read(brings(turn, { [toolCalls[0]!.id]: "still here" }));
    expect(text).toBe("still here");

    const silent = await parkedReader();
    silent.clock.advance(51_000);
    expect(await refusal(silent.read(brings(silent.turn, { [silent.id]: "x" })))).toBe(
      "parked_turn_unknown",
    );
  });
});

describe("a parked run", () => {
  test("that nobody comes back for ends: its call fails, its agent is stopped, its turn is unknown", async () => {
    const heard: string[] = [];
    const { inner, clock, turn, read, readParked } = (() => {
      const turn = asks();
      return {
        turn,
        ...started(async function* ({ call, signal }) {
          heard.push(await call("read_file", { path: "a" }).catch(() => "!cut"));
          await hang(signal);
          yield STOP;
        }),
      };
    })();
    const { toolCalls } = await readParked(turn, 1);
    clock.advance(50_000);
    await inner.whenStopped();
    expect(heard[0]).toStartWith("!");
    expect(await refusal(read(brings(turn, { [toolCalls[0]!.id]: "x" })))).toBe(
      "parked_turn_unknown",
    );
  });

  test("is resumed once, in its own session, by results for its own calls", async () => {
    const other = await parkedReader();
    const foreign = brings(other.turn, { [other.id]: "x" }, { sessionId: "session_other" });
    expect(await refusal(other.read(foreign))).toBe("parked_turn_unknown");
    expect((await other.read(brings(other.turn, { [other.id]: "mine" }))).text).toBe(
      "It says mine.",
    );
    expect(await refusal(other.read(brings(other.turn, { [other.id]: "x" })))).toBe(
      "parked_turn_unknown",
    );

    const wrong = await parkedReader();
    const results = { [wrong.id]: "x", call_of_somebody: "y" };
    expect(await refusal(wrong.read(brings(wrong.turn, results)))).toBe("parked_turn_unknown");
    await wrong.inner.whenStopped();
    expect(wrong.inner.stopped).toBe(1);
  });

  test("tells a call that got no result so, when others did", async () => {
    const { read, readParked } = started(async function* ({ call }) {
      const texts = await Promise.all([call("read_file", { path: "a" }), call("list_files")]);
      yield say(texts.join(" | "));
      yield STOP;
    });
    const turn = asks();
    const { toolCalls } = await readParked(turn, 2);
    const readCall = toolCalls.find(({ name }) => name === "read_file")!;
    const { text } = await read(brings(turn, { [readCall.id]: "here" }));
    expect(text).toBe("here | !The editor sent no result for this call.");
  });

  test("ends when its conversation goes on without it", async () => {
    const { inner, turn, id, read, tools } = await parkedReader();
    const elsewhere = turnOf(chatRequest("Something else.", { model: "rehearsal" }));
    const reading = tools.run(elsewhere, new AbortController().signal)[Symbol.asyncIterator]();
    await reading.next();
    await reading.return?.();
    expect((await read(brings(turn, { [id]: "kept" }))).text).toBe("It says kept.");

    const moved = await parkedReader();
    const call = { id: moved.id, name: "read_file", arguments: "{}" };
    const messages = [
      { role: "user", content: [{ type: "text", text: "Go." }] },
      { role: "assistant", content: [], toolCalls: [call] },
      { role: "user", content: [{ type: "text", text: "Never mind. What is 2 + 2?" }] },
    ] as const;
    const again = turnOf(chatRequest(messages, { tools: [READ] }));
    const following = moved.tools.run(again, new AbortController().signal);
    const next = following[Symbol.asyncIterator]();
    await next.next();
    await moved.inner.whenStopped();
    expect(moved.inner.turns).toHaveLength(2);
    await next.return?.();
    expect(await refusal(moved.read(brings(moved.turn, { [moved.id]: "x" })))).toBe(
      "parked_turn_unknown",
    );
    expect(inner.turns).toHaveLength(2);
  });

  test("ends when its turn is aborted after all, before anybody has resumed it", async () => {
    const abort = new AbortController();
    const { inner, readParked, read } = started(reader);
    const turn = asks();
    const { toolCalls } = await readParked(turn, 1, abort.signal);
    abort.abort();
    await inner.whenStopped();
    expect(await refusal(read(brings(turn, { [toolCalls[0]!.id]: "x" })))).toBe(
      "parked_turn_unknown",
    );
  });

  test("ends when its agent gives up waiting", async () => {
    const impatient = new AbortController();
    const { inner, readParked, read } = started(async function* ({ call, signal }) {
      await call("read_file", { path: "a" }, { signal: impatient.signal }).catch(() => "");
      await hang(signal);
      yield STOP;
    });
    const turn = asks();
    const { toolCalls } = await readParked(turn, 1);
    impatient.abort();
    await inner.whenStopped();
    expect(await refusal(read(brings(turn, { [toolCalls[0]!.id]: "x" })))).toBe(
      "parked_turn_unknown",
    );
  });

  test("ends when its agent's connection breaks off", async () => {
    const broken = Promise.withResolvers<void>();
    const { inner, readParked, read } = started(async function* ({ call, client, signal }) {
      void call("read_file", { path: "a" }).catch(() => undefined);
      await broken.promise;
      await (await client()).close();
      await hang(signal);
      yield STOP;
    });
    const turn = asks();
    const { toolCalls } = await readParked(turn, 1);
    broken.resolve();
    await inner.whenStopped();
    expect(await refusal(read(brings(turn, { [toolCalls[0]!.id]: "x" })))).toBe(
      "parked_turn_unknown",
    );
  });

  test("ends when its agent finishes or fails without the result", async () => {
    for (const ending of ["finish", "fail"]) {
      const go = Promise.withResolvers<void>();
      const { inner, readParked, read, tools } = started(async function* ({ call }) {
        const answer = call("read_file", { path: "a" });
        await go.promise;
        answer.catch(() => undefined);
        if (ending === "fail") throw new Error("fell over");
        yield STOP;
      });
      const turn = asks();
      const { toolCalls } = await readParked(turn, 1);
      go.resolve();
      await inner.ended;
      await settle();
      expect(await refusal(read(brings(turn, { [toolCalls[0]!.id]: "x" })))).toBe(
        "parked_turn_unknown",
      );
      await tools.close();
    }
  });

  test("makes room for a newer one when there are too many", async () => {
    const { read, readParked, inner } = started(reader, { limits: { parkedRuns: 2 } });
    const turns = [asks(), asks(), asks()];
    const ids: string[] = [];
    for (const [index, turn] of turns.entries()) {
      ids.push((await readParked(turn, index + 1)).toolCalls[0]!.id);
    }
    await inner.whenStopped();
    expect(await refusal(read(brings(turns[0]!, { [ids[0]!]: "x" })))).toBe("parked_turn_unknown");
    expect((await read(brings(turns[1]!, { [ids[1]!]: "1" }))).text).toBe("It says 1.");
    expect((await read(brings(turns[2]!, { [ids[2]!]: "2" }))).text).toBe("It says 2.");
  });

  test("is unknown after a restart", async () => {
    const { turn, id } = await parkedReader();
    const after = started(reader);
    expect(await refusal(after.read(brings(turn, { [id]: "x" })))).toBe("parked_turn_unknown");
    expect(after.inner.turns).toEqual([]);
  });
});

describe("cancelling", () => {
  test("a turn stops its agent while it has a call on its way", async () => {
    const abort = new AbortController();
    const { inner, random, read } = started(reader);
    const reading = read(asks(), abort.signal);
    await random.called(1);
    abort.abort();
    expect(await refusal(reading)).toBe("client_cancelled");
    await inner.whenStopped();
    expect(inner.stopped).toBe(1);
  });

  test("a resumed turn stops the run that an earlier turn began", async () => {
    const abort = new AbortController();
    const { inner, tools, readParked } = started(async function* ({ call, signal }) {
      yield say(await call("read_file", { path: "a" }));
      await hang(signal);
    });
    const turn = asks();
    const { toolCalls } = await readParked(turn, 1);
    const resumed = tools.run(brings(turn, { [toolCalls[0]!.id]: "x" }), abort.signal);
    const events = resumed[Symbol.asyncIterator]();
    expect((await events.next()).value).toEqual(say("x"));
    const next = events.next();
    abort.abort();
    expect(await refusal(next)).toBe("client_cancelled");
    await inner.whenStopped();
  });

  test("an agent that takes no notice keeps nobody waiting, and no door open for long", async () => {
    const abort = new AbortController();
    const began = Promise.withResolvers<void>();
    const { inner, clock, read, tools } = started(async function* () {
      began.resolve();
      await new Promise(() => undefined);
      yield STOP;
    });
    const reading = refusal(read(asks(), abort.signal));
    await began.promise;
    abort.abort();
    expect(await reading).toBe("client_cancelled");
    const { url, headers } = inner.servers[0]!;
    const knock = async () => (await fetch(url, { method: "POST", headers })).status;
    expect(await knock()).toBe(400);
    clock.advance(2_000);
    await settle();
    expect(await knock()).toBe(404);
    await tools.close();
    expect(clock.timers).toBe(0);
  });

  test("by closing ends everything, parked or not, and leaves nothing behind", async () => {
    const { inner, tools, clock, turn, id, read, random } = await parkedReader();
    const running = refusal(read(asks()));
    await random.called(2);
    const url = inner.servers[0]!.url;
    await tools.close();
    expect(await running).toBe("shutdown");
    expect(inner.stopped).toBe(2);
    expect(clock.timers).toBe(0);
    expect(await refusal(read(brings(turn, { [id]: "x" })))).toBe("shutdown");
    expect(await refusal(read(asks()))).toBe("shutdown");
    expect(
      await fetch(url).then(
        () => "answered",
        () => "nobody there",
      ),
    ).toBe("nobody there");
    await tools.close();
  });
});

describe("what the editor says of its tools", () => {
  test("is no server at all for `none`, for no tools, and for what is no chat", async () => {
    const { inner, read } = started(async function* () {
      yield say("words");
      yield STOP;
    });
    await read(asks({ toolChoice: "none" }));
    await read(turnOf(chatRequest("Go.")));
    await read(
      turnOf({ kind: "completion", model: "m", stream: true, prompt: "x", parameters: {} }),
    );
    expect(inner.servers).toEqual([]);
    expect(inner.turns.map(({ request }) => "tools" in request)).toEqual([false, false, false]);
  });

  test("must be done is told to the agent in words, after the editor's own instructions", async () => {
    const { inner, read } = started(async function* () {
      yield say("words");
      yield STOP;
    });
    await read(asks({ toolChoice: "required" }));
    await read(asks({ toolChoice: { name: "read_file" } }));
    const told = inner.turns.map(({ request }) => (request.kind === "chat" ? request : undefined));
    expect(told[0]?.messages.map(({ role }) => role)).toEqual(["system", "user"]);
    expect(JSON.stringify(told[0])).toContain("Call at least one of the editor's tools");
    expect(JSON.stringify(told[1])).toContain('the editor\'s tool \\"read_file\\"');
    expect(told.map((request) => request && "tools" in request)).toEqual([false, false]);
  });

  test("`mcp` and `envelope` decide for the agent; by default it is asked", async () => {
    const words: Play = async function* () {
      yield say("words");
      yield STOP;
    };
    const given: number[] = [];
    for (const toolServers of ["mcp", "envelope", "auto"] as const) {
      for (const takesServers of [true, false]) {
        const { inner, read } = started(words, { toolServers, takesServers });
        await read(asks());
        given.push(inner.servers.length);
      }
    }
    expect(given).toEqual([1, 1, 0, 0, 1, 0]);
  });
});

test("ids of calls are never used twice, and never the agent's", async () => {
  const random = createFakeRandom();
  const ids = new Set<string>();
  for (let time = 0; time < 3; time += 1) {
    const { tools, clock } = started(reader, { random });
    const events = tools.run(asks(), new AbortController().signal);
    const advance = clock.nextTimer().then(() => clock.advance(GATHER_MS));
    for await (const event of events) if (event.type === "tool-call-start") ids.add(event.id);
    await advance;
  }
  expect(ids.size).toBe(3);
});
