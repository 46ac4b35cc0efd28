// The official `ollama` client against the compiled binary, in the two ways in which it can show a key: a header, and the
// secret base path of editors that send none.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Ollama } from "ollama";
import type { ChatResponse, Message } from "ollama";

import { createSuite } from "../support/mlp.ts";
import type { Mlp } from "../support/mlp.ts";
import { TOOL } from "../support/topologies.ts";

const suite = createSuite();
let mlp: Mlp;

beforeAll(async () => {
  mlp = await suite.start([
    ...["up", "--port", "0", "--bridge-port", "0"],
    ...["--agent", "rehearsal", "--log-level", "debug"],
  ]);
});
afterAll(() => suite.close());

const WAYS = {
  "with the key in a header": () =>
    new Ollama({ host: mlp.api, headers: { authorization: `Bearer ${mlp.secrets.apiKey}` } }),
  "with the key in the path": () => new Ollama({ host: `${mlp.api}/k/${mlp.secrets.apiKey}` }),
} as const;

const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const model = "cursor-agent";
const tools = [{ type: "function", function: TOOL }];
const user = (content: string): Message => ({ role: "user", content });
const said = "One two three, and ünïcödé 🎭 too.";
const prompt = `/rehearse say "${said}"\n/rehearse usage 11 7`;

