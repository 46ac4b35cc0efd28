import { describe, expect, test } from "bun:test";
import { INBOX_SETTINGS } from "../../../src/agents/mcp/inbox-parts.ts";
import type { TurnEvent } from "../../../src/core/event.ts";
import type { Turn } from "../../../src/core/turn.ts";
import { collectTurn } from "../../contract/collect-turn.ts";
import { playChat, settled } from "./support.ts";
import type { PlayedChat, PlaySettings, Told } from "./support.ts";
import { chatRequest, failureOf, rejectionOf, runTurn, turnOf } from "../support.ts";

const TOOLS = [{ name: "read_file", parameters: { type: "object" } }];

async function play(
  settings: PlaySettings,
  act: (played: PlayedChat) => Promise<void>,
): Promise<void> {
  const played = await playChat(settings);
  try {
    await act(played);
  } finally {
    await played.close();
  }
}

/** A wait that has begun; without it nobody is there to ask. */
async function waiting(played: PlayedChat, given = {}): Promise<Promise<Told>[]> {
  const told = played.call("wait_for_request", given);
  await settled(played);
  return [told];
}

/** A turn that is running: its events are read. */
function running({ chat }: PlayedChat, request: Turn["request"] = chatRequest("hello")) {
  const abort = new AbortController();
  const ended = collectTurn(chat.agent.run(turnOf(request), abort.signal));
  const failure = rejectionOf(ended);
  return { ended, failure, abort };
}

describe("waiting", () => {
  test.each([
    [{}, 45_000],
    [{ max_wait_s: 1 }, 25_000],
    [{ max_wait_s: 30 }, 30_000],
    [{ max_wait_s: 600 }, 45_000],
  ])("with %p takes %p ms at most, and then says that nothing came", async (given, ms) => {
    await play({}, async (played) => {
      const [told] = await waiting(played, given);
      expect(await played.clock.nextTimer()).toBe(ms);
      played.clock.advance(ms);
      expect((await told)?.head["status"]).toBe("idle");
    });
  });

  test("says that it is alive to a client that asks to hear of progress", async () => {
    await play({}, async (played) => {
      const heard = Promise.withResolvers<number>();
      const told = played.call(
        "wait_for_request",
        {},
        { onprogress: (p) => heard.resolve(p.progress) },
      );
      await settled(played);
      played.clock.advance(8_000);
      expect(await heard.promise).toBe(1);
      played.clock.advance(40_000);
      expect((await told).head["status"]).toBe("idle");
    });
  });

  test("in vain too often is told to stop, and then nobody is there", async () => {
    await play({ inbox: { ...INBOX_SETTINGS, idleWaits: 2 } }, async (played) => {
      const statuses: (string | undefined)[] = [];
      for (let count = 0; count < 2; count += 1) {
        const [told] = await waiting(played);
        played.clock.advance(45_000);
        statuses.push((await told)?.head["status"]);
      }
      expect(statuses).toEqual(["idle", "stop"]);
      const { error } = await failureOf(runTurn(played.chat.agent, chatRequest("hello")));
      expect(error.code).toBe("agent_lost");
    });
  });

  test("is refused with arguments that it does not have", async () => {
    await play({}, async ({ call }) => {
      const { isError, text } = await call("wait_for_request", { seconds: 3 });
      expect(isError).toBe(true);
      expect(text).toContain("seconds");
    });
  });

  test("that the client gave up takes no request: the next one gets it", async () => {
    await play({}, async (played) => {
      const abort = new AbortController();
      const given = played.call("wait_for_request", {}, { signal: abort.signal });
      const isGivenUp = rejectionOf(given);
      await settled(played);
      abort.abort();
      await isGivenUp;
      await settled(played);
      const { ended } = running(played);
      const told = await played.call("wait_for_request");
      expect(told.head["id"]).toBe("r1");
      await played.call("respond", { id: "r1", text: "here" });
      expect((await ended).text).toBe("here");
    });
  });
});

