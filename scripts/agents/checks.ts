// What is asked of every agent, through our API, with OpenAI's client. Each check throws when it does not hold, and tells
// what was noticed when it does. Every answer holds a word that only the model knew.

import type { Check } from "./bench.ts";
import { AGENT, must, orAbort, plan, shown, user, word } from "./bench.ts";
import { granted, refused } from "./deed-checks.ts";
import type { Move } from "./play.ts";
import { say } from "./play.ts";
import { tools, twoTools } from "./tool-checks.ts";

const CANCEL_MILLISECONDS = 5_000;
const PIECES = Array.from({ length: 12 }, (_, index) => `piece-${index} `);
const PIECE_MILLISECONDS = 150;

const text: Check = async (bench) => {
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

const streaming: Check = async (bench) => {
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

const cancel: Check = async (bench) => {
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

export const CHECKS = {
  text,
  streaming,
  cancel,
  refusesToWrite: refused("write"),
  refusesToRun: refused("run"),
  tools,
  twoTools,
  writes: granted("write"),
  runs: granted("run"),
} as const satisfies Readonly<Record<string, Check>>;
