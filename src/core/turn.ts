// What an editor asks, in the one vocabulary every dialect decodes to and every agent understands.
// Knows no protocol: field names here belong to nobody's wire format.

import type { JsonObject } from "./json.ts";

/** A piece of a message. `data` is base64 without a `data:` prefix; `mediaType` as in `image/png`. */
export type Part =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly mediaType: string; readonly data: string }
  | { readonly type: "image-url"; readonly url: string };

/** A call of one of the editor's tools. `arguments` is JSON text of an object, `{}` when there are none. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

export type Message =
  | { readonly role: "system"; readonly content: readonly Part[] }
  | { readonly role: "user"; readonly content: readonly Part[]; readonly name?: string }
  | {
      readonly role: "assistant";
      readonly content: readonly Part[];
      readonly reasoning?: string;
      readonly toolCalls?: readonly ToolCall[];
    }
  | {
      readonly role: "tool";
      readonly toolCallId: string;
      readonly name?: string;
      readonly content: readonly Part[];
      readonly isError?: boolean;
    };

/** A tool the editor offers. `parameters` is a JSON Schema, passed through untouched. */
export interface Tool {
  readonly name: string;
  readonly description?: string;
  readonly parameters?: JsonObject;
  readonly strict?: boolean;
}

export type ToolChoice = "auto" | "none" | "required" | { readonly name: string };

export type ResponseFormat =
  | { readonly type: "json" }
  | {
      readonly type: "json-schema";
      readonly name: string;
      readonly description?: string;
      readonly schema: JsonObject;
      readonly strict?: boolean;
    };

/** Only what the client said; absent means that the agent decides. Token counts are whole numbers. */
export interface Parameters {
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  readonly reasoningEffort?: string;
  readonly parallelToolCalls?: boolean;
}

export interface ChatRequest {
  readonly kind: "chat";
  readonly model: string;
  readonly stream: boolean;
  readonly messages: readonly Message[];
  readonly parameters: Parameters;
  readonly tools?: readonly Tool[];
  readonly toolChoice?: ToolChoice;
  readonly responseFormat?: ResponseFormat;
}

/** Text to go on from. With `suffix`, fill in the middle. */
export interface CompletionRequest {
  readonly kind: "completion";
  readonly model: string;
  readonly stream: boolean;
  readonly prompt: string;
  readonly suffix?: string;
  readonly parameters: Parameters;
}

export interface EmbeddingRequest {
  readonly kind: "embedding";
  readonly model: string;
  readonly stream: false;
  readonly input: readonly string[];
  readonly dimensions?: number;
  readonly parameters: Parameters;
}

/** What a dialect's decoder returns. */
export type TurnRequest = ChatRequest | CompletionRequest | EmbeddingRequest;

/** What came of one of the agent's calls. Texts side by side in `content` are one; a tool that said nothing has none. */
export interface ToolResult {
  readonly toolCallId: string;
  readonly content: readonly Part[];
  readonly isError?: boolean;
}

/** Goes on with a turn that ended `parked`, waiting for the editor's tools: see `TurnEvent`'s finish. */
export interface ResumeRequest {
  readonly kind: "resume";
  readonly model: string;
  readonly stream: boolean;
  /** The id of the parked turn. */
  readonly resumes: string;
  readonly results: readonly ToolResult[];
  /**
   * What the user sent beside the results; also where many clients put the images of a result. An agent that cannot
   * pass it on throws `parked_turn_unknown`.
   */
  readonly message?: readonly Part[];
}

/** One request to an agent. Ids are unguessable and never used twice. */
export interface Turn {
  readonly id: string;
  readonly sessionId: string;
  /** Who asks, by a name that means nothing: what an agent remembers of a conversation is for the one who had it. */
  readonly owner?: string;
  /** How long the whole turn may take, in milliseconds from now. */
  readonly deadlineMs: number;
  /** What the agent may do, from the session's record: never from what the client or agent claimed. */
  readonly scopes: readonly string[];
  readonly request: TurnRequest | ResumeRequest;
}