describe("a request", () => {
  test("is told with its instructions, conversation and tools, and images beside it", async () => {
    await play({}, async (played) => {
      const [told] = await waiting(played);
      const image = { type: "image" as const, mediaType: "image/png", data: "aGk=" };
      running(played, {
        ...chatRequest([
          { role: "system", content: [{ type: "text", text: "Be brief." }] },
          { role: "user", content: [{ type: "text", text: "What is this?" }, image] },
        ]),
        tools: TOOLS,
        parameters: { maxTokens: 99 },
      });
      const { head, text, images } = await told!;
      expect(head).toMatchObject({ status: "request", id: "r1" });
      expect(text).toContain("<instructions>\nBe brief.\n</instructions>");
      expect(text).toContain('<message from="user">\nWhat is this?\n[image 1, below]\n</message>');
      expect(text).toContain('{"name":"read_file"');
      expect(text).toContain("under 99 tokens");
      expect(images).toEqual([expect.objectContaining({ data: "aGk=", mimeType: "image/png" })]);
    });
  });

  test("to fill in the middle is told so", async () => {
    await play({}, async (played) => {
      const [told] = await waiting(played);
      const { ended } = running(played, {
        kind: "completion",
        model: "m",
        stream: true,
        prompt: "let x = ",
        suffix: ";",
        parameters: {},
      });
      expect((await told)?.text).toContain("<before>\nlet x = \n</before>\n\n<after>\n;\n</after>");
      await played.call("respond", { id: "r1", text: "1" });
      expect((await ended).text).toBe("1");
    });
  });

  test("that no tool may be called for offers none", async () => {
    await play({}, async (played) => {
      const [told] = await waiting(played);
      running(played, { ...chatRequest("hi"), tools: TOOLS, toolChoice: "none" });
      expect((await told)?.text).not.toContain("read_file");
      const { isError, text } = await played.call("report_tool_call", {
        id: "r1",
        name: "read_file",
        arguments: {},
      });
      expect([isError, text]).toEqual([true, expect.stringContaining("offers no tools")]);
    });
  });

  test("waits for its chat among others, to a bound", async () => {
    await play({ inbox: { ...INBOX_SETTINGS, mostOpen: 2 } }, async (played) => {
      const [told] = await waiting(played);
      const [first, second] = [running(played), running(played, chatRequest("again"))];
      expect((await told)?.head["id"]).toBe("r1");
      const { error } = await failureOf(runTurn(played.chat.agent, chatRequest("more")));
      expect(error.code).toBe("too_busy");
      await played.call("respond", { id: "r1", text: "one" });
      expect((await played.call("wait_for_request")).head["id"]).toBe("r2");
      await played.call("respond", { id: "r2", text: "two" });
      expect([(await first.ended).text, (await second.ended).text]).toEqual(["one", "two"]);
    });
  });

  test("for embeddings is refused", async () => {
    await play({}, async (played) => {
      const request = {
        kind: "embedding" as const,
        model: "m",
        stream: false as const,
        input: ["x"],
        parameters: {},
      };
      const { error } = await failureOf(runTurn(played.chat.agent, request));
      expect(error.code).toBe("unsupported");
    });
  });

  test("to a chat that was never there fails at once", async () => {
    await play({}, async (played) => {
      await played.chat.join();
      const { error } = await failureOf(runTurn(played.chat.agent, chatRequest("hello")));
      expect(error.code).toBe("agent_lost");
    });
  });
});

