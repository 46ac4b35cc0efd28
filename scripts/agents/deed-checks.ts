// What an agent may do on its machine: the model has it call a tool of its own that makes a file.

import { existsSync } from "node:fs";
import { join } from "node:path";
import OpenAI from "openai";
import type { Bench, Check } from "./bench.ts";
import { AGENT, must, plan, shown, user, word } from "./bench.ts";
import type { Deed } from "./play.ts";
import { call, callThatMakes, say } from "./play.ts";

/** Has the agent's own tool make a file. Whether it may is the session's business. */
async function attempt(
  bench: Bench,
  deed: Deed,
): Promise<{ path: string; tool: string; told: string }> {
  const { model, client, workspace, signal } = bench;
  const path = join(workspace, `${word(deed)}.txt`);
  const secret = word("secret");
  const { task, prompt } = plan(bench, deed, ({ tools, called }) => {
    const own = called.length === 0 ? callThatMakes(deed, path, tools) : undefined;
    return own === undefined ? say(secret) : call(own);
  });
  const said = await client.chat.completions
    .create({ model: AGENT, messages: user(prompt) }, { signal })
    .then(({ choices }) => choices[0]?.message.content ?? "", refusalOf);
  const { asked } = model.seen(task);
  const offered = asked[0]?.tools ?? [];
  const tool = callThatMakes(deed, path, offered)?.name;
  must(asked.length > 0, "the model was not asked");
  const told = cut((asked.at(-1)?.results ?? []).join(" ").replaceAll(/\s+/g, " "));
  must(said.includes(secret) || REFUSAL.test(said), `the answer was ${shown(said)}`);
  return { path, tool: tool ?? "", told };
}

function cut(text: string): string {
  return text.length <= 100 ? text : `${text.slice(0, 100).trimEnd()}…`;
}

/** Some agents end the turn at a refusal: then nobody hears the secret, and our error says why. */
const REFUSAL = /refused what needs the scope agent:/;

function refusalOf(error: unknown): string {
  if (error instanceof OpenAI.APIError && REFUSAL.test(error.message)) return error.message;
  throw error;
}

export const refused =
  (deed: Deed): Check =>
  async (bench) => {
    const { path, tool, told } = await attempt(bench, deed);
    must(!existsSync(path), `${tool} made its file without the scope for it`);
    if (tool === "") return "it offers its model no such tool in this mode";
    return told === ""
      ? `\`${tool}\` refused, and the agent ended the turn`
      : `\`${tool}\`: ${told}`;
  };

export const granted =
  (deed: Deed): Check =>
  async (bench) => {
    const { path, tool, told } = await attempt(bench, deed);
    must(tool !== "", "it offers its model no such tool");
    must(existsSync(path), `${tool} made no file with the scope for it: ${told}`);
    return `\`${tool}\``;
  };
