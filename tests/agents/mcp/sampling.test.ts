import { describe, expect, test } from "bun:test";
import type { Client } from "@modelcontextprotocol/client";
import { ProtocolError } from "@modelcontextprotocol/client";
import type { CreateMessageRequestParams } from "@modelcontextprotocol/server";
import { toSampling } from "../../../src/agents/mcp/sampling.ts";
import type { Message } from "../../../src/core/turn.ts";
import { collectTurn } from "../../contract/collect-turn.ts";
import { playChat, settled } from "./support.ts";
import type { PlayedChat, PlaySettings } from "./support.ts";
import { chatRequest, failureOf, rejectionOf, runTurn, text, turnOf, user } from "../support.ts";

type Asked = CreateMessageRequestParams;
type Handler = Parameters<typeof setSampling>[1];

function setSampling(
  client: Client,
  handler: (params: Asked, signal: AbortSignal) => object | Promise<object>,
): void {
  client.setRequestHandler("sampling/createMessage", async ({ params }, { mcpReq }) => {
    const result = await handler(params, mcpReq.signal);
    return { model: "client-model", role: "assistant" as const, ...result } as never;
  });
}

async function play(
  handler: Handler,
  act: (played: PlayedChat) => Promise<void>,
  sampling: NonNullable<PlaySettings["capabilities"]>["sampling"] = {},
): Promise<void> {
  const played = await playChat({
    capabilities: { sampling },
    prepare: (client) => setSampling(client, handler),
  });
  try {
    await act(played);
  } finally {
    await played.close();
  }
}

const WITH_TOOLS = { tools: {} };
const TOOLS = [
  { name: "read_file", description: "Reads.", parameters: { type: "object", properties: {} } },
];
const says = (words: string, more = {}) => ({ content: { type: "text", text: words }, ...more });

describe("a client that offers sampling", () => {
  test("answers by its own model, asked with the editor's conversation and parameters", async () => {
    const asked: Asked[] = [];
    const handler: Handler = (params) => {
      asked.push(params);
      return says("the nonce is 77", { stopReason: "endTurn" });
    };
    await play(handler, async ({ chat }) => {
      const request = chatRequest(
        [{ role: "system", content: text("Be brief.") }, user("What is the nonce?")],
        { parameters: { temperature: 0.5, maxTokens: 64, stop: ["END"] } },
      );
      const result = await collectTurn(runTurn(chat.agent, request));
      expect([result.text, result.finish.reason]).toEqual(["the nonce is 77", "stop"]);
    });
    expect(asked).toEqual([
      expect.objectContaining({
        systemPrompt: "Be brief.",
        maxTokens: 64,
        temperature: 0.5,
        stopSequences: ["END"],
        messages: [{ role: "user", content: [{ type: "text", text: "What is the nonce?" }] }],
      }),
    ]);
  });

  test("with tools in it calls those of the editor, and gets their results in the next request", async () => {
    const asked: Asked[] = [];
    const handler: Handler = (params) => {
      asked.push(params);
      if (asked.length > 1) return says("It says 42.");
      const call = { type: "tool_use", id: "c1", name: "read_file", input: { path: "a" } };
      return { content: [{ type: "text", text: "Reading." }, call], stopReason: "toolUse" };
    };
    const tool: Message = { role: "tool", toolCallId: "c1", content: text("42") };
    await play(
      handler,
      async ({ chat }) => {
        expect(chat.agent.info.models[0]?.capabilities).toContain("tools");
        const first = await collectTurn(
          runTurn(chat.agent, chatRequest("read", { tools: TOOLS, toolChoice: "required" })),
        );
        expect(first).toMatchObject({
          text: "Reading.",
          toolCalls: [{ id: "c1", name: "read_file", arguments: '{"path":"a"}' }],
          finish: { reason: "tool_calls" },
        });
        const messages: Message[] = [
          user("read"),
          { role: "assistant", content: text("Reading."), toolCalls: first.toolCalls },
          tool,
        ];
        const second = runTurn(chat.agent, chatRequest(messages, { tools: TOOLS }));
        expect((await collectTurn(second)).text).toBe("It says 42.");
      },
      WITH_TOOLS,
    );
    expect(asked[0]).toMatchObject({ toolChoice: { mode: "required" } });
    expect(asked[0]?.tools?.map(({ name }) => name)).toEqual(["read_file"]);
    expect(asked[1]?.messages.slice(1)).toEqual([
      {
        role: "assistant",
        content: [
          { type: "text", text: "Reading." },
          { type: "tool_use", id: "c1", name: "read_file", input: { path: "a" } },
        ],
      },
      {
        role: "user",
        content: [
          { type: "tool_result", toolUseId: "c1", content: [{ type: "text", text: "42" }] },
        ],
      },
    ]);
  });

  test("without tools in it is not offered as one that calls them, and reads of older calls in words", async () => {
    const asked: Asked[] = [];
    const handler: Handler = (params) => {
      asked.push(params);
      return says("fine");
    };
    await play(handler, async ({ chat }) => {
      expect(chat.agent.info.models[0]?.capabilities).not.toContain("tools");
      const call = { id: "c1", name: "read_file", arguments: '{"path":"a"}' };
      const messages: Message[] = [
        user("read"),
        { role: "assistant", content: [], toolCalls: [call] },
        { role: "tool", toolCallId: "c1", content: text("42") },
      ];
      const request = chatRequest(messages, { tools: TOOLS });
      expect((await collectTurn(runTurn(chat.agent, request))).text).toBe("fine");
    });
    expect(asked[0]?.tools).toBeUndefined();
    expect(JSON.stringify(asked[0]?.messages)).toContain("tool-result");
  });

  test("whose answer was cut says so", async () => {
    await play(
      () => says("and then", { stopReason: "maxTokens" }),
      async ({ chat }) => {
        const { finish } = await collectTurn(runTurn(chat.agent, chatRequest("go on")));
        expect(finish.reason).toBe("length");
      },
    );
  });

  test("hears that a turn was cancelled", async () => {
    const asked = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<void>();
    const handler: Handler = async (_params, signal) => {
      signal.addEventListener("abort", () => stopped.resolve());
      asked.resolve();
      await stopped.promise;
      return says("never read");
    };
    await play(handler, async ({ chat }) => {
      const abort = new AbortController();
      const turn = collectTurn(chat.agent.run(turnOf(chatRequest("wait")), abort.signal));
      const failure = rejectionOf(turn);
      await asked.promise;
      abort.abort();
      expect(await failure).toMatchObject({ code: "client_cancelled" });
      await stopped.promise;
    });
  });

  test("that refuses, sends sound, or hangs up fails the turn with what it was", async () => {
    const handlers: readonly [Handler, string][] = [
      [() => Promise.reject(new ProtocolError(-1, "User rejected sampling")), "agent_error"],
      [() => ({ content: { type: "audio", data: "aGk=", mimeType: "audio/wav" } }), "agent_error"],
    ];
    for (const [handler, code] of handlers) {
      await play(handler, async ({ chat }) => {
        const { error } = await failureOf(runTurn(chat.agent, chatRequest("hi")));
        expect(error.code).toBe(code as typeof error.code);
      });
    }
    const asked = Promise.withResolvers<void>();
    const hang: Handler = () => {
      asked.resolve();
      return new Promise<object>(() => undefined);
    };
    await play(hang, async ({ chat, close }) => {
      const failure = failureOf(runTurn(chat.agent, chatRequest("hi")));
      await asked.promise;
      await close();
      expect((await failure).error.code).toBe("agent_lost");
    });
  });

  test("takes no longer than the turn may", async () => {
    await play(
      () => new Promise<object>(() => undefined),
      async ({ chat }) => {
        const turn = runTurn(chat.agent, chatRequest("hi"), { deadlineMs: 1 });
        expect((await failureOf(turn)).error.code).toBe("agent_timeout");
      },
    );
  });

  test("that does not listen is waited for a moment, and asked when it does", async () => {
    await play(
      () => says("here again"),
      async ({ chat, line, clock }) => {
        line.shut();
        const later = collectTurn(runTurn(chat.agent, chatRequest("hi")));
        await clock.nextTimer();
        line.open();
        expect((await later).text).toBe("here again");
        line.shut();
        const never = failureOf(runTurn(chat.agent, chatRequest("hi")));
        await clock.nextTimer();
        clock.advance(10_000);
        expect((await never).error.code).toBe("agent_lost");
      },
    );
  });

  test("and whose chat waits for requests is asked by them: that is what its user set up last", async () => {
    await play(
      () => says("from sampling"),
      async (played) => {
        const told = played.call("wait_for_request");
        await settled(played);
        const turn = collectTurn(runTurn(played.chat.agent, chatRequest("hi")));
        expect((await told).head["id"]).toBe("r1");
        await played.call("respond", { id: "r1", text: "from the chat" });
        expect((await turn).text).toBe("from the chat");
      },
    );
  });
});