describe("an answer", () => {
  test("for no request, for one that is answered, or without text is refused in words", async () => {
    await play({}, async (played) => {
      const [told] = await waiting(played);
      const { ended } = running(played);
      await told;
      const say = async (id: string, text: string) => {
        const told = await played.call("respond", { id, text });
        return told.isError ? told.text : "taken";
      };
      expect(await say("r7", "x")).toContain("no request r7");
      expect(await say("r1", "")).toContain("empty");
      expect(await say("r1", "yes")).toBe("taken");
      expect((await ended).text).toBe("yes");
      expect(await say("r1", "yes")).toContain("answered already");
      expect((await played.call("respond", { id: 1 })).isError).toBe(true);
      expect((await played.call("no_such_tool", { id: "r1" })).isError).toBe(true);
    });
  });

  test("in pieces is a stream, of which the chat's pieces wait for the reader", async () => {
    await play({}, async (played) => {
      const [told] = await waiting(played);
      const events = runTurn(played.chat.agent, chatRequest("long"))[Symbol.asyncIterator]();
      const first = events.next();
      await told;
      const piece = "0123456789abcdef".repeat(16 * 1024);
      const sent: string[] = [];
      const sending = (async () => {
        for (let count = 0; count < 3; count += 1) {
          await played.call("respond_chunk", { id: "r1", text: piece });
          sent.push("piece");
        }
        await played.call("respond", { id: "r1", text: "" });
      })();
      let text = "";
      let event = await first;
      await settled(played);
      // Nothing but the first event has been read.
      expect(sent.length).toBeLessThan(2);
      while (event.done !== true) {
        const value: TurnEvent = event.value;
        if (value.type === "text-delta") text += value.text;
        event = await events.next();
      }
      await sending;
      expect(text).toBe(piece.repeat(3));
    });
  });

  test("is taken up to a bound, beyond which the chat is told how much more it may send", async () => {
    await play({ inbox: { ...INBOX_SETTINGS, answerUnits: 200 } }, async (played) => {
      const [told] = await waiting(played);
      const { ended } = running(played, { ...chatRequest("hello"), tools: TOOLS });
      await told;
      const chunk = (text: string) => played.call("respond_chunk", { id: "r1", text });
      expect((await chunk("x".repeat(150))).isError).toBe(false);
      const call = { id: "r1", name: "read_file", arguments: {} };
      for (const refused of [
        await chunk("y".repeat(51)),
        await played.call("respond", { id: "r1", text: "y".repeat(51) }),
        await played.call("report_tool_call", call),
      ]) {
        expect([refused.isError, refused.text]).toEqual([
          true,
          expect.stringContaining("takes 50 more characters"),
        ]);
      }
      await played.call("respond", { id: "r1", text: "z".repeat(50), finish_reason: "length" });
      expect((await ended).text).toBe("x".repeat(150) + "z".repeat(50));
    });
  });

  test("to a cancelled request is not taken, and the chat hears why", async () => {
    await play({}, async (played) => {
      const [told] = await waiting(played);
      const { abort, failure } = running(played);
      await told;
      abort.abort();
      expect(await failure).toMatchObject({ code: "client_cancelled" });
      const { text, isError } = await played.call("respond", { id: "r1", text: "too late" });
      expect([isError, text]).toEqual([false, expect.stringContaining("was cancelled")]);
      // It has been told once: the next wait is for something new.
      const [next] = await waiting(played);
      running(played, chatRequest("another"));
      expect((await next)?.head["id"]).toBe("r2");
    });
  });

  test("that was declined fails the turn with the chat's reason", async () => {
    await play({}, async (played) => {
      const [told] = await waiting(played);
      const { failure } = running(played);
      await told;
      await played.call("decline", { id: "r1", reason: "I must not." });
      expect(await failure).toMatchObject({
        code: "agent_error",
        message: "The chat declined: I must not.",
      });
      // It is not told to stop working on what it sent back itself.
      const [next] = await waiting(played);
      running(played);
      expect((await next)?.head).toMatchObject({ status: "request", id: "r2" });
      const again = await played.call("respond", { id: "r1", text: "after all" });
      expect(again.text).toContain("answered already");
    });
  });
});

