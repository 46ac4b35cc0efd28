// Ollama: asking chat and generate, and reading what comes.

import { fits, must, same, shorten } from "../check.ts";
import type { Check, Feature } from "../check.ts";
import * as Shape from "./shape.ts";
import * as prompt from "../prompts.ts";
import type { Answer, Server } from "../server.ts";

export const TOOLS = [{ type: "function", function: prompt.TOOL }];
export const user = (content: string) => ({ role: "user", content });

export async function post(server: Server, path: string, body: object): Promise<Answer> {
  const answer = await server.send(path, { body });
  must(answer.status === 200, `${path} answers ${answer.status}: ${shorten(answer.text)}`);
  return answer;
}

export async function chat(server: Server, content: string, more: object = {}) {
  const body = { model: server.model, messages: [user(content)], stream: false, ...more };
  return fits(Shape.ChatAnswer, (await post(server, "/api/chat", body)).json);
}

/** Streams unless told otherwise, as Ollama does. */
export async function chatLines(server: Server, content: string, more: object = {}) {
  const body = { model: server.model, messages: [user(content)], ...more };
  const answer = await post(server, "/api/chat", body);
  same("the content type", answer.type, "application/x-ndjson");
  return Shape.readChat(answer.text);
}

export async function generate(server: Server, content: string, more: object = {}) {
  const body = { model: server.model, prompt: content, stream: false, ...more };
  return fits(Shape.GenerateAnswer, (await post(server, "/api/generate", body)).json);
}

export function spoken(server: Server, text: string): void {
  must(text !== "", "the answer is empty");
  if (server.rehearses) same("the answer", text, prompt.SPOKEN);
}

export async function tags(server: Server) {
  return fits(Shape.Tags, (await server.send("/api/tags")).json).models;
}

export function ollama(feature: Feature, title: string, run: Check["run"]): Check {
  return { column: "ollama", feature, title, run };
}

export const accepted =
  (...bodies: readonly object[]): Check["run"] =>
  async (server) => {
    for (const body of bodies) {
      const { message } = await chat(server, prompt.say(prompt.SPOKEN), body);
      must(message.content !== "", "the answer is empty");
      await generate(server, prompt.say(prompt.SPOKEN), body);
    }
  };
