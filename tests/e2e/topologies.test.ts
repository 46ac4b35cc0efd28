// The same requests through every way in which our processes can stand between an editor and an agent. What the clients
// see must not depend on it; which agent answers is proved by a nonce that nobody else knows.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { Ollama } from "ollama";
import OpenAI from "openai";

import { createSuite } from "../support/mlp.ts";
import { ask, chatBody, control, openStream, sseData } from "../support/requests.ts";
import {
  LONG_ANSWER,
  TOOL,
  startEmbedded,
  startThreeProcesses,
  startUpstreamEmbedded,
  startUpstreamRemote,
} from "../support/topologies.ts";
import type { Topology } from "../support/topologies.ts";

const suite = createSuite();
afterAll(() => suite.close());

const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const TOPOLOGIES = {
  "up with the rehearsal agent inside": startEmbedded,
  "up with an OpenAI-compatible upstream inside": startUpstreamEmbedded,
  "bridge, agent and serve as three processes": startThreeProcesses,
  "up, and an upstream's runner in another process": startUpstreamRemote,
} as const;

for (const [name, start] of Object.entries(TOPOLOGIES)) {
  describe(name, () => {
    let topology: Topology;
    let openai: OpenAI;
    let ollama: Ollama;
    const nonce = `The nonce is ${randomBytes(16).toString("hex")}, as agreed, ünïcödé 🎭 and all.`;

    beforeAll(async () => {
      topology = await start(suite, nonce);
      const { api, secrets } = topology.provider;
      openai = new OpenAI({ baseURL: `${api}/v1`, apiKey: secrets.apiKey });
      ollama = new Ollama({ host: `${api}/k/${secrets.apiKey}` });
    });
    afterAll(() => topology.close());

    const user = (content: string) => ({ role: "user" as const, content });
    const tools = [{ type: "function" as const, function: TOOL }];

    test("its processes are different ones", () => {
      const pids = topology.processes.map(({ pid }) => pid);
      expect(new Set([...pids, process.pid]).size).toBe(topology.processes.length + 1);
    });

    test("both clients list the agent's model", async () => {
      const { data } = await openai.models.list();
      expect(data.map(({ id }) => id)).toContain(topology.model);
      const { models } = await ollama.list();
      expect(models.map(({ name }) => name)).toContain(topology.model);
      expect((await ollama.show({ model: topology.model })).capabilities).toContain("completion");
    });

    test("openai hears the agent's own nonce, whole and streamed", async () => {
      const messages = [user(topology.prompts.nonce)];
      const model = topology.model;
      const whole = await openai.chat.completions.create({ model, messages });
      expect(whole.choices[0]?.message.content).toBe(nonce);
      expect(whole.usage?.total_tokens).toBeGreaterThan(0);
      const stream = await openai.chat.completions.create({ model, messages, stream: true });
      let text = "";
      let pieces = 0;
      const reasons: string[] = [];
      for await (const { choices } of stream) {
        text += choices[0]?.delta.content ?? "";
        pieces += 1;
        const reason = choices[0]?.finish_reason;
        if (typeof reason === "string") reasons.push(reason);
      }
      expect(text).toBe(nonce);
      expect(pieces).toBeGreaterThan(3);
      expect(reasons).toEqual(["stop"]);
    });

    test("ollama hears it, too, by the default agent's name", async () => {
      const messages = [user(topology.prompts.nonce)];
      const whole = await ollama.chat({ model: "cursor-agent:latest", messages });
      expect(whole.message.content).toBe(nonce);
      let text = "";
      for await (const part of await ollama.chat({
        model: "cursor-agent",
        messages,
        stream: true,
      })) {
        text += part.message.content;
      }
      expect(text).toBe(nonce);
      const generated = await ollama.generate({
        model: "cursor-agent",
        prompt: topology.prompts.nonce,
      });
      expect(generated.response).toBe(nonce);
    });

    test("reasoning is carried apart from the answer", async () => {
      const messages = [user(topology.prompts.think)];
      const { choices } = await openai.chat.completions.create({ model: topology.model, messages });
      expect(choices[0]?.message).toMatchObject({
        content: "Yes, indeed.",
        reasoning_content: "I think so.",
      });
    });

    test("a tool is called, and its result goes back to the agent", async () => {
      const model = topology.model;
      const messages: OpenAI.ChatCompletionMessageParam[] = [user(topology.prompts.tool)];
      const first = openai.chat.completions.stream({ model, messages, tools });
      const asked = (await first.finalChatCompletion()).choices[0];
      const [call] = asked?.message.tool_calls ?? [];
      if (asked === undefined || call?.type !== "function") throw new Error("no call");
      expect(asked.finish_reason).toBe("tool_calls");
      expect(JSON.parse(call.function.arguments)).toEqual({ city: "Oslo" });
      messages.push(
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", tool_call_id: call.id, content: "snow, -3 °C" },
      );
      const second = await openai.chat.completions.create({ model, messages, tools });
      expect(second.choices[0]?.message.content).toBe("snow, -3 °C");
    });

    test("images reach the agent in either dialect", async () => {
      const model = topology.model;
      const text = topology.prompts.images;
      const image = {
        type: "image_url" as const,
        image_url: { url: `data:image/png;base64,${PIXEL}` },
      };
      const { choices } = await openai.chat.completions.create({
        model,
        messages: [{ role: "user", content: [{ type: "text", text }, image, image] }],
      });
      expect(choices[0]?.message.content).toContain("2 images");
      const answer = await ollama.chat({
        model,
        messages: [{ ...user(text), images: [PIXEL, PIXEL] }],
      });
      expect(answer.message.content).toContain("2 images");
    });

    test("a request of many megabytes reaches the agent", async () => {
      const url = `data:image/png;base64,${"A".repeat(8 * 1024 * 1024)}`;
      const image = { type: "image_url" as const, image_url: { url } };
      const text = topology.prompts.images;
      const { choices } = await openai.chat.completions.create({
        model: topology.model,
        messages: [{ role: "user", content: [{ type: "text", text }, image] }],
      });
      expect(choices[0]?.message.content).toContain("1 image");
    });

    test("embeddings come in order", async () => {
      const { data } = await openai.embeddings.create({
        model: topology.embedder,
        input: ["one", "three"],
      });
      expect(data.map(({ index }) => index)).toEqual([0, 1]);
      expect(data[0]?.embedding).not.toEqual(data[1]?.embedding);
    });

    test("a long answer arrives whole, whatever it is cut into on its way", async () => {
      const stream = await openai.chat.completions.create({
        model: topology.model,
        messages: [user(topology.prompts.long)],
        stream: true,
      });
      let length = 0;
      let wrong = 0;
      for await (const { choices } of stream) {
        const text = choices[0]?.delta.content ?? "";
        length += text.length;
        if (text.replaceAll("ünïcödé 🎭 ", "") !== "") wrong += 1;
      }
      expect({ length, wrong }).toEqual({ length: LONG_ANSWER, wrong: 0 });
    });

    test("a request's id is the turn's, and the session that served it is named", async () => {
      const answer = await ask(topology.provider, "/v1/chat/completions", {
        body: chatBody(topology.prompts.nonce, { stream: true }),
      });
      const ended = await topology.provider.log.until(
        (line) => line.msg === "turn ended" && line["turnId"] === answer.requestId,
      );
      expect(ended).toMatchObject({ outcome: "done", stream: true });
      expect(ended["sessionId"]).toBe(answer.headers.get("x-session-id"));
      expect(sseData(answer.text).at(-1)).toBe("[DONE]");
    });

    test("a failure is a status on a whole answer", async () => {
      const { fail } = topology.prompts;
      const answer = await ask(topology.provider, "/v1/chat/completions", { body: chatBody(fail) });
      expect(answer.status).toBe(502);
      expect(answer.json.error).toMatchObject({ code: "agent_error", type: "api_error" });
      expect(answer.headers.get("x-should-retry")).toBe("false");
    });

    test("a failure in mid-stream is the last frame of either dialect", async () => {
      const { half } = topology.prompts;
      const openai = await ask(topology.provider, "/v1/chat/completions", {
        body: chatBody(half, { stream: true }),
      });
      expect(openai.text).toContain("half ");
      expect(openai.text).not.toContain("[DONE]");
      expect(JSON.parse(sseData(openai.text).at(-1) ?? "")).toHaveProperty("error.message");
      const ollama = await ask(topology.provider, "/api/chat", { body: chatBody(half) });
      expect(ollama.text).not.toContain('"done":true');
      expect(JSON.parse(ollama.text.trim().split("\n").at(-1) ?? "")).toHaveProperty("error");
    });

    test("hanging up reaches the agent, and no turn stays open", async () => {
      const { hold } = topology.prompts;
      const stream = await openStream(topology.provider, "/v1/chat/completions", {
        ...chatBody(hold, { stream: true }),
      });
      await stream.until("first ");
      stream.hangUp();
      await topology.heardCancel(stream.requestId, hold);
      const ended = await topology.provider.log.until(
        (line) => line.msg === "turn ended" && line["turnId"] === stream.requestId,
      );
      expect(ended["outcome"]).toBe("client_cancelled");
      expect((await control(topology.provider, "turns")).json.turns).toEqual([]);
    });
  });
}
