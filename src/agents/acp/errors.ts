// What went wrong with an ACP agent, as ours, in words that tell what to do. Pure.
// An agent's own words are quoted short and redacted; what it wrote to its error output only before it had a prompt.

import { AppError } from "../../core/error.ts";
import { isJsonObject } from "../../core/json.ts";
import type { AcpAbilities } from "./answers.ts";
import { programName } from "../process/program-name.ts";

/** A JSON-RPC error, as the SDK throws it. */
interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

export interface AcpErrors {
  refused(method: string, error: RpcError): AppError;
  /** The process is gone. `lastWords`: only such as cannot quote a prompt. */
  ended(code: number, lastWords: readonly string[]): AppError;
  /** It lives, and has closed its output. */
  brokenOff(): AppError;
  late(method: string, ms: number): AppError;
  /** It needs a login that we cannot do for a human. */
  login(abilities: AcpAbilities): AppError;
  senseless(problem: string): AppError;
  /** It keeps ending; `waitMs` until it is tried again. */
  resting(times: number, waitMs: number, last: AppError | undefined): AppError;
  notFound(): AppError;
}

const QUOTED_CHARACTERS = 300;
const QUOTED_LINES = 3;
const AUTH_REQUIRED = -32_000;
const NOT_FOUND_EXIT = 127;
const KEYS = /\b(?:sk|pk|rk|key|bearer|token)[-_ :=]+[\w*.-]{6,}/gi;

export interface AcpErrorsOptions {
  readonly command: readonly string[];
  readonly redact: (text: string) => string;
}

export function createAcpErrors({ command, redact }: AcpErrorsOptions): AcpErrors {
  const program = programName(command);

  function quote(text: string): string {
    const line = redact(text).replaceAll(KEYS, "[key]").replaceAll(/\s+/g, " ").trim();
    if (line === "") return "";
    return ` It says: ${line.slice(0, QUOTED_CHARACTERS).toWellFormed()}${line.length > QUOTED_CHARACTERS ? "…" : ""}`;
  }

  return {
    refused: (method, error) => {
      const cause = { cause: error };
      if (error.code === AUTH_REQUIRED) {
        return new AppError("agent_error", `${program} is not logged in.`, cause);
      }
      const said = quote(detailOf(error));
      if (method === "session/prompt") {
        return new AppError("agent_error", `The agent failed.${said}`, cause);
      }
      return new AppError("agent_error", `${program} refused ${method}.${said}`, cause);
    },
    ended: (code, lastWords) => {
      const said = quote(lastWords.slice(-QUOTED_LINES).join(" "));
      return new AppError("agent_lost", `${program} ended with exit code ${code}.${said}`);
    },
    brokenOff: () =>
      new AppError("agent_lost", `${program} closed its output without an answer, and was ended.`),
    late: (method, ms) =>
      new AppError(
        "agent_timeout",
        `${program} did not answer ${method} within ${ms / 1_000} s: start it by hand to see what it waits for.`,
      ),
    login: ({ authMethods }) => {
      const ways = authMethods.map(({ label }) => label).join(", ");
      return new AppError(
        "agent_error",
        `${program} is not logged in: start ${program} in a terminal, log in there, and try again.${ways === "" ? "" : ` It offers: ${ways}.`}`,
      );
    },
    senseless: (problem) => new AppError("agent_error", `${program} ${problem}.`),
    resting: (times, waitMs, last) =>
      new AppError(
        "agent_lost",
        `${program} has ended ${times} times and is started again in ${Math.ceil(waitMs / 1_000)} s.${last === undefined ? "" : ` ${last.message}`}`,
      ),
    notFound: () =>
      new AppError("invalid_request", `${command[0] ?? "The command"} was not found: check PATH.`),
  };
}

export function isLoginMissing(error: unknown): boolean {
  return error instanceof AppError && codeOf(error.cause) === AUTH_REQUIRED;
}

export function isNotFoundExit(code: number): boolean {
  return code === NOT_FOUND_EXIT;
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && "code" in cause ? cause.code : undefined;
}

/** "Internal error" says nothing; what does stands in `data`. */
function detailOf({ message, data }: RpcError): string {
  const detail = isJsonObject(data) ? (data["details"] ?? data["message"]) : data;
  return typeof detail === "string" && detail !== "" ? detail : message;
}
