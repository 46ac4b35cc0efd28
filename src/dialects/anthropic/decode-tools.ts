// The client's tools and its choice among them → core `Tool`s and `ToolChoice`. JSON Schemas pass untouched.

import { AppError } from "../../core/error.ts";
import type { ChatRequest, Tool, ToolChoice } from "../../core/turn.ts";
import { said } from "../kit/said.ts";
import type { MessagesRequest, ToolDefinition } from "./schema.ts";

/**
 * Tools that run on Anthropic's servers, or whose definition only its models know, are left out: an agent cannot call
 * them. No field at all when no tools are left. Throws `invalid_request` or `unsupported` for a choice that cannot be met.
 */
export function decodeTools(
  body: Pick<MessagesRequest, "tools" | "tool_choice">,
): Pick<ChatRequest, "tools" | "toolChoice"> {
  const all = body.tools ?? [];
  const tools = all.flatMap((tool, index) =>
    isCustom(tool) ? [decodeTool(tool, `tools[${index}]`)] : [],
  );
  const toolChoice = decodeChoice(body.tool_choice);
  if (asksForMissing(toolChoice, tools)) {
    const isLeftOut = all.length > tools.length;
    throw new AppError(
      isLeftOut ? "unsupported" : "invalid_request",
      isLeftOut
        ? "The tool that is asked for would run on Anthropic's servers: choose one of type custom."
        : "The tool that is asked for is not among the tools.",
      { param: "tool_choice" },
    );
  }
  return tools.length === 0 ? {} : { tools, ...said({ toolChoice }) };
}

function isCustom({ type }: ToolDefinition): boolean {
  return !type || type === "custom";
}

function decodeTool(tool: ToolDefinition, place: string): Tool {
  const { name, description, input_schema: parameters, strict } = tool;
  if (name) return { name, ...said({ description, parameters, strict }) };
  throw new AppError("invalid_request", "A tool needs a name.", { param: `${place}.name` });
}

function decodeChoice(choice: MessagesRequest["tool_choice"]): ToolChoice | undefined {
  switch (choice?.type) {
    case undefined:
      return undefined;
    case "auto":
      return "auto";
    case "any":
      return "required";
    case "none":
      return "none";
    case "tool":
      if (choice.name) return { name: choice.name };
      throw new AppError("invalid_request", "Name the tool that is to be called.", {
        param: "tool_choice.name",
      });
    default:
      throw new AppError("unsupported", "The choice of tool is auto, any, tool or none.", {
        param: "tool_choice.type",
      });
  }
}

function asksForMissing(choice: ToolChoice | undefined, tools: readonly Tool[]): boolean {
  if (typeof choice === "object") return !tools.some((tool) => tool.name === choice.name);
  return choice === "required" && tools.length === 0;
}
