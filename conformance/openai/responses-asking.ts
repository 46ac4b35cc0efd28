// OpenAI: asking POST /v1/responses, and reading what comes.

import { fits, must, same, shorten } from "../check.ts";
import type { Check, Feature } from "../check.ts";
import * as prompt from "../prompts.ts";
import { Response, readResponse } from "./responses-shape.ts";
import type { ResponseObject } from "./responses-shape.ts";
import type { Answer, Server } from "../server.ts";

export const PATH = "/v1/responses";
export const TOOLS = [{ type: "function", ...prompt.TOOL, strict: false }];

export function responses(feature: Feature, title: string, run: Check["run"]): Check {
  return { column: "responses", feature, title, run };
}

export async function ask(server: Server, input: unknown, more: object = {}): Promise<Answer> {
  const answer = await server.send(PATH, { body: { model: server.model, input, ...more } });
  must(answer.status === 200, `it answers ${answer.status}: ${shorten(answer.text)}`);
  return answer;
}

export async function whole(
  server: Server,
  input: unknown,
  more: object = {},
): Promise<ResponseObject> {
  return fits(Response, (await ask(server, input, more)).json);
}

export async function stream(server: Server, input: unknown, more: object = {}) {
  const answer = await ask(server, input, { stream: true, ...more });
  same("the content type", answer.type, "text/event-stream");
  const read = readResponse(answer.text);
  const final = fits(Response, read.final);
  same("the text of the last event", textOf(final), read.text);
  return { ...read, final };
}

export function textOf({ output }: ResponseObject): string {
  const parts = output.flatMap((item) => (item.type === "message" ? item.content : []));
  return parts.map(({ text }) => text).join("");
}

export const reasoningOf = ({ output }: ResponseObject): string =>
  output
    .flatMap((item) => (item.type === "reasoning" ? item.summary : []))
    .map(({ text }) => text)
    .join("");

export const callsOf = ({ output }: ResponseObject) =>
  output.flatMap((item) => (item.type === "function_call" ? [item] : []));

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

export const user = (content: unknown) => ({ type: "message", role: "user", content });
