// A turn as the request of an OpenAI-compatible server (openai spec: chat completions, completions, embeddings).
// The client's side of the format, by itself on purpose: the dialect that editors speak to us is not its mirror.

import type { JsonObject, JsonValue } from "../../core/json.ts";
import type {
  ChatRequest,
  CompletionRequest,
  EmbeddingRequest,
  Message,
  Parameters,
  Part,
  ResponseFormat,
  Tool,
  ToolChoice,
  TurnRequest,
} from "../../core/turn.ts";
import type { Habits } from "./habits.ts";
import type { UpstreamModel } from "./models.ts";

export interface EncodedRequest {
  /** Below the base address; `/infill` below the address without its version. */
  readonly path:
    "/chat/completions" | "/completions" | "/embeddings" | "/fim/completions" | "/infill";
  readonly body: JsonObject;
}

/** The upstream's own model. Streams whatever can be streamed: a dead upstream shows itself sooner. */
export function encodeRequest(
  request: TurnRequest,
  model: UpstreamModel,
  habits: Habits,
): EncodedRequest {
  switch (request.kind) {
    case "chat":
      return { path: "/chat/completions", body: encodeChat(request, model, habits) };
    case "completion":
      return isPlain(request) && habits.chatOnly.includes(model.id)
        ? encodeRequest(asChat(request), model, habits)
        : encodeText(request, model, habits);
    case "embedding":
      return { path: "/embeddings", body: encodeEmbedding(request, model.id) };
  }
}

/** Whether it is a text to go on from, with no gap to fill in. */
export function isPlain(request: TurnRequest): request is CompletionRequest {
  return request.kind === "completion" && request.suffix === undefined;
}

function asChat({ model, stream, prompt, parameters }: CompletionRequest): ChatRequest {
  const content = [{ type: "text" as const, text: prompt }];
  return { kind: "chat", model, stream, parameters, messages: [{ role: "user", content }] };
}

function encodeChat(request: ChatRequest, model: UpstreamModel, habits: Habits): JsonObject {
  const { tools = [], toolChoice, responseFormat, parameters } = request;
  return {
    model: model.id,
    messages: request.messages.map((message) => encodeMessage(message, habits)),
    ...encodeStreaming(habits),
    ...encodeParameters(parameters, model, habits),
    ...(tools.length === 0 ? {} : encodeTools(tools, toolChoice, parameters)),
    ...(responseFormat === undefined ? {} : { response_format: encodeFormat(responseFormat) }),
  };
}

/** A gap goes to the route that its server has for gaps. */
function encodeText(
  request: CompletionRequest,
  model: UpstreamModel,
  habits: Habits,
): EncodedRequest {
  const { suffix } = request;
  if (suffix !== undefined && model.fill === "infill") {
    return { path: "/infill", body: encodeInfill(request, suffix, model) };
  }
  const path = suffix !== undefined && model.fill === "fim" ? "/fim/completions" : "/completions";
  return { path, body: encodeCompletion(request, model, habits) };
}

/** llama.cpp's own form (tools/server/README.md, "POST /infill"). */
function encodeInfill(
  { prompt, parameters }: CompletionRequest,
  suffix: string,
  { id }: UpstreamModel,
): JsonObject {
  return {
    model: id,
    input_prefix: prompt,
    input_suffix: suffix,
    stream: true,
    ...defined({
      n_predict: parameters.maxTokens,
      temperature: parameters.temperature,
      top_p: parameters.topP,
      top_k: parameters.topK,
      min_p: parameters.minP,
      stop: parameters.stop,
      seed: parameters.seed,
      frequency_penalty: parameters.frequencyPenalty,
      presence_penalty: parameters.presencePenalty,
    }),
  };
}

function encodeCompletion(
  request: CompletionRequest,
  model: UpstreamModel,
  habits: Habits,
): JsonObject {
  return {
    model: model.id,
    prompt: request.prompt,
    ...defined({ suffix: request.suffix }),
    ...encodeStreaming(habits),
    ...encodeParameters(request.parameters, model, { ...habits, maxTokensName: "max_tokens" }),
  };
}

