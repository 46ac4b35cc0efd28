// A call of one of the editor's tools, as the agent makes it. Knows neither MCP nor how it travels to the editor.

import type { Part } from "../../core/turn.ts";

/** What the agent asks for. Aborting `signal` means that it waits no longer. */
export interface AskedCall {
  readonly name: string;
  /** JSON text of an object. */
  readonly arguments: string;
  /** Whether it hears of progress, and so may be kept waiting for long. */
  readonly patient: boolean;
  readonly signal: AbortSignal;
}

export interface CallAnswer {
  readonly content: readonly Part[];
  readonly isError: boolean;
  /** What the user sent with the results; behind the result, and told apart from it. */
  readonly message?: readonly Part[];
}

/** Never rejects: whatever goes wrong is an answer too. */
export type OnCall = (call: AskedCall) => Promise<CallAnswer>;

export function failed(text: string): CallAnswer {
  return { content: [{ type: "text", text }], isError: true };
}
