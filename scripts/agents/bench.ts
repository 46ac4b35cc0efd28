// What a check works with: our API with an agent behind it, and the model behind that.

import type OpenAI from "openai";
import type { ScriptedModel } from "./model.ts";
import type { Play } from "./play.ts";

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
export const AGENT = "cursor-agent";
export const word = (kind: string): string => `${kind}-${crypto.randomUUID().slice(0, 8)}`;

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

export const shown = (text: string | null | undefined): string =>
  JSON.stringify((text ?? "").slice(0, 300));

/** A task that is the model's to know; the words that the editor sends hold nothing of the answer. */
export function plan({ model }: Bench, kind: string, play: Play): { task: string; prompt: string } {
  const task = word(`task-${kind}`);
  model.plan(task, play);
  return { task, prompt: `Please do ${task}.` };
}

export const user = (content: string) => [{ role: "user" as const, content }];

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
