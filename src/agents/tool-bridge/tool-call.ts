// A call of one of the editor's tools, as the agent makes it. Knows neither MCP nor how it travels to the editor.

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
  readonly text: string;
  readonly isError: boolean;
  /** Words of the user's that came with the results; a text of its own beside the result. */
  readonly message?: string;
}

/** Never rejects: whatever goes wrong is an answer too. */
export type OnCall = (call: AskedCall) => Promise<CallAnswer>;

export function failed(text: string): CallAnswer {
  return { text, isError: true };
}
