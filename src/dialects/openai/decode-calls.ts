// The tool calls in a conversation: their arguments, and which result belongs to which call.

import { AppError } from "../../core/error.ts";
import { isJsonObject, parseJson } from "../../core/json.ts";
import type { JsonObject } from "../../core/json.ts";
import type { ToolCall } from "../../core/turn.ts";

/** What is known of a call, in whichever of the three forms it came. */
interface CallFields {
  readonly id?: string | null | undefined;
  readonly name?: string | null | undefined;
  readonly arguments?: string | JsonObject | null | undefined;
}

/** Reads one conversation's calls and results, in order. The older `functions` form and some editors have no ids. */
export interface CallBook {
  /** Throws `invalid_request` when the name is missing. */
  call(fields: CallFields, place: string): ToolCall;
  /** The id of the call that a result answers: the one it names, or else the first unanswered one of that name. */
  answer(id: string | null | undefined, name: string | null | undefined): string;
}

export function createCallBook(): CallBook {
  const unanswered: ToolCall[] = [];
  let idsGiven = 0;

  function giveId(): string {
    idsGiven += 1;
    return `call_without_id_${idsGiven}`;
  }

  return {
    call(fields, place) {
      if (!fields.name) {
        throw new AppError("invalid_request", "A tool call needs the name of its tool.", {
          param: place,
        });
      }
      const call: ToolCall = {
        id: fields.id || giveId(),
        name: fields.name,
        arguments: argumentsText(fields.arguments),
      };
      unanswered.push(call);
      return call;
    },
    answer(id, name) {
      const at = unanswered.findIndex((call) =>
        id ? call.id === id : !name || call.name === name,
      );
      const [call] = at === -1 ? [] : unanswered.splice(at, 1);
      return id || call?.id || giveId();
    },
  };
}

/**
 * The text of an object, to the letter where it is one. A call that once went wrong stays in its conversation, and
 * clients send it with every message after: cut off, or packed twice. Refusing it would end the conversation.
 */
function argumentsText(value: CallFields["arguments"]): string {
  if (isJsonObject(value)) return JSON.stringify(value);
  if (value === null || value === undefined || value.trim() === "") return "{}";
  const parsed = parseJson(value);
  if (isJsonObject(parsed)) return value;
  if (typeof parsed === "string" && isJsonObject(parseJson(parsed))) return parsed;
  if (parsed === null || (Array.isArray(parsed) && parsed.length === 0)) return "{}";
  return JSON.stringify({ invalid_arguments: value });
}
