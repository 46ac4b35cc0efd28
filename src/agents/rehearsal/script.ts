// The rehearsal agent's script file, already parsed to a value: strict, and every complaint names its answer and step.
// Knows neither YAML nor files.

import { type Static, type TObject, type TProperties, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { AppError, ERRORS, isErrorCode } from "../../core/error.ts";
import type { Usage } from "../../core/event.ts";
import { isJsonObject, parseJson } from "../../core/json.ts";
import { type RehearsalStep, STEP_LIMITS, faultOf } from "./step.ts";
import { nearest } from "./words.ts";

export interface RehearsalScript {
  /** In force for every answer, until a step says otherwise. */
  readonly delayMs?: number;
  readonly chunk?: number;
  readonly answers: readonly RehearsalAnswer[];
}

interface RehearsalAnswer {
  /** Given when the last user message contains this text. Without it, answers are given in their order. */
  readonly match?: string;
  readonly steps: readonly RehearsalStep[];
}

function closed<T extends TProperties>(properties: T): TObject<T> {
  return Type.Object(properties, { additionalProperties: false });
}

const whole = ({ least, most }: { least: number; most: number }) =>
  Type.Integer({ minimum: least, maximum: most });
const yes = Type.Literal(true);
const tokens = whole(STEP_LIMITS.usage);

/** One step does one thing: the key that names it, and its companions. */
const STEPS = {
  say: closed({ say: Type.String() }),
  reasoning: closed({ reasoning: Type.String() }),
  tool: closed({
    tool: Type.String({ minLength: 1 }),
    arguments: Type.Optional(
      Type.Union([Type.String(), Type.Record(Type.String(), Type.Unknown())], {
        description: "must be a mapping, or the JSON text of an object",
      }),
    ),
    id: Type.Optional(Type.String({ minLength: 1 })),
  }),
  park: closed({ park: yes }),
  results: closed({ results: yes }),
  delay: closed({ delay: whole(STEP_LIMITS.delay) }),
  chunk: closed({ chunk: whole(STEP_LIMITS.chunk) }),
  repeat: closed({ repeat: whole(STEP_LIMITS.repeat) }),
  usage: closed({
    usage: closed({
      prompt: tokens,
      completion: tokens,
      reasoning: Type.Optional(tokens),
      cached: Type.Optional(tokens),
    }),
  }),
  finish: closed({
    finish: Type.Union(
      [
        Type.Literal("stop"),
        Type.Literal("length"),
        Type.Literal("tool_calls"),
        Type.Literal("content_filter"),
      ],
      { description: "must be stop, length, tool_calls or content_filter" },
    ),
  }),
  error: closed({ error: Type.String(), message: Type.Optional(Type.String()) }),
  crash: closed({ crash: yes }),
  hang: closed({ hang: yes }),
};

const Answer = closed({
  match: Type.Optional(Type.String({ minLength: 1 })),
  steps: Type.Array(Type.Unknown(), { minItems: 1 }),
});

const Script = closed({
  delay: Type.Optional(whole(STEP_LIMITS.delay)),
  chunk: Type.Optional(whole(STEP_LIMITS.chunk)),
  answers: Type.Array(Type.Unknown()),
});

type Verb = keyof typeof STEPS;

/** Throws `AppError` `invalid_request` that names the place, such as `answers[0].steps[2]`. */
export function parseRehearsalScript(value: unknown): RehearsalScript {
  const script = check(Script, value, "the script");
  return {
    ...(script.delay === undefined ? {} : { delayMs: script.delay }),
    ...(script.chunk === undefined ? {} : { chunk: script.chunk }),
    answers: script.answers.map((answer, index) => parseAnswer(answer, `answers[${index}]`)),
  };
}

function parseAnswer(value: unknown, place: string): RehearsalAnswer {
  const { match, steps } = check(Answer, value, place);
  const parsed = steps.map((step, index) => parseStep(step, `${place}.steps[${index}]`));
  const fault = faultOf(parsed);
  if (fault !== undefined) throw wrong(`${place}.steps`, fault);
  return { ...(match === undefined ? {} : { match }), steps: parsed };
}

function parseStep(value: unknown, place: string): RehearsalStep {
  const verb = verbOf(value, place);
  switch (verb) {
    case "say":
      return { type: verb, text: check(STEPS.say, value, place).say };
    case "reasoning":
      return { type: verb, text: check(STEPS.reasoning, value, place).reasoning };
    case "tool":
      return toTool(check(STEPS.tool, value, place), place);
    case "delay":
      return { type: verb, ms: check(STEPS.delay, value, place).delay };
    case "chunk":
      return { type: verb, characters: check(STEPS.chunk, value, place).chunk };
    case "repeat":
      return { type: verb, times: check(STEPS.repeat, value, place).repeat };
    case "usage":
      return { type: verb, usage: toUsage(check(STEPS.usage, value, place).usage) };
    case "finish":
      return { type: verb, reason: check(STEPS.finish, value, place).finish };
    case "error":
      return toError(check(STEPS.error, value, place), place);
    default:
      check(STEPS[verb], value, place);
      return { type: verb };
  }
}

function verbOf(value: unknown, place: string): Verb {
  const known = Object.keys(STEPS);
  if (!isJsonObject(value)) throw wrong(place, `a step is a mapping, such as "say: hello".`);
  const keys = Object.keys(value);
  const verbs = keys.filter((key): key is Verb => Object.hasOwn(STEPS, key));
  const [verb, second] = verbs;
  if (verb !== undefined && second === undefined) return verb;
  if (second !== undefined) {
    throw wrong(place, `one step does one thing, here are "${verb}" and "${second}".`);
  }
  const guess = nearest(keys[0] ?? "", known);
  const hint = guess === undefined ? "" : ` Did you mean "${guess}"?`;
  throw wrong(place, `no step that I know.${hint} There are: ${known.join(", ")}.`);
}

function toTool(step: Static<typeof STEPS.tool>, place: string): RehearsalStep {
  const given = step.arguments ?? {};
  const text = typeof given === "string" ? given : JSON.stringify(given);
  if (!isJsonObject(parseJson(text))) {
    throw wrong(`${place}.arguments`, "must be a mapping, or the JSON text of an object.");
  }
  const id = step.id === undefined ? {} : { id: step.id };
  return { type: "tool", name: step.tool, arguments: text, ...id };
}

function toUsage(usage: Static<typeof STEPS.usage>["usage"]): Usage {
  return {
    promptTokens: usage.prompt,
    completionTokens: usage.completion,
    ...(usage.reasoning === undefined ? {} : { reasoningTokens: usage.reasoning }),
    ...(usage.cached === undefined ? {} : { cachedTokens: usage.cached }),
  };
}

function toError(step: Static<typeof STEPS.error>, place: string): RehearsalStep {
  if (!isErrorCode(step.error)) {
    throw wrong(`${place}.error`, `must be one of ${Object.keys(ERRORS).join(", ")}.`);
  }
  const message = step.message ?? "The rehearsal was told to fail.";
  return { type: "error", code: step.error, message };
}

function check<T extends TObject>(schema: T, value: unknown, place: string): Static<T> {
  if (Value.Check(schema, value)) return value;
  const error = Value.Errors(schema, value).First();
  const inner = (error?.path ?? "").split("/").slice(1).join(".");
  const problem = error?.schema.description ?? error?.message ?? "is wrong";
  throw wrong(inner === "" ? place : `${place}.${inner}`, `${problem}.`);
}

function wrong(place: string, problem: string): AppError {
  return new AppError("invalid_request", `Rehearsal script, ${place}: ${problem}`);
}