describe("a tool call", () => {
  test("of the editor parks the turn, and its result is the next request", async () => {
    await play({}, async (played) => {
      const [told] = await waiting(played);
      const turn = turnOf({ ...chatRequest("read it"), tools: TOOLS });
      const { signal } = new AbortController();
      const parked = collectTurn(played.chat.agent.run(turn, signal));
      await told;
      const call = { id: "r1", name: "read_file", arguments: { path: "a" }, call_id: "c1" };
      await played.call("report_tool_call", call);
      const { toolCalls, finish } = await parked;
      expect([toolCalls, finish]).toEqual([
        [{ id: expect.any(String), name: "read_file", arguments: '{"path":"a"}' }],
        { type: "finish", reason: "tool_calls", parked: true },
      ]);
      const content = [{ type: "text", text: "it says 42" }] as const;
      const { id } = toolCalls[0]!;
      const results = [{ toolCallId: id, content }];
      const { ended } = running(played, {
        kind: "resume",
        model: "m",
        stream: true,
        resumes: turn.id,
        results,
        message: [{ type: "text", text: "Hurry." }],
      });
      const next = await played.call("wait_for_request");
      expect(next.head).toMatchObject({ id: "r2", continues: "r1" });
      expect(next.text).toContain('<tool-result call="c1" tool="read_file">\nit says 42');
      expect(next.text).toContain('<message from="user">\nHurry.');
      expect(next.text).not.toContain("read it");
      // A chat that has lost its memory, or another one, is told the whole of it.
      played.clock.advance(INBOX_SETTINGS.leaseMs);
      const again = await played.call("wait_for_request");
      expect(again.head["id"]).toBe("r2");
      expect(again.text).toContain("read it");
      expect(again.text).toContain('<message from="user">\nHurry.');
      expect(again.text).toContain(`<tool-call call="${id}" tool="read_file">\n{"path":"a"}`);
      expect(again.text).toContain(`<tool-result call="${id}">\nit says 42`);
      await played.call("respond", { id: "r2", text: "42" });
      expect((await ended).text).toBe("42");
    });
  });

  test("brings the images of its result, to a chat that has lost its memory too", async () => {
    await play({}, async (played) => {
      const [told] = await waiting(played);
      const turn = turnOf({ ...chatRequest("shoot it"), tools: TOOLS });
      const { signal } = new AbortController();
      const parked = collectTurn(played.chat.agent.run(turn, signal));
      await told;
      const call = { id: "r1", name: "read_file", arguments: { path: "a" } };
      await played.call("report_tool_call", call);
      const [made] = (await parked).toolCalls;
      const image = (data: string) => ({ type: "image", mediaType: "image/png", data }) as const;
      const content = [{ type: "text", text: "taken" } as const, image("aGk=")];
      running(played, {
        kind: "resume",
        model: "m",
        stream: true,
        resumes: turn.id,
        results: [{ toolCallId: made!.id, content }],
        message: [image("aG8=")],
      });
      for (const memory of ["kept", "lost"]) {
        if (memory === "lost") played.clock.advance(INBOX_SETTINGS.leaseMs);
        const next = await played.call("wait_for_request");
        expect(next.text).toContain("taken\n[image 1, below]\n</tool-result>");
        expect(next.text).toContain('<message from="user">\n[image 2, below]\n</message>');
        expect(next.images.map(({ data }) => data)).toEqual(["aGk=", "aG8="]);
        expect(next.text.includes("shoot it")).toBe(memory === "lost");
      }
    });
  });

  test("with the id of another call of the same request is refused in words", async () => {
    await play({}, async (played) => {
      const [told] = await waiting(played);
      const { ended } = running(played, { ...chatRequest("hi"), tools: TOOLS });
      await told;
      const call = { id: "r1", name: "read_file", arguments: { path: "a" }, call_id: "c1" };
      await played.call("report_tool_call", { ...call, more: true });
      const again = await played.call("report_tool_call", call);
      expect([again.isError, again.text]).toEqual([true, expect.stringContaining("call_id")]);
      await played.call("report_tool_call", { ...call, call_id: "c2" });
      expect((await ended).toolCalls).toHaveLength(2);
    });
  });

  test("has an id of its own for the editor, also where the chat names the calls of two requests alike", async () => {
    await play({}, async (played) => {
      const [told] = await waiting(played);
      const request = { ...chatRequest("hi"), tools: TOOLS };
      const turns = [running(played, request), running(played, request)];
      await told;
      await played.call("wait_for_request");
      for (const id of ["r1", "r2"]) {
        const call = { id, name: "read_file", arguments: {}, call_id: "mine" };
        await played.call("report_tool_call", call);
      }
      const results = await Promise.all(turns.map(({ ended }) => ended));
      const ids = results.flatMap(({ toolCalls }) => toolCalls.map(({ id }) => id));
      expect(ids).toHaveLength(2);
      expect(new Set([...ids, "mine"]).size).toBe(3);
    });
  });

  test("of a tool that is not offered, or with no object, is refused in words", async () => {
    await play({}, async (played) => {
      const [told] = await waiting(played);
      running(played, { ...chatRequest("hi"), tools: TOOLS });
      await told;
      const other = await played.call("report_tool_call", {
        id: "r1",
        name: "rm",
        arguments: {},
      });
      expect(other.text).toContain("It offers: read_file");
      for (const given of ["[1]", "not json"]) {
        const told = await played.call("report_tool_call", {
          id: "r1",
          name: "read_file",
          arguments: given,
        });
        expect([told.isError, told.text]).toEqual([true, expect.stringContaining("object")]);
      }
    });
  });
});

