// What Cursor's own words for a failure mean, as our errors. Its words may quote the prompt or name a person, so they
// are matched and never passed on. Pure.

import { AppError } from "../../core/error.ts";

interface Known {
  readonly words: RegExp;
  error(): AppError;
}

const LOGIN_WORDS =
  /not logged in|authentication required|unauthenticated|agent login|invalid api key|failed to open browser for login|\b401\b/i;

const KNOWN: readonly Known[] = [
  {
    words: LOGIN_WORDS,
    error: loginMissing,
  },
  {
    words: /workspace trust|do you trust|not a trusted workspace/i,
    error: () =>
      new AppError(
        "agent_error",
        "Cursor does not trust the folder it was started in. Update cursor-agent: run `cursor-agent update`.",
      ),
  },
  {
    words: /free plan|named models? unavailable|only use auto|upgrade your plan/i,
    error: () =>
      new AppError(
        "model_not_found",
        "Your Cursor plan does not offer this model. Ask for the model `auto`.",
      ),
  },
  {
    words:
      /cannot use this model|unknown model|invalid model|model not found|model .* not available/i,
    error: () =>
      new AppError(
        "model_not_found",
        "Cursor does not know this model. `cursor-agent --list-models` shows the names it takes.",
      ),
  },
  {
    words: /usage limit|rate limit|quota|resource_exhausted|too many requests|\b429\b/i,
    error: () =>
      new AppError(
        "agent_error",
        "Cursor refuses: the limit of your plan is reached. Wait, or see your usage at cursor.com.",
      ),
  },
  {
    words: /unknown option|unknown argument|unrecognized option/i,
    error: () =>
      new AppError(
        "agent_error",
        "This cursor-agent is too old to be driven. Run `cursor-agent update`.",
      ),
  },
  {
    words:
      /enotfound|econnrefused|econnreset|etimedout|getaddrinfo|network error|fetch failed|connection (?:lost|stalled|reset)/i,
    error: () =>
      new AppError(
        "agent_error",
        "Cursor's agent does not reach Cursor's servers. Check the network.",
      ),
  },
];

export function loginMissing(): AppError {
  return new AppError(
    "agent_error",
    `Cursor is not logged in on this machine. Run \`cursor-agent login\` there, or set CURSOR_API_KEY, and try again.`,
  );
}

export function modesMissing(): AppError {
  return new AppError(
    "agent_error",
    "This cursor-agent has no mode over ACP that only looks. Run `cursor-agent update`.",
  );
}

export function isLoginMissing(words: readonly string[]): boolean {
  return words.some((line) => LOGIN_WORDS.test(line));
}

/** What is known to be meant by some of its words; `undefined` for words that nobody knows. */
function knownFailure(words: readonly string[]): AppError | undefined {
  const text = words.join("\n");
  return KNOWN.find((known) => known.words.test(text))?.error();
}

const KILLED = 128;

export interface CursorEnd {
  readonly words: readonly string[];
  /** 128 and more: killed by a signal. */
  readonly exitCode: number;
}

/** A process that ended without an answer. */
export function cursorFailure({ words, exitCode }: CursorEnd): AppError {
  const known = knownFailure(words);
  if (known !== undefined) return known;
  if (exitCode === 0) {
    return new AppError("agent_error", "Cursor's agent stopped before it had finished its answer.");
  }
  if (exitCode >= KILLED) return new AppError("agent_lost", "Cursor's agent was killed.");
  return new AppError(
    "agent_error",
    `Cursor's agent failed with exit code ${exitCode}. \`mlp doctor\` may show why.`,
  );
}

/** In the words of acp/errors.ts: no login, or one that waits for a browser. */
export function isLoginFailure({ message }: AppError): boolean {
  return / is not logged in|(?:answer|refused) authenticate\b/.test(message);
}

/**
 * It ended at once, never answered, or speaks something else: what a build does that does not know `acp`. One that opens no
 * session has another reason, such as the network.
 */
export function isWithoutAcp({ code, message }: AppError): boolean {
  const isItsOwn = code === "agent_lost" || code === "agent_timeout" || code === "agent_error";
  return isItsOwn && !/(?:answer|refused) session\/new\b/.test(message);
}
