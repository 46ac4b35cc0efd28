// OpenAI: asking POST /v1/chat/completions, and reading what comes.

import { fits, must, only, same, shorten, skip } from "../check.ts";
import type { Check, Feature } from "../check.ts";
import { ChatCompletion, readChat } from "./chat-shape.ts";
import * as prompt from "../prompts.ts";
import { parsed } from "../server.ts";
import type { Answer, Server } from "../server.ts";

export const PATH = "/v1/chat/completions";
export const TOOLS = [{ type: "function", function: prompt.TOOL }];

export const user = (content: unknown) => ({ role: "user", content });

export function ask(server: Server, content: string, more: object = {}): Promise<Answer> {
  const body = { model: server.model, messages: [user(content)], ...more };
  return server.send(PATH, { body });
}

export function succeeded(answer: Answer): Answer {
  must(answer.status === 200, `it answers ${answer.status}: ${shorten(answer.text)}`);
  return answer;
}

export async function whole(server: Server, content: string, more: object = {}) {
  const answer = fits(ChatCompletion, succeeded(await ask(server, content, more)).json);
  return { answer, choice: only("choices", answer.choices) };
}

export async function stream(server: Server, content: string, more: object = {}) {
  const answer = succeeded(await ask(server, content, { stream: true, ...more }));
  same("the content type", answer.type, "text/event-stream");
  return readChat(answer.text);
}

/** Whatever a model says, it has to say something. */
export function spoken(server: Server, text: string | null): void {
  must((text ?? "") !== "", "the answer is empty");
  if (server.rehearses) same("the answer", text, prompt.SPOKEN);
}

export function callsFor(
  server: Server,
  calls: readonly { readonly name: string; readonly arguments: string }[],
  cities: readonly string[],
): void {
  if (calls.length === 0 && !server.rehearses) skip("the model called no tool");
  for (const call of calls) {
    same("the tool", call.name, prompt.TOOL.name);
    must(typeof parsed(call.arguments) === "object", "the arguments are no JSON object");
  }
  if (!server.rehearses) return;
  same(
    "the arguments",
    calls.map((call) => parsed(call.arguments)),
    cities.map((city) => ({ city })),
  );
}

export function chat(feature: Feature, title: string, run: Check["run"]): Check {
  return { column: "chat", feature, title, run };
}

export const accepted =
  (...bodies: readonly object[]): Check["run"] =>
  async (server) => {
    for (const body of bodies) {
      const { choice } = await whole(server, prompt.say(prompt.SPOKEN), body);
      must((choice.message.content ?? "") !== "", "the answer is empty");
    }
  };
