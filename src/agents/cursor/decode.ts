// The lines of `cursor-agent -p --output-format stream-json` as a turn's events. Pure; the text of each answer once is
// text.ts's doing. Lines that are no JSON are complaints for people: what they mean is errors.ts's.

import type { FinishEvent, TurnEvent, Usage } from "../../core/event.ts";
import { isJsonObject, parseJson } from "../../core/json.ts";
import type { JsonObject, JsonValue } from "../../core/json.ts";
import { short } from "../acp/updates.ts";
import { createCursorText } from "./text.ts";

/** How the agent's own process says that it has answered, or has not. */
export interface CursorResult {
  readonly isError: boolean;
  /** The whole text of the answer, or what went wrong. */
  readonly text: string;
}

export interface CursorDecoder {
  /** The events of one line of the stream. */
  line(line: string): readonly TurnEvent[];
  /** What the answer still lacks, and its end. Only for a `result` that is no error. */
  end(): readonly TurnEvent[];
  readonly result: CursorResult | undefined;
  /** The conversation, as `--resume` takes it; unknown before the first event. */
  readonly chatId: string | undefined;
  /** Text for people among the events, the latest last. */
  readonly complaints: readonly string[];
  /** Whether anything of an answer has come. */
  readonly hasBegun: boolean;
}

const MAX_COMPLAINTS = 20;
const MAX_COMPLAINT_LENGTH = 500;

export function createCursorDecoder(): CursorDecoder {
  const answer = createCursorText();
  const complaints: string[] = [];
  let result: CursorResult | undefined;
  let chatId: string | undefined;
  let usage: Usage | undefined;
  let hasBegun = false;

  function line(text: string): readonly TurnEvent[] {
    // What follows a result is nobody's, whether it comes in one piece with it or not.
    if (result !== undefined) return [];
    const event = parseJson(text);
    if (isJsonObject(event) && typeof event["type"] === "string") return decode(event);
    complaints.push(text.trim().slice(0, MAX_COMPLAINT_LENGTH));
    if (complaints.length > MAX_COMPLAINTS) complaints.shift();
    return [];
  }

  function decode(event: JsonObject): readonly TurnEvent[] {
    chatId = textOf(event, "session_id") ?? chatId;
    switch (event["type"]) {
      case "assistant":
        return said(event);
      case "thinking":
        return reasoning(event["subtype"] === "delta" ? (textOf(event, "text") ?? "") : "");
      case "tool_call":
        if (event["subtype"] !== "started") return [];
        answer.toolCall();
        return reasoning(`\n[${noteOf(event["tool_call"])}]\n`);
      case "result":
        usage = usageOf(event["usage"]);
        result = {
          isError: event["is_error"] === true || event["subtype"] !== "success",
          text: textOf(event, "result") ?? textOf(event, "error") ?? "",
        };
        return [];
      default:
        // `system`, `user`, and whatever newer builds add.
        return [];
    }
  }

  /** A delta has a time and no model call; a snapshot has both, the final message neither. */
  function said(event: JsonObject): readonly TurnEvent[] {
    const text = messageText(event["message"]);
    const isDelta = event["timestamp_ms"] !== undefined && event["model_call_id"] === undefined;
    const fresh = isDelta ? answer.delta(text) : answer.whole(text);
    if (fresh === "") return [];
    hasBegun = true;
    return [{ type: "text-delta", text: fresh }];
  }

  function reasoning(text: string): readonly TurnEvent[] {
    if (text === "") return [];
    hasBegun = true;
    return [{ type: "reasoning-delta", text }];
  }

  function end(): readonly TurnEvent[] {
    // A build that streams nothing says it all here.
    const missing = answer.length === 0 && result !== undefined ? answer.whole(result.text) : "";
    const text = missing + answer.end();
    const finish: FinishEvent = {
      type: "finish",
      reason: "stop",
      ...(usage !== undefined && { usage }),
    };
    return text === "" ? [finish] : [{ type: "text-delta", text }, finish];
  }

  return {
    line,
    end,
    get result() {
      return result;
    },
    get chatId() {
      return chatId;
    },
    complaints,
    get hasBegun() {
      return hasBegun;
    },
  };
}

function messageText(message: JsonValue | undefined): string {
  const content = isJsonObject(message) ? message["content"] : undefined;
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part: JsonValue) => (isJsonObject(part) && textOf(part, "text")) || "")
    .join("");
}

/** `{"readToolCall":{"args":{"path":"a.ts"}}}` is `read a.ts`. An older form has `function: {name, arguments}`. */
function noteOf(call: JsonValue | undefined): string {
  if (!isJsonObject(call)) return "tool";
  const own = isJsonObject(call["function"]) ? textOf(call["function"], "name") : undefined;
  if (own !== undefined) return short(own);
  const [key, body] = Object.entries(call).find(([, value]) => isJsonObject(value)) ?? ["tool"];
  const args = isJsonObject(body) && isJsonObject(body["args"]) ? body["args"] : {};
  return short(`${key.replace(/ToolCall$/, "")} ${subjectOf(args)}`);
}

const SUBJECTS = [
  "path",
  "command",
  "pattern",
  "globPattern",
  "query",
  "url",
  "directory",
] as const;

/** The argument that says what a call is about. */
function subjectOf(args: JsonObject): string {
  return SUBJECTS.map((name) => textOf(args, name)).find((value) => value !== undefined) ?? "";
}

/** Newer builds count; the names are those of their result event. */
function usageOf(value: JsonValue | undefined): Usage | undefined {
  if (!isJsonObject(value)) return undefined;
  const count = (name: string): number | undefined => {
    const number = value[name];
    return typeof number === "number" && Number.isInteger(number) && number >= 0
      ? number
      : undefined;
  };
  const input = count("inputTokens");
  const output = count("outputTokens");
  if (input === undefined || output === undefined) return undefined;
  const cached = count("cacheReadTokens");
  return {
    promptTokens: input + (cached ?? 0) + (count("cacheWriteTokens") ?? 0),
    completionTokens: output,
    ...(cached !== undefined && { cachedTokens: cached }),
  };
}

function textOf(object: JsonObject, name: string): string | undefined {
  const value = object[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}
