// The tools of `/v1/responses` → core `Tool`s, and back to what a client calls them. Codex offers its tools in three
// forms: functions, `custom` tools that take plain text, and namespaces of both (one for each of its MCP servers).
// An agent gets functions with one name each.

import { AppError } from "../../core/error.ts";
import { isJsonObject, parseJson } from "../../core/json.ts";
import type { JsonObject } from "../../core/json.ts";
import type { ChatRequest, Tool, ToolChoice } from "../../core/turn.ts";
import type { InnerTool, ResponseRequest, ResponseTool } from "./responses-schema.ts";
import { said } from "../kit/said.ts";

/** A tool as its client knows it. */
export interface ToolForm {
  readonly custom: boolean;
  readonly name: string;
  readonly namespace?: string;
}

/** By the names that the agent knows. */
export type ToolForms = ReadonlyMap<string, ToolForm>;

export interface DecodedTools {
  /** No field at all where there are no tools. */
  readonly request: Pick<ChatRequest, "tools" | "toolChoice">;
  readonly forms: ToolForms;
  /** Those that were not skipped, for the answer, which names its tools. */
  readonly taken: readonly JsonObject[];
}

/** Tools that OpenAI hosts (`web_search`, `mcp`, `code_interpreter`…) are skipped. @throws AppError invalid_request, unsupported */
export function decodeResponseTools(body: ResponseRequest): DecodedTools {
  const tools: Tool[] = [];
  const forms = new Map<string, ToolForm>();
  const taken: JsonObject[] = [];

  function take(tool: InnerTool, place: string, namespace?: string): JsonObject | undefined {
    const type = tool.type ?? "function";
    if (type !== "function" && type !== "custom") return undefined;
    const fields = type === "function" ? (tool.function ?? tool) : tool;
    if (!fields.name) {
      throw new AppError("invalid_request", "A tool needs a name.", { param: `${place}.name` });
    }
    const name = agentToolName(fields.name, namespace);
    const form = { custom: type === "custom", name: fields.name, ...said({ namespace }) };
    if (!forms.has(name))
      tools.push(form.custom ? customTool(name, tool) : functionTool(name, fields));
    forms.set(name, form);
    return shownTool(type, fields.name, { ...tool, ...fields });
  }

  for (const [index, tool] of (body.tools ?? []).entries()) {
    const place = `tools[${index}]`;
    const shown = tool.type === "namespace" ? takeAll(tool, place) : take(tool, place);
    if (shown !== undefined) taken.push(shown);
  }

  function takeAll(tool: ResponseTool, place: string): JsonObject {
    const inner = (tool.tools ?? []).flatMap((each, index) => {
      const shown = take(each, `${place}.tools[${index}]`, tool.name ?? "");
      return shown === undefined ? [] : [shown];
    });
    const { name, description } = tool;
    return { type: "namespace", name: name ?? "", description: description ?? "", tools: inner };
  }

  return { request: choose(body, tools), forms, taken };
}

/** What an agent calls a client's tool. */
export function agentToolName(name: string, namespace: string | null | undefined): string {
  if (!namespace) return name;
  return namespace.endsWith("__") ? namespace + name : `${namespace}__${name}`;
}

/** A custom tool's input as a function's arguments: JSON text. */
export function customArguments(input: string): string {
  return JSON.stringify({ input });
}

/** The input of a custom tool in the arguments that an agent gave; an agent that gave plain text meant just that. */
export function customInput(text: string): string {
  const value = parseJson(text);
  return isJsonObject(value) && typeof value["input"] === "string" ? value["input"] : text;
}

function functionTool(name: string, { description, parameters, strict }: InnerTool): Tool {
  return { name, ...said({ description, parameters, strict }) };
}

/** A grammar is described in words: no agent is held to it while it writes. */
function customTool(name: string, { description, format }: InnerTool): Tool {
  const { syntax, definition } = format ?? {};
  const grammar =
    typeof definition === "string"
      ? `The input is of this grammar${typeof syntax === "string" ? ` (${syntax})` : ""}:\n${definition}`
      : "";
  return {
    name,
    ...said({ description }),
    parameters: {
      type: "object",
      properties: {
        input: { type: "string", description: grammar || "The tool's input, as plain text." },
      },
      required: ["input"],
      additionalProperties: false,
    },
  };
}

function shownTool(type: "function" | "custom", name: string, tool: InnerTool): JsonObject {
  const { description, parameters, strict, format } = tool;
  if (type === "custom") return { type, name, ...said({ description, format }) };
  return {
    type,
    name,
    ...said({ description }),
    parameters: parameters ?? null,
    strict: strict ?? null,
  };
}

/** `auto` and `none` mean nothing where there are no tools. */
function choose(body: ResponseRequest, all: readonly Tool[]): DecodedTools["request"] {
  const choice = body.tool_choice;
  const allowed =
    typeof choice === "object" && choice?.type === "allowed_tools" ? choice : undefined;
  const names = new Set((allowed?.tools ?? []).map((tool) => tool.name));
  const tools = allowed === undefined ? all : all.filter((tool) => names.has(tool.name));
  const toolChoice = choice ? decodeChoice(choice) : undefined;
  const isMissing =
    typeof toolChoice === "object"
      ? !tools.some((tool) => tool.name === toolChoice.name)
      : toolChoice === "required" && tools.length === 0;
  if (isMissing) {
    throw new AppError("invalid_request", "The tool that is asked for is not among the tools.", {
      param: "tool_choice",
    });
  }
  return tools.length === 0 ? {} : { tools, ...said({ toolChoice }) };
}

function decodeChoice(choice: NonNullable<ResponseRequest["tool_choice"]>): ToolChoice {
  const fields = typeof choice === "string" ? { type: choice } : choice;
  switch (fields.type === "allowed_tools" ? (fields.mode ?? "auto") : fields.type) {
    case "auto":
      return "auto";
    case "none":
      return "none";
    case "required":
    case "any":
      return "required";
    case "function":
    case "custom":
      if (fields.name) return { name: fields.name };
      break;
    default:
  }
  throw new AppError(
    "unsupported",
    "The choice of tool is auto, none, required, or one function or custom tool by its name.",
    { param: "tool_choice" },
  );
}