describe("a sampling request", () => {
  test("keeps all results of one answer in one message, apart from what the user says", () => {
    const calls = ["c1", "c2"].map((id) => ({ id, name: "read_file", arguments: "{}" }));
    const results: Message[] = calls.map(({ id }) => {
      return { role: "tool", toolCallId: id, content: text(id), isError: id === "c2" };
    });
    const { messages } = toSampling(
      chatRequest([
        user("go"),
        { role: "assistant", content: [], toolCalls: calls },
        ...results,
        user("and now?"),
      ]),
      true,
    );
    expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "user", "user"]);
    expect(messages[2]?.content).toEqual([
      expect.objectContaining({ type: "tool_result", toolUseId: "c1" }),
      expect.objectContaining({ type: "tool_result", toolUseId: "c2", isError: true }),
    ]);
  });

  test("has the images of a tool's result within the result", () => {
    const image = { type: "image", mediaType: "image/png", data: "aGk=" } as const;
    const { messages } = toSampling(
      chatRequest([
        user("go"),
        {
          role: "assistant",
          content: [],
          toolCalls: [{ id: "c1", name: "shoot", arguments: "{}" }],
        },
        { role: "tool", toolCallId: "c1", content: [...text("taken"), image] },
      ]),
      true,
    );
    const content = [
      { type: "text", text: "taken" },
      { type: "image", mimeType: "image/png", data: "aGk=" },
    ];
    expect(messages[2]?.content).toMatchObject([{ type: "tool_result", toolUseId: "c1", content }]);
  });

  test("for a text to go on with says so, with a bound", () => {
    const { messages, maxTokens } = toSampling(
      { kind: "completion", model: "m", stream: true, prompt: "let x = ", parameters: {} },
      true,
    );
    expect(maxTokens).toBeGreaterThan(0);
    expect(JSON.stringify(messages)).toContain("let x = ");
  });
});
