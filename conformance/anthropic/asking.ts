// Anthropic: asking POST /v1/messages, and reading what comes.

import { Message, readMessage } from "./shape.ts";
import type { MessageObject } from "./shape.ts";
import { fits, must, same, shorten } from "../check.ts";
import type { Check, Feature } from "../check.ts";
import * as prompt from "../prompts.ts";
import type { Answer, Server } from "../server.ts";

export const PATH = "/v1/messages";
export const TOOLS = [
  {
    name: prompt.TOOL.name,
    description: prompt.TOOL.description,
    input_schema: prompt.TOOL.parameters,
  },
];

export const user = (content: unknown) => ({ role: "user", content });

export function anthropic(feature: Feature, title: string, run: Check["run"]): Check {
  return { column: "anthropic", feature, title, run };
}

export async function ask(server: Server, content: unknown, more: object = {}): Promise<Answer> {
  const body = { model: server.model, max_tokens: 1024, messages: [user(content)], ...more };
  const answer = await server.send(PATH, { body, headers: { "anthropic-version": "2023-06-01" } });
  must(answer.status === 200, `it answers ${answer.status}: ${shorten(answer.text)}`);
  return answer;
}

export async function whole(
  server: Server,
  content: unknown,
  more: object = {},
): Promise<MessageObject> {
  return fits(Message, (await ask(server, content, more)).json);
}

export async function stream(server: Server, content: unknown, more: object = {}) {
  const answer = await ask(server, content, { stream: true, ...more });
  same("the content type", answer.type, "text/event-stream");
  return readMessage(answer.text);
}

export const textOf = ({ content }: MessageObject): string =>
  content.map((block) => (block.type === "text" ? block.text : "")).join("");
export const thinkingOf = ({ content }: MessageObject): string =>
  content.map((block) => (block.type === "thinking" ? block.thinking : "")).join("");
export const toolsOf = ({ content }: MessageObject) =>
  content.flatMap((block) => (block.type === "tool_use" ? [block] : []));

export function spoken(server: Server, text: string): void {
  must(text !== "", "the answer is empty");
  if (server.rehearses) same("the answer", text, prompt.SPOKEN);
}

export const accepted =
  (...bodies: readonly object[]): Check["run"] =>
  async (server) => {
    for (const body of bodies) {
      must(
        textOf(await whole(server, prompt.say(prompt.SPOKEN), body)) !== "",
        "the answer is empty",
      );
    }
  };
