// What went wrong at an OpenAI-compatible server, as ours. Pure.
// An upstream's 401 or 429 is never passed on as such: our client's key is fine, and it must not ask again by itself.

import { AppError } from "../../core/error.ts";
import { type JsonValue, isJsonObject, parseJson } from "../../core/json.ts";

const QUOTED_CHARACTERS = 300;

interface Refusal {
  readonly status: number;
  /** The body, or the beginning of it. */
  readonly text: string;
}

/** Makes errors of one upstream. `apiKey` is kept out of every message. */
export interface UpstreamErrors {
  /** An answer that is not 2xx. */
  refused(refusal: Refusal): AppError;
  /** No answer in `ms`. */
  silent(ms: number): AppError;
  /** An `error` object in place of, or in the middle of, an answer. */
  inBand(error: JsonValue | undefined): AppError;
  /** `fetch` or the reading of its body failed. */
  unreachable(cause: unknown): AppError;
  /** The answer makes no sense. */
  senseless(problem: string): AppError;
}

export function createUpstreamErrors(
  baseUrl: string,
  apiKey: () => string | undefined,
): UpstreamErrors {
  const { origin } = new URL(baseUrl);
  const agentError = (message: string) => new AppError("agent_error", message);

  /** The upstream's own words, short and without anything that looks like a key; "" when it said nothing of use. */
  function quote(error: JsonValue | undefined): string {
    const text = messageOf(error).replace(/\s+/g, " ").trim();
    if (text === "") return "";
    const key = apiKey() ?? "";
    const known = key === "" ? text : text.replaceAll(key, "[key]");
    const safe = known.replace(/\b(?:sk|pk|rk|key|bearer|token)[-_ :=]+[\w*.-]{6,}/gi, "[key]");
    const short =
      safe.length > QUOTED_CHARACTERS
        ? `${safe.slice(0, QUOTED_CHARACTERS).toWellFormed()}…`
        : safe;
    return ` It says: ${short}`;
  }

  function refused({ status, text }: Refusal): AppError {
    const error = parseJson(text);
    const said = quote(error);
    switch (status) {
      case 400:
      case 422:
        return new AppError("invalid_request", `The upstream refused the request.${said}`);
      case 401:
      case 403:
        return agentError(
          `The upstream refused its own key (${status}): check the key that this agent was started with.`,
        );
      case 404:
        return isAboutModel(error)
          ? new AppError("model_not_found", `The upstream does not have this model.${said}`)
          : agentError(
              `The upstream at ${origin} does not know this route (404): check its base address.`,
            );
      case 413:
        return new AppError("payload_too_large", "The request is too large for the upstream.");
      case 429:
        return agentError(`The upstream limits how often it is asked (429): try later.${said}`);
      case 501:
        return new AppError("unsupported", `The upstream cannot do this with this model.${said}`);
      case 408:
      case 504:
        return new AppError("agent_timeout", `The upstream took too long (${status}).${said}`);
      default:
        if (status < 400) {
          return agentError(
            `The upstream redirects (${status}): start this agent with its final address.`,
          );
        }
        return agentError(`The upstream failed (${status}).${said}`);
    }
  }

  return {
    refused,
    silent: (ms) =>
      new AppError("agent_lost", `The upstream at ${origin} said nothing within ${ms / 1_000} s.`),
    inBand: (error) => agentError(`The upstream failed in mid-answer.${quote(error)}`),
    unreachable: (cause) =>
      UNREADABLE.test(codeOf(cause))
        ? agentError(`The upstream at ${origin} sent an answer whose compression is broken.`)
        : new AppError("agent_lost", lostMessage(origin, cause), { cause }),
    senseless: (problem) => agentError(`The upstream at ${origin} ${problem}.`),
  };
}

/** Bun's names. */
const UNREADABLE = /^(?:Zlib|Brotli|Zstd)/;

function codeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : "";
}

function lostMessage(origin: string, cause: unknown): string {
  return codeOf(cause) === "ECONNRESET"
    ? `The upstream at ${origin} closed the connection before its answer was complete.`
    : `The upstream at ${origin} cannot be reached: check that it is running.`;
}

/** `{error: {message}}`, `{error: "…"}`, `{message}`, `{detail}`, or the error by itself. */
function messageOf(error: JsonValue | undefined): string {
  if (typeof error === "string") return error;
  if (!isJsonObject(error)) return "";
  for (const field of ["error", "message", "detail"]) {
    const text = messageOf(error[field]);
    if (text !== "") return text;
  }
  return "";
}

function isAboutModel(body: JsonValue | undefined): boolean {
  const error = isJsonObject(body) && isJsonObject(body["error"]) ? body["error"] : {};
  return error["code"] === "model_not_found" || /\bmodel\b/i.test(messageOf(body));
}
