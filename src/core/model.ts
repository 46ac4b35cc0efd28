// What an agent offers under a name.

/** As Ollama names them, since editors read them there. */
export type Capability = "completion" | "tools" | "insert" | "vision" | "embedding" | "thinking";

export interface Model {
  readonly id: string;
  readonly label?: string;
  /** In tokens. */
  readonly contextLength?: number;
  readonly capabilities: readonly Capability[];
}
