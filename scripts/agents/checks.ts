// What is asked of every agent, through our API, with OpenAI's client. Each check throws when it does not hold, and tells
// what was noticed when it does. Every answer holds a word that only the model knew.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type OpenAI from "openai";
import type { ScriptedModel } from "./model.ts";
import type { Asked, Deed, Move, Play } from "./play.ts";
import { call, callThatMakes, say } from "./play.ts";

export interface Bench {
  readonly client: OpenAI;
  readonly model: ScriptedModel;
  /** Where the agent works. */
  readonly workspace: string;
  /** Ends all that is waited for. */
  readonly signal: AbortSignal;
}

/** What was noticed, "" for nothing. */
export type Check = (bench: Bench) => Promise<string>;

/** "The default agent", whatever it is. */
const AGENT = "cursor-agent";
const CANCEL_MILLISECONDS = 5_000;
const PIECES = Array.from({ length: 12 }, (_, index) => `piece-${index} `);
const PIECE_MILLISECONDS = 150;

const word = (kind: string): string => `${kind}-${crypto.randomUUID().slice(0, 8)}`;

function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

const shown = (text: string | null | undefined): string => JSON.stringify((text ?? "").slice(0, 300));

/** A task that is the model's to know; the words that the editor sends hold nothing of the answer. */
function plan({ model }: Bench, kind: string, play: Play): { task: string; prompt: string } {
  const task = word(`task-${kind}`);
  model.plan(task, play);
  return { task, prompt: `Please do ${task}.` };
}

const user = (content: string) => [{ role: "user" as const, content }];

export const text: Check = async (bench) => {
  const secret = word("secret");
  const { prompt } = plan(bench, "text", () => say(secret));
  const answer = await bench.client.chat.completions.create(
    { model: AGENT, messages: user(prompt) },
    { signal: bench.signal },
  );
  const [choice] = answer.choices;
  const said = choice?.message.content ?? "";
  must(said.includes(secret), `the answer was ${shown(said)}`);
  must(choice?.finish_reason === "stop", `it finished with ${choice?.finish_reason}`);
  return said.trim() === secret ? "" : "something stands beside the model's words";
};

export const streaming: Check = async (bench) => {
  const secret = word("secret");
  const { model, client, signal } = bench;
  const pieces = [...PIECES, secret];
  const { task, prompt } = plan(bench, "stream", () => ({
    type: "say",
    pieces,
    everyMs: PIECE_MILLISECONDS,
  }));
  const stream = await client.chat.completions.create(
    { model: AGENT, messages: user(prompt), stream: true },
    { signal },
  );
  const arrived: { text: string; at: number }[] = [];
  for await (const { choices } of stream) {
    const content = choices[0]?.delta.content ?? "";
    if (content !== "") arrived.push({ text: content, at: performance.now() });
  }
  const whole = arrived.map(({ text: each }) => each).join("");
  must(whole.includes(pieces.join("")), `the pieces made ${shown(whole)}`);
  must(arrived.length >= 3, `it came in ${arrived.length} chunks`);
  const first = arrived.find(({ text: each }) => each.includes("piece")) ?? arrived[0];
  must((first?.at ?? 0) < model.seen(task).lastPieceAt, "it came when the model had ended");
  return `${arrived.length} chunks of ${pieces.length} pieces`;
};

