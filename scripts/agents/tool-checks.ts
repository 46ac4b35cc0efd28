// The editor's tools: a request brings one, the model has the agent call it, the next request brings the result.

import type OpenAI from "openai";
import type { Bench, Check } from "./bench.ts";
import { AGENT, must, plan, shown, user, word } from "./bench.ts";
import type { Asked, Move } from "./play.ts";
import { call, say } from "./play.ts";

const TOOL = "lookup_word";
const TOOLS = [
  {
    type: "function" as const,
    function: {
      name: TOOL,
      description: "Looks a word up in the user's editor.",
      parameters: {
        type: "object",
        properties: { key: { type: "string" } },
        required: ["key"],
        additionalProperties: false,
      },
    },
  },
];
const MOST_ROUNDS = 5;

/** The keys that the model looks up, in one move, in whatever way the agent has the editor's tool. */
function lookUp({ text: said, tools, results }: Asked, keys: readonly string[]): Move {
  const found: readonly string[] = `${results.join(" ")} ${said}`.match(/found-[\w-]+/g) ?? [];
  if (keys.every((key) => found.includes(`found-${key}`))) {
    return {
      type: "say",
      pieces: ["It says: ", keys.map((key) => `found-${key}`).join(" ")],
      everyMs: 50,
    };
  }
  const tool = tools.find(({ name }) => name.endsWith(TOOL));
  const calls = keys.map((key) => ({ name: tool?.name ?? TOOL, arguments: { key } }));
  if (tool !== undefined) return call(...calls);
  if (said.includes('{"tool_calls":')) return say(JSON.stringify({ tool_calls: calls }));
  return say(`I am offered ${tools.map(({ name }) => name).join(", ")}`);
}

interface Rounds {
  readonly said: string;
  /** How many calls each answer ended with. */
  readonly calls: readonly number[];
  readonly asked: readonly Asked[];
}

/** As an editor does it: answers every call, until there is none. */
async function rounds(bench: Bench, keys: readonly string[]): Promise<Rounds> {
  const { client, model, signal } = bench;
  const secret = word("secret");
  const { task, prompt } = plan(bench, "tool", (asked) => {
    const move = lookUp(asked, keys);
    return move.type === "say" && move.pieces[0] === "It says: "
      ? { ...move, pieces: [...move.pieces, ` ${secret}`] }
      : move;
  });
  const messages: OpenAI.ChatCompletionMessageParam[] = user(prompt);
  const calls: number[] = [];
  while (calls.length < MOST_ROUNDS) {
    const stream = client.chat.completions.stream(
      { model: AGENT, messages, tools: TOOLS },
      { signal },
    );
    const { message, finish_reason: reason } =
      (await stream.finalChatCompletion()).choices[0] ?? {};
    const made = message?.tool_calls ?? [];
    if (message === undefined || made.length === 0) {
      const said = message?.content ?? "";
      must(said.includes(secret), `the answer was ${shown(said)}`);
      return { said, calls, asked: model.seen(task).asked };
    }
    must(reason === "tool_calls", `calls finished with ${reason}`);
    calls.push(made.length);
    messages.push(message);
    for (const each of made) {
      must(each.type === "function" && each.function.name === TOOL, "it called something else");
      const { key } = JSON.parse(each.function.arguments) as { key?: string };
      messages.push({ role: "tool", tool_call_id: each.id, content: `found-${key}` });
    }
  }
  throw new Error(`it still called after ${MOST_ROUNDS} rounds`);
}

export const tools: Check = async (bench) => {
  const key = word("key");
  const { said, calls, asked } = await rounds(bench, [key]);
  must(calls.length === 1, `it took ${calls.length} rounds`);
  must(said.includes(`found-${key}`), `the answer was ${shown(said)}`);
  const last = asked.at(-1);
  // The same turn: to its model the agent's own call was made and answered. Otherwise it would read of it in a history.
  const isSame =
    last?.called.length === 1 && last.results.some((each) => each.includes(`found-${key}`));
  return isSame ? "by MCP, in the same turn" : "by the prompt";
};

export const twoTools: Check = async (bench) => {
  const keys = [word("one"), word("two")];
  const { said, calls } = await rounds(bench, keys);
  must(
    keys.every((key) => said.includes(`found-${key}`)),
    `the answer was ${shown(said)}`,
  );
  return calls.length === 1 ? "both in one answer" : "one after the other";
};