describe("a chat that", () => {
  test("takes a request and says nothing loses it to the next, and its late answer still counts", async () => {
    await play({ inbox: { ...INBOX_SETTINGS, leaseMs: 30_000 } }, async (played) => {
      const [told] = await waiting(played);
      const { ended } = running(played);
      expect((await told)?.head["id"]).toBe("r1");
      const [other] = await waiting(played);
      played.clock.advance(30_000);
      expect((await other)?.head).toMatchObject({ status: "request", id: "r1" });
      await played.call("respond", { id: "r1", text: "from the first" });
      expect((await ended).text).toBe("from the first");
      const late = await played.call("respond", { id: "r1", text: "from the second" });
      expect([late.isError, late.text]).toEqual([true, expect.stringContaining("already")]);
    });
  });

  test("loses a request twice has lost it for good", async () => {
    await play({}, async (played) => {
      const [told] = await waiting(played);
      const { failure } = running(played);
      await told;
      played.clock.advance(INBOX_SETTINGS.leaseMs);
      expect((await played.call("wait_for_request")).head["id"]).toBe("r1");
      played.clock.advance(INBOX_SETTINGS.leaseMs);
      expect(await failure).toMatchObject({ code: "agent_lost" });
      const late = await played.call("respond", { id: "r1", text: "late" });
      expect([late.isError, late.text]).toEqual([true, expect.stringContaining("took too long")]);
    });
  });

  test("falls silent within its answer fails the turn: nothing is run twice", async () => {
    await play({}, async (played) => {
      const [told] = await waiting(played);
      const { failure } = running(played);
      await told;
      await played.call("respond_chunk", { id: "r1", text: "I begin" });
      const [other] = await waiting(played);
      played.clock.advance(INBOX_SETTINGS.leaseMs);
      expect(await failure).toMatchObject({ code: "agent_lost" });
      expect((await other)?.head["status"]).toBe("idle");
    });
  });

  test("goes away while requests wait fails them when nobody comes", async () => {
    await play({}, async (played) => {
      const [told] = await waiting(played);
      played.clock.advance(45_000);
      expect((await told)?.head["status"]).toBe("idle");
      const { failure } = running(played);
      played.clock.advance(INBOX_SETTINGS.absentMs);
      expect(await failure).toMatchObject({ code: "agent_lost" });
    });
  });

  test("closes its connection fails what is open, and leaves the hub", async () => {
    let left = 0;
    await play({ seat: { leave: () => void (left += 1) } }, async (played) => {
      const [told] = await waiting(played);
      const { failure } = running(played);
      await told;
      await played.close();
      expect(await failure).toMatchObject({ code: "agent_lost" });
      expect(left).toBe(1);
      const { error } = await failureOf(runTurn(played.chat.agent, chatRequest("hello")));
      expect(error.code).toBe("agent_lost");
    });
  });

  test("is one of two keeps to its own requests", async () => {
    await play({}, async (one) => {
      await play({}, async (other) => {
        const [[first], [second]] = await Promise.all([waiting(one), waiting(other)]);
        const turns = [running(one), running(other, chatRequest("the other's"))];
        expect((await first)?.text).not.toContain("the other's");
        expect((await second)?.text).toContain("the other's");
        await one.call("respond", { id: "r1", text: "1" });
        await other.call("respond", { id: "r1", text: "2" });
        expect(await Promise.all(turns.map(async ({ ended }) => (await ended).text))).toEqual([
          "1",
          "2",
        ]);
      });
    });
  });
});

