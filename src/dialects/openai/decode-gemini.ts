// Gemini's parts of a message → the parts that this route knows by type. Void posts them here, going by the model's name.

import { isJsonObject } from "../../core/json.ts";
import type { JsonObject } from "../../core/json.ts";
import { said } from "../kit/said.ts";
import type { ContentPart, GeminiPart } from "./schema.ts";

/** A call and its result take Anthropic's form, an image that of MCP; whatever else it is stays as it is. */
export function fromGemini(part: GeminiPart): ContentPart {
  const { functionCall: call, functionResponse: result, inlineData: image } = part;
  if (call)
    return { type: "tool_use", ...said({ id: call.id, name: call.name, input: call.args }) };
  if (result) {
    const { id: tool_use_id, name, response } = result;
    return { type: "tool_result", ...said({ tool_use_id, name }), ...outcomeOf(response ?? {}) };
  }
  if (image) return { type: "image", ...said({ data: image.data, mimeType: image.mimeType }) };
  return part;
}

/** By Gemini's custom `output` has what a function returned, and `error` why it failed; else all of it is the result. */
function outcomeOf(response: JsonObject): Pick<ContentPart, "content" | "is_error"> {
  if ("output" in response) return { content: textOf(response["output"]) };
  if ("error" in response) return { content: textOf(response["error"]), is_error: true };
  return { content: textOf(response) };
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "";
  return isJsonObject(value) && Object.keys(value).length === 0 ? "" : JSON.stringify(value);
}
