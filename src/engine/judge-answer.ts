// Whether an agent's answer is what a response format asks for, and what is wrong with it where it is not.

import { AppError } from "../core/error.ts";
import { isJsonObject } from "../core/json.ts";
import type { ResponseFormat } from "../core/turn.ts";
import { findJson } from "./json-answer.ts";
import { checkValue } from "./json-schema/check.ts";
import { prepareSchema } from "./json-schema/prepare.ts";
import { TooMuchWork } from "./json-schema/work.ts";

export interface Misfit {
  readonly fits: false;
  /** Sentences for the agent. They quote the schema, and nothing of the answer. */
  readonly problems: readonly string[];
  /** The keywords of the schema that failed; none: there was no JSON to hold against it. */
  readonly keywords: readonly string[];
}

/** `text`: the JSON document alone. */
export type Verdict = Misfit | { readonly fits: true; readonly text: string };

/** @throws AppError unsupported where finding out takes too much work */
export function judgeAnswer(answer: string, format: ResponseFormat): Verdict {
  const found = findJson(answer);
  if ("problem" in found) {
    const problem =
      found.problem === "several" ? "It has more than one JSON document." : "It is not valid JSON.";
    return { fits: false, problems: [problem], keywords: [] };
  }
  const fitting = { fits: true, text: found.text } as const;
  if (format.type === "json") {
    if (isJsonObject(found.value)) return fitting;
    return { fits: false, problems: ["It must be a JSON object."], keywords: ["type"] };
  }
  const problems = problemsOf(format, found.value);
  if (problems.length === 0) return fitting;
  return {
    fits: false,
    problems: problems.map(({ path, expectation }) => `The value at ${path} ${expectation}.`),
    keywords: [...new Set(problems.map(({ keyword }) => keyword))],
  };
}

function problemsOf(
  { schema }: ResponseFormat & { readonly type: "json-schema" },
  value: Parameters<typeof checkValue>[1],
): ReturnType<typeof checkValue> {
  try {
    return checkValue(prepareSchema(schema), value);
  } catch (error) {
    if (!(error instanceof TooMuchWork)) throw error;
    const message =
      "It takes too long to check the answer against the response format's schema. Ask with a simpler one.";
    throw new AppError("unsupported", message, { param: "response_format" });
  }
}

/** What is wrong with a response format is said before an agent starts. @throws AppError invalid_request, unsupported */
export function refuseBadFormat(format: ResponseFormat): void {
  if (format.type === "json-schema") prepareSchema(format.schema);
}
