// `TurnEvent`s → the events of a streamed message (Anthropic API, "Streaming messages"). The hot path: of a delta only
// the text is serialised. Knows no HTTP.

import { assertNever } from "../../core/assert.ts";
import type { FinishEvent, TurnEvent } from "../../core/event.ts";
import type { AnswerMeta, StreamEncoder } from "../../core/stream.ts";
import { sseEvent } from "../../wire/sse.ts";
import type { ThinkingDisplay } from "./decode.ts";
import { encodeError } from "./errors.ts";
import { SIGNATURE, stopOf } from "./stop.ts";
import { encodeUsage } from "./usage.ts";

export interface MessageStreamOptions {
  readonly thinking: ThinkingDisplay;
  /** Our estimate of the prompt: some clients read the size of their context from the first event only. */
  readonly promptTokens: number;
}

/** About how much is kept of thoughts that may never be shown. In UTF-16 code units. */
const MOST_HIDDEN = 1024 * 1024;

const PING = sseEvent("ping", '{"type":"ping"}');

/**
 * `message_start`; each block begun, filled and ended before the next; `message_delta` with the reason of the end and
 * all counts; `message_stop`. A failure is the last event: nothing that ends a block or the message follows it.
 */
export function createMessageStream(
  meta: AnswerMeta,
  options: MessageStreamOptions,
): StreamEncoder {
  const blocks = createBlocks();
  const isHidden = options.thinking === "hidden";
  /** Kept in case that nothing else is said. */
  let hidden: string[] = [];
  let hiddenSize = 0;
  let calls = 0;

  function start(): string {
    const { promptTokens } = options;
    return event("message_start", {
      message: {
        id: meta.id,
        type: "message",
        role: "assistant",
        model: meta.model,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: encodeUsage({ promptTokens, completionTokens: 0, estimated: true }),
      },
    });
  }

  function reasoning(text: string): string {
    if (text === "") return "";
    if (isHidden) {
      if (blocks.begun() === 0 && hiddenSize < MOST_HIDDEN) {
        hidden.push(text);
        hiddenSize += text.length;
      }
      return "";
    }
    const open = blocks.enter("thinking");
    return options.thinking === "omitted" ? open : open + blocks.delta("thinking", text);
  }

  function content(answer: Exclude<TurnEvent, FinishEvent>): string {
    switch (answer.type) {
      case "text-delta":
        if (answer.text === "") return "";
        return blocks.enter("text") + blocks.delta("text", answer.text);
      case "reasoning-delta":
        return reasoning(answer.text);
      case "tool-call-start":
        calls += 1;
        return blocks.call(answer.id, answer.name);
      case "tool-call-delta":
        return answer.arguments === "" ? "" : blocks.delta("tool_use", answer.arguments);
      case "embeddings":
        return "";
      default:
        return assertNever(answer);
    }
  }

  function finish(end: FinishEvent): string {
    // An answer of nothing but thoughts shows them: an empty one is asked for again.
    const thoughts = blocks.begun() === 0 ? hidden.join("") : "";
    const rest =
      thoughts === "" ? "" : blocks.enter("thinking") + blocks.delta("thinking", thoughts);
    return (
      rest +
      blocks.end() +
      event("message_delta", { delta: stopOf(end, calls), usage: encodeUsage(end.usage) }) +
      event("message_stop", {})
    );
  }

  return {
    start,
    event: (answer) => {
      if (answer.type === "finish") return finish(answer);
      const text = content(answer);
      if (hidden.length > 0 && blocks.begun() > 0) hidden = [];
      return text;
    },
    heartbeat: () => PING,
    error: (error) => event("error", { ...encodeError(error).body, request_id: meta.id }),
  } satisfies StreamEncoder;
}

/** Events say their name twice: as the event's and as `type`. */
function event(type: string, fields: object): string {
  return sseEvent(type, JSON.stringify({ type, ...fields }));
}

type BlockKind = "text" | "thinking" | "tool_use";

const EMPTY_BLOCKS = {
  text: { type: "text", text: "" },
  thinking: { type: "thinking", thinking: "", signature: "" },
} as const;

/** The start of a delta of each kind, up to the JSON text of what it carries. */
const DELTAS: Readonly<Record<BlockKind, string>> = {
  text: '"delta":{"type":"text_delta","text":',
  thinking: '"delta":{"type":"thinking_delta","thinking":',
  tool_use: '"delta":{"type":"input_json_delta","partial_json":',
};

interface Blocks {
  begun(): number;
  /** Begins a block of this kind unless one is open. */
  enter(kind: "text" | "thinking"): string;
  /** Begins the block of a tool call. */
  call(id: string, name: string): string;
  delta(kind: BlockKind, text: string): string;
  /** Ends the open block, if there is one. */
  end(): string;
}

function createBlocks(): Blocks {
  let count = 0;
  let open: BlockKind | undefined;
  /** Whether the open tool call has no input yet. */
  let isEmptyCall = false;

  function begin(kind: BlockKind, block: object): string {
    const before = end();
    open = kind;
    count += 1;
    isEmptyCall = kind === "tool_use";
    return before + event("content_block_start", { index: count - 1, content_block: block });
  }

  function delta(kind: BlockKind, text: string): string {
    isEmptyCall = false;
    const head = `{"type":"content_block_delta","index":${count - 1},`;
    return sseEvent("content_block_delta", `${head}${DELTAS[kind]}${JSON.stringify(text)}}}`);
  }

  function end(): string {
    if (open === undefined) return "";
    const index = count - 1;
    const missing = isEmptyCall ? delta("tool_use", "{}") : "";
    const signature =
      open === "thinking"
        ? event("content_block_delta", {
            index,
            delta: { type: "signature_delta", signature: SIGNATURE },
          })
        : "";
    open = undefined;
    return missing + signature + event("content_block_stop", { index });
  }

  return {
    begun: () => count,
    enter: (kind) => (open === kind ? "" : begin(kind, EMPTY_BLOCKS[kind])),
    call: (id, name) => begin("tool_use", { type: "tool_use", id, name, input: {} }),
    delta,
    end,
  };
}
