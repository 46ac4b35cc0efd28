// Whether a request shows a key at all. Editors send something even where nobody gave them one. Pure.

import type { GuardQuestion } from "./guard-question.ts";

/**
 * What stands where a key has to be and there is none: `noop` from Void, what the manuals of Ollama, LM Studio, vLLM and
 * llama.cpp tell people to write, and what JavaScript makes of nothing. In lower case.
 */
const PLACEHOLDERS: ReadonlySet<string> = new Set(
  [
    "noop none null undefined empty dummy placeholder unused test local",
    "ollama lm-studio lmstudio lm_studio vllm",
    "no-key nokey no-key-required no-key-needed not-needed not-required",
    "sk-none sk-dummy sk-no-key-required sk-not-needed",
  ].flatMap((line) => line.split(" ")),
);

/** A value that is neither empty nor known to be a placeholder is a secret, also where no secret would be looked for. */
export function shownKey(question: GuardQuestion): "nothing" | "placeholder" | "secret" {
  const authorization = question.header("authorization")?.trim() ?? "";
  const values = [
    authorization.replace(/^bearer(?: +|$)/i, ""),
    question.header("x-api-key")?.trim() ?? "",
    question.header("api-key")?.trim() ?? "",
  ].filter((value) => value !== "");
  if (values.length === 0) return "nothing";
  return values.every((value) => PLACEHOLDERS.has(value.toLowerCase())) ? "placeholder" : "secret";
}
