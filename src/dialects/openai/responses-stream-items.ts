// One item of a streamed response: the events from its `added` to its `done`. A message has one part and reasoning
// one summary; a call has its arguments, or, of a custom tool, its input, which can be read only once it is whole.

import type { ItemStatus, OutputItem } from "./responses-answer-schema.ts";
import { encodeItem, outputText, summaryText } from "./responses-encode.ts";
import type { AnswerPiece, ItemPlace } from "./responses-encode.ts";
import type { EventFields } from "./responses-stream.ts";

/** Each returns the framed events, or "". */
export interface ItemWriter {
  /** As it was when the item began. */
  readonly piece: AnswerPiece;
  begin(): string;
  add(text: string): string;
  end(status: "completed" | "incomplete"): string;
  /** The item as it is now. */
  item(status: ItemStatus): OutputItem;
}

export function createItemWriter(
  piece: AnswerPiece,
  place: ItemPlace,
  send: (event: EventFields) => string,
): ItemWriter {
  let text = piece.text;
  const item = (status: ItemStatus): OutputItem => encodeItem({ ...piece, text }, status, place);
  const added = item("in_progress");
  const output_index = place.index;
  const at = { item_id: added.id, output_index };
  const inPart = { ...at, content_index: 0 };
  const inSummary = { ...at, summary_index: 0 };

  function opened(): string {
    if (added.type === "message") {
      return send({ type: "response.content_part.added", ...inPart, part: outputText("") });
    }
    if (added.type === "reasoning") {
      const part = summaryText("");
      return send({ type: "response.reasoning_summary_part.added", ...inSummary, part });
    }
    return "";
  }

  function delta(piece: string): string {
    switch (added.type) {
      case "message":
        return send({ type: "response.output_text.delta", ...inPart, delta: piece, logprobs: [] });
      case "reasoning":
        return send({ type: "response.reasoning_summary_text.delta", ...inSummary, delta: piece });
      case "function_call":
        return send({ type: "response.function_call_arguments.delta", ...at, delta: piece });
      case "custom_tool_call":
        return "";
    }
  }

  function closed(done: OutputItem): string {
    switch (done.type) {
      case "message":
        return (
          send({ type: "response.output_text.done", ...inPart, text, logprobs: [] }) +
          send({ type: "response.content_part.done", ...inPart, part: outputText(text) })
        );
      case "reasoning":
        return (
          send({ type: "response.reasoning_summary_text.done", ...inSummary, text }) +
          send({
            type: "response.reasoning_summary_part.done",
            ...inSummary,
            part: summaryText(text),
          })
        );
      case "function_call": {
        const { name, arguments: all } = done;
        return send({ type: "response.function_call_arguments.done", ...at, name, arguments: all });
      }
      case "custom_tool_call": {
        const { input } = done;
        return (
          (input && send({ type: "response.custom_tool_call_input.delta", ...at, delta: input })) +
          send({ type: "response.custom_tool_call_input.done", ...at, input })
        );
      }
    }
  }

  function add(more: string): string {
    text += more;
    return delta(more);
  }

  return {
    piece,
    begin: () => send({ type: "response.output_item.added", output_index, item: added }) + opened(),
    add,
    end: (status) => {
      // Arguments add up to the text of an object.
      const missing = piece.kind === "call" && text === "" ? add("{}") : "";
      const done = item(status);
      const closing = closed(done);
      return (
        missing + closing + send({ type: "response.output_item.done", output_index, item: done })
      );
    },
    item,
  };
}