export const cancel: Check = async (bench) => {
  const { model, client, signal } = bench;
  const endless: Move = {
    type: "say",
    pieces: Array.from({ length: 3_000 }, (_, index) => `tick-${index} `),
    everyMs: 100,
  };
  const { task, prompt } = plan(bench, "cancel", () => endless);
  const hangUp = new AbortController();
  const stream = await client.chat.completions.create(
    { model: AGENT, messages: user(prompt), stream: true },
    { signal: AbortSignal.any([hangUp.signal, signal]) },
  );
  const reading = (async () => {
    for await (const chunk of stream) if (hangUp.signal.aborted) return chunk;
    return undefined;
  })().catch(() => undefined);
  await orAbort(
    model.until(task, ({ open, lastPieceAt }) => open > 0 && lastPieceAt > 0),
    signal,
  );
  await Bun.sleep(1_000);
  const begun = performance.now();
  hangUp.abort();
  await reading;
  const late = AbortSignal.timeout(CANCEL_MILLISECONDS);
  const gone = model.until(task, ({ open, brokenOff }) => open === 0 && brokenOff > 0);
  await orAbort(gone, AbortSignal.any([late, signal])).catch(() => {
    throw new Error(`the model was still being heard after ${CANCEL_MILLISECONDS / 1_000} s`);
  });
  const milliseconds = Math.round(performance.now() - begun);
  await text(bench);
  return `the model was hung up on after ${milliseconds} ms; the next answer came`;
};

/** Has the agent's own tool make a file. Whether it may is the session's business. */
async function attempt(bench: Bench, deed: Deed): Promise<{ path: string; tool: string; told: string }> {
  const { model, client, workspace, signal } = bench;
  const path = join(workspace, `${word(deed)}.txt`);
  const secret = word("secret");
  const { task, prompt } = plan(bench, deed, ({ tools, called }) => {
    const own = called.length === 0 ? callThatMakes(deed, path, tools) : undefined;
    return own === undefined ? say(secret) : call(own);
  });
  const answer = await client.chat.completions.create(
    { model: AGENT, messages: user(prompt) },
    { signal },
  );
  const said = answer.choices[0]?.message.content ?? "";
  const { asked } = model.seen(task);
  const offered = asked[0]?.tools ?? [];
  const tool = callThatMakes(deed, path, offered)?.name;
  must(asked.length > 0, "the model was not asked");
  const told = (asked.at(-1)?.results ?? []).join(" ").replaceAll(/\s+/g, " ").slice(0, 160);
  // An agent may end the turn at a refusal: then nobody hears the secret.
  must(said.includes(secret) || asked.length === 1, `the answer was ${shown(said)}`);
  return { path, tool: tool ?? "", told };
}

const refused =
  (deed: Deed): Check =>
  async (bench) => {
    const { path, tool, told } = await attempt(bench, deed);
    must(!existsSync(path), `${tool} made its file without the scope for it`);
    if (tool === "") return "it offers its model no such tool in this mode";
    return told === "" ? `\`${tool}\` refused, and the turn ended` : `\`${tool}\`: ${told}`;
  };

const granted =
  (deed: Deed): Check =>
  async (bench) => {
    const { path, tool, told } = await attempt(bench, deed);
    must(tool !== "", "it offers its model no such tool");
    must(existsSync(path), `${tool} made no file with the scope for it: ${told}`);
    return `\`${tool}\``;
  };

export const refusesToWrite = refused("write");
export const refusesToRun = refused("run");
export const writes = granted("write");
export const runs = granted("run");

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
  const found = `${results.join(" ")} ${said}`.match(/found-[\w-]+/g) ?? [];
  if (keys.every((key) => found.includes(`found-${key}`))) {
    return { type: "say", pieces: ["It says: ", keys.map((key) => `found-${key}`).join(" ")], everyMs: 50 };
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
    const { message, finish_reason: reason } = (await stream.finalChatCompletion()).choices[0] ?? {};
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
  const isSame = last?.called.length === 1 && last.results.some((each) => each.includes(`found-${key}`));
  return isSame ? "by MCP, in the same turn" : "by the prompt";
};

export const twoTools: Check = async (bench) => {
  const keys = [word("one"), word("two")];
  const { said, calls } = await rounds(bench, keys);
  must(keys.every((key) => said.includes(`found-${key}`)), `the answer was ${shown(said)}`);
  return calls.length === 1 ? "both in one answer" : "one after the other";
};

export async function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(new Error("it took too long"));
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