describe("approval", () => {
  test("that is still to come is said at each wait, and how to give it", async () => {
    const seat = { status: () => "pending" as const, howToApprove: () => "Run this." };
    await play({ seat }, async (played) => {
      const [told] = await waiting(played);
      played.clock.advance(45_000);
      expect((await told)?.head["note"]).toContain("Run this.");
    });
  });

  test("that was refused ends the waiting", async () => {
    await play({ seat: { status: () => "denied" } }, async ({ call }) => {
      const { isError, text } = await call("wait_for_request");
      expect([isError, text]).toEqual([true, expect.stringContaining("denied")]);
    });
  });

  test.each([
    [false, 3],
    [true, 1],
  ])(
    "that is used up is asked for again at each wait, unless that happens by itself: %p",
    async (renewsItself, count) => {
      let seats = 0;
      const seat = { status: () => "expired" as const, renewsItself };
      await play({ seat, onSeat: () => void (seats += 1) }, async (played) => {
        for (let waits = 0; waits < 3; waits += 1) {
          const [told] = await waiting(played);
          played.clock.advance(45_000);
          expect((await told)?.head["note"]).toContain("used up");
        }
        expect(seats).toBe(count);
      });
    },
  );

  test("is not asked for in a client that shows no forms", async () => {
    const answers: boolean[] = [];
    const consent = (allowed: boolean) => Promise.resolve(void answers.push(allowed));
    const settings: PlaySettings = {
      seat: { status: () => "pending", consent },
      capabilities: { elicitation: { url: {} } },
    };
    await play(settings, async (played) => {
      const [told] = await waiting(played);
      played.clock.advance(45_000);
      expect([(await told)?.head["status"], answers]).toEqual(["idle", []]);
    });
  });

  test.each([
    [{ action: "accept", content: { allow: true } }, [true]],
    [{ action: "accept", content: { allow: false } }, [false]],
    [{ action: "decline" }, [false]],
    [{ action: "cancel" }, []],
  ] as const)("is asked for in the client where that counts: %p", async (answer, heard) => {
    const answers: boolean[] = [];
    const consent = (allowed: boolean) => Promise.resolve(void answers.push(allowed));
    const questions: string[] = [];
    const settings: PlaySettings = {
      seat: { status: () => "pending", consent },
      capabilities: { elicitation: {} },
      prepare: (client) => {
        client.setRequestHandler("elicitation/create", ({ params }) => {
          questions.push(params.message);
          return answer;
        });
      },
    };
    await play(settings, async (played) => {
      const asked = played.call("wait_for_request");
      expect(await played.clock.nextTimer()).toBe(45_000);
      played.clock.advance(45_000);
      await asked;
      expect([...answers]).toEqual([...heard]);
      expect(questions).toEqual([expect.stringContaining("Test Client 9 (over MCP)")]);
    });
  });

  test("is not asked for in the client where that does not count", async () => {
    let questions = 0;
    const settings: PlaySettings = {
      seat: { status: () => "pending" },
      capabilities: { elicitation: {} },
      prepare: (client) => {
        client.setRequestHandler("elicitation/create", () => {
          questions += 1;
          return { action: "accept", content: { allow: true } };
        });
      },
    };
    await play(settings, async (played) => {
      const [told] = await waiting(played);
      played.clock.advance(45_000);
      expect((await told)?.head["status"]).toBe("idle");
      expect(questions).toBe(0);
    });
  });
});

describe("the job", () => {
  test("is taught by the server's instructions and by a prompt", async () => {
    await play({}, async ({ client }) => {
      expect(client.getInstructions()).toContain("wait_for_request");
      const { prompts } = await client.listPrompts();
      expect(prompts.map(({ name }) => name)).toEqual(["serve_editor"]);
      const { messages } = await client.getPrompt({ name: "serve_editor" });
      expect(JSON.stringify(messages)).toContain("Serve my editor");
      expect(await rejectionOf(client.getPrompt({ name: "another" }))).toBeInstanceOf(Error);
    });
  });

  test("has tools that each say what they are for", async () => {
    await play({}, async ({ client }) => {
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toEqual([
        "wait_for_request",
        "respond",
        "respond_chunk",
        "report_tool_call",
        "decline",
      ]);
      for (const { description, inputSchema } of tools) {
        expect(description).toMatch(/\w\.$/);
        expect(inputSchema["additionalProperties"]).toBe(false);
      }
    });
  });

  test("is offered under the client's name, made fit for a model's", async () => {
    await play({}, async ({ chat }) => {
      expect(chat.agent.info).toMatchObject({
        agentId: "mcp:test-client",
        label: "Test Client 9 (over MCP)",
        connector: "mcp",
        models: [{ id: "mcp:test-client" }],
      });
    });
  });
});