for (const [way, connect] of Object.entries(WAYS)) {
  describe(`ollama ${way}`, () => {
    let client: Ollama;
    beforeAll(() => {
      client = connect();
    });

    test("lists models whole enough for the strictest reader", async () => {
      const { models } = await client.list();
      expect(models.map(({ name }) => name)).toContain("cursor-agent");
      for (const each of models) {
        expect(each.model).toBe(each.name);
        expect(Number.isInteger(each.size) && each.size >= 0).toBe(true);
        expect(each.digest).toMatch(/^[0-9a-f]{64}$/);
        expect(Number.isNaN(Date.parse(String(each.modified_at)))).toBe(false);
        expect(each.details.families).toBeArray();
      }
    });

    test("shows every listed model with what it can do", async () => {
      const { models } = await client.list();
      for (const { name } of models) {
        const shown = await client.show({ model: name });
        expect(shown.capabilities).toEqual(expect.arrayContaining(["completion", "tools"]));
        const info = shown.model_info as unknown as Record<string, unknown>;
        const context = info[`${String(info["general.architecture"])}.context_length`];
        expect(context).toBeGreaterThan(1_000);
      }
    });

    test("says which models run, and a version that clients accept", async () => {
      const { models } = await client.ps();
      expect(models.map(({ name }) => name)).toContain("rehearsal");
      expect((await client.version()).version).toMatch(/^\d+\.\d+\.\d+$/);
    });

    test("chats, whole", async () => {
      const answer = await client.chat({ model, messages: [user(prompt)] });
      expect(answer.message).toMatchObject({ role: "assistant", content: said });
      expect(answer).toMatchObject({
        done: true,
        done_reason: "stop",
        prompt_eval_count: 11,
        eval_count: 7,
      });
      expect(answer.total_duration).toBeGreaterThan(0);
    });

    test("chats in a stream whose pieces joined are the whole answer", async () => {
      const parts: ChatResponse[] = [];
      for await (const part of await client.chat({
        model,
        messages: [user(prompt)],
        stream: true,
      })) {
        parts.push(part);
      }
      expect(parts.map(({ message }) => message.content).join("")).toBe(said);
      expect(parts.length).toBeGreaterThan(4);
      expect(parts.map(({ done }) => done)).toEqual([
        ...Array<boolean>(parts.length - 1).fill(false),
        true,
      ]);
      expect(parts.at(-1)).toMatchObject({ done_reason: "stop", eval_count: 7 });
    });

    test("generates, whole and in a stream", async () => {
      const whole = await client.generate({ model, prompt });
      expect(whole).toMatchObject({ response: said, done: true, done_reason: "stop" });
      let text = "";
      for await (const part of await client.generate({ model, prompt, stream: true })) {
        text += part.response;
      }
      expect(text).toBe(said);
    });

    test("generates between a prefix and a suffix", async () => {
      const answer = await client.generate({ model, prompt: "const a = ", suffix: ";" });
      expect(answer.response).not.toBe("");
    });

    test("keeps thinking apart from the answer", async () => {
      const messages = [user(`/rehearse reasoning "Let me see."\n/rehearse say "Yes."`)];
      const whole = await client.chat({ model, messages, think: true });
      expect(whole.message).toMatchObject({ thinking: "Let me see.", content: "Yes." });
      let thinking = "";
      let content = "";
      for await (const part of await client.chat({ model, messages, think: true, stream: true })) {
        thinking += part.message.thinking ?? "";
        content += part.message.content;
      }
      expect({ thinking, content }).toEqual({ thinking: "Let me see.", content: "Yes." });
    });

    test("sends images to the agent", async () => {
      const message = { ...user("What is this?"), images: [PIXEL] };
      const answer = await client.chat({ model, messages: [message] });
      expect(answer.message.content).toContain("1 image");
    });

    for (const stream of [false, true]) {
      test(`calls a tool and takes its result${stream ? ", streamed" : ""}`, async () => {
        const messages = [
          user(`/rehearse tool get_weather {"city":"Oslo"}\n/rehearse park\n/rehearse results`),
        ];
        const asked = await chat(client, messages, stream);
        const [call] = asked.tool_calls ?? [];
        expect(call?.function).toMatchObject({ name: "get_weather", arguments: { city: "Oslo" } });
        const result = { role: "tool", tool_name: "get_weather", content: "snow, -3 °C" };
        const answer = await chat(client, [...messages, asked, result], stream);
        expect(answer.content).toBe("snow, -3 °C");
      });
    }

    test("makes embeddings of one text and of several", async () => {
      const { embeddings } = await client.embed({ model: "rehearsal", input: ["one", "two"] });
      expect(embeddings).toHaveLength(2);
      expect(embeddings[0]?.length).toBeGreaterThan(2);
      const single = await client.embeddings({ model: "rehearsal", prompt: "one" });
      expect(single.embedding).toHaveLength(embeddings[0]?.length ?? 0);
    });

    test("is told of an unknown model in words", async () => {
      const asking = client.chat({ model: "no-such-model", messages: [user("hello")] });
      await expect(asking).rejects.toMatchObject({
        name: "ResponseError",
        status_code: 404,
        error: "model 'no-such-model' not found",
      });
    });

    test("is told in mid-stream that the agent failed", async () => {
      // A failed prompt that is sent again hears its failure again, so each way has its own.
      const told = `/rehearse say "half "\n/rehearse error agent_error "It fell over."`;
      const messages = [user(`${way}\n${told}`)];
      let text = "";
      const read = async (): Promise<void> => {
        for await (const part of await client.chat({ model, messages, stream: true })) {
          text += part.message.content;
        }
      };
      await expect(read()).rejects.toThrow("It fell over.");
      expect(text).toBe("half ");
    });

    test("stops the agent by hanging up", async () => {
      const since = mlp.log.lines.length;
      const messages = [user(`/rehearse say "first words "\n/rehearse hang`)];
      const stream = await client.chat({ model, messages, stream: true });
      let text = "";
      const read = async (): Promise<void> => {
        for await (const part of stream) {
          text += part.message.content;
          if (text === "first words ") stream.abort();
        }
      };
      await expect(read()).rejects.toMatchObject({ name: "AbortError" });
      const ended = await mlp.log.until((line) => line["outcome"] === "client_cancelled", {
        since,
      });
      await mlp.log.until(
        ({ msg, turn }) => msg === "rehearsal turn cancelled" && turn === ended["turnId"],
      );
    });
  });
}

async function chat(client: Ollama, messages: Message[], stream: boolean): Promise<Message> {
  const request = { model: "rehearsal", messages, tools };
  if (!stream) return (await client.chat(request)).message;
  const message: Message = { role: "assistant", content: "" };
  for await (const part of await client.chat({ ...request, stream: true })) {
    message.content += part.message.content;
    const calls = part.message.tool_calls;
    if (calls !== undefined) message.tool_calls = [...(message.tool_calls ?? []), ...calls];
  }
  return message;
}

test("without a key the client is refused, and the key in its path is in no log", async () => {
  const asking = new Ollama({ host: mlp.api }).list();
  await expect(asking).rejects.toMatchObject({ name: "ResponseError", status_code: 401 });
  expect(mlp.stderr()).not.toContain(mlp.secrets.apiKey);
});