function encodeEmbedding(request: EmbeddingRequest, model: string): JsonObject {
  const { input, dimensions } = request;
  return { model, input, encoding_format: "float", ...defined({ dimensions }) };
}

function encodeStreaming({ refused }: Habits): JsonObject {
  if (refused.includes("stream_options")) return { stream: true };
  return { stream: true, stream_options: { include_usage: true } };
}

function encodeParameters(
  parameters: Parameters,
  { capabilities }: UpstreamModel,
  { refused, maxTokensName }: Habits,
): JsonObject {
  // A model that is not known to think refuses to be told not to, as often as not.
  const isIdle = parameters.reasoningEffort === "none" && !capabilities.includes("thinking");
  const isLeftOut = isIdle || refused.includes("reasoning_effort");
  return defined({
    [maxTokensName]: parameters.maxTokens,
    temperature: parameters.temperature,
    top_p: parameters.topP,
    // Not OpenAI's own, but what llama.cpp, vLLM and others call them.
    top_k: refused.includes("top_k") ? undefined : parameters.topK,
    min_p: refused.includes("min_p") ? undefined : parameters.minP,
    stop: parameters.stop,
    seed: parameters.seed,
    frequency_penalty: parameters.frequencyPenalty,
    presence_penalty: parameters.presencePenalty,
    reasoning_effort: isLeftOut ? undefined : parameters.reasoningEffort,
  });
}

function encodeTools(
  tools: readonly Tool[],
  choice: ToolChoice | undefined,
  { parallelToolCalls }: Parameters,
): JsonObject {
  return {
    tools: tools.map(({ name, description, parameters, strict }) => ({
      type: "function",
      function: {
        name,
        ...defined({ description }),
        parameters: parameters ?? { type: "object", properties: {} },
        ...defined({ strict }),
      },
    })),
    ...defined({ tool_choice: encodeChoice(choice), parallel_tool_calls: parallelToolCalls }),
  };
}

function encodeChoice(choice: ToolChoice | undefined): JsonValue | undefined {
  if (typeof choice !== "object") return choice;
  return { type: "function", function: { name: choice.name } };
}

function encodeFormat(format: ResponseFormat): JsonObject {
  if (format.type === "json") return { type: "json_object" };
  const { name, description, schema, strict } = format;
  const named = { name, ...defined({ description }), schema, ...defined({ strict }) };
  return { type: "json_schema", json_schema: named };
}

function encodeMessage(message: Message, habits: Habits): JsonObject {
  const content = encodeContent(message.content);
  switch (message.role) {
    case "system":
      return { role: "system", content };
    case "user":
      return { role: "user", content, ...defined({ name: message.name }) };
    case "tool":
      return { role: "tool", tool_call_id: message.toolCallId, content };
    case "assistant":
      return encodeAssistant(message, content, habits);
  }
}

function encodeAssistant(
  { reasoning, toolCalls = [] }: Message & { role: "assistant" },
  content: JsonValue,
  { reasoningName, refused }: Habits,
): JsonObject {
  // Reasoning goes back only to a server that sends it, under its own name: others refuse the field.
  const named = reasoningName !== undefined && !refused.includes(reasoningName);
  return {
    role: "assistant",
    content: content === "" && toolCalls.length > 0 ? null : content,
    ...(named && reasoning !== undefined ? { [reasoningName]: reasoning } : {}),
    ...(toolCalls.length === 0
      ? {}
      : {
          tool_calls: toolCalls.map(({ id, name, arguments: text }) => ({
            id,
            type: "function",
            function: { name, arguments: text },
          })),
        }),
  };
}

/** A single text stays a string: small servers know nothing else. */
function encodeContent(parts: readonly Part[]): JsonValue {
  const [first, second] = parts;
  if (first === undefined) return "";
  if (second === undefined && first.type === "text") return first.text;
  return parts.map((part) => {
    if (part.type === "text") return { type: "text", text: part.text };
    const url = part.type === "image" ? `data:${part.mediaType};base64,${part.data}` : part.url;
    return { type: "image_url", image_url: { url } };
  });
}

/** Without the fields that are undefined. */
function defined(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
