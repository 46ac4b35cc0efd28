// The editor's tools and its choice among them → core `Tool`s and `ToolChoice`. JSON Schemas pass untouched.

import { AppError } from "../../core/error.ts";
import type { ChatRequest, Tool, ToolChoice } from "../../core/turn.ts";
import { said } from "../kit/said.ts";
import type {
  ChatCompletionRequest,
  FunctionDefinition,
  ToolChoice as ChoiceField,
  ToolDefinition,
} from "./schema.ts";

/**
 * No field at all when there are no tools: `tools: []` is what many editors send to say so, and `auto` or
 * `none` beside it means nothing. Throws `invalid_request` for a choice that cannot be met.
 */
export function decodeTools(
  body: ChatCompletionRequest,
): Pick<ChatRequest, "tools" | "toolChoice"> {
  const all = [
    ...(body.tools ?? []).flatMap((tool, index) => decodeTool(tool, `tools[${index}]`)),
    ...(body.functions ?? []).map(toolOf),
  ];
  const param = body.tool_choice ? "tool_choice" : "function_call";
  const choice = body[param];
  const tools = allowedOf(all, choice, param);
  const toolChoice = choice ? decodeChoice(choice, param) : undefined;
  if (asksForMissing(toolChoice, tools)) throw missing(param);
  return tools.length === 0 ? {} : { tools, ...said({ toolChoice }) };
}

/** Whether the client knows only the form before tools: one call, and in a field of its own. */
export function speaksFunctions(body: ChatCompletionRequest): boolean {
  return (body.functions ?? []).length > 0 && (body.tools ?? []).length === 0;
}

/** The tools that a choice among some of them leaves. */
function allowedOf(
  tools: readonly Tool[],
  choice: ChoiceField | null | undefined,
  param: string,
): readonly Tool[] {
  const allowed = typeof choice === "string" ? undefined : choice?.allowed_tools?.tools;
  if (!allowed) return tools;
  const names = allowed.map((each) => each.function?.name ?? each.name);
  if (names.some((name) => !tools.some((tool) => tool.name === name))) throw missing(param);
  return tools.filter(({ name }) => names.includes(name));
}

/** Nothing for a tool that a vendor hosts (`web_search` and its like): its client runs nothing and waits for no call. */
function decodeTool(tool: ToolDefinition, place: string): Tool[] {
  if (tool.function) return [toolOf(tool.function)];
  if (tool.name) return [toolOf({ ...tool, name: tool.name })];
  const type = tool.type ?? "function";
  if (type !== "function" && type !== "custom") return [];
  throw new AppError("unsupported", "Only tools of type function, with a name, are supported.", {
    param: place,
  });
}

function toolOf({ name, description, parameters, strict }: FunctionDefinition): Tool {
  return { name, ...said({ description, parameters, strict }) };
}

/** A word, an object that names a function (OpenAI's two forms, Anthropic's), or an object whose type is the word. */
function decodeChoice(choice: ChoiceField, param: string): ToolChoice {
  if (typeof choice !== "string") {
    const name = choice.function?.name ?? choice.name;
    if (name) return { name };
  }
  switch (typeof choice === "string" ? choice : (choice.allowed_tools?.mode ?? choice.type)) {
    case "auto":
      return "auto";
    case "none":
      return "none";
    case "required":
    case "any":
      return "required";
    default:
      throw new AppError(
        "unsupported",
        "The choice of tool is auto, none, required, or one function by its name.",
        { param },
      );
  }
}

function missing(param: string): AppError {
  const message = "The tool that is asked for is not among the tools.";
  return new AppError("invalid_request", message, { param });
}

function asksForMissing(choice: ToolChoice | undefined, tools: readonly Tool[]): boolean {
  if (typeof choice === "object") return !tools.some((tool) => tool.name === choice.name);
  return choice === "required" && tools.length === 0;
}
