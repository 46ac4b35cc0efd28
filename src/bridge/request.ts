// What an editor asks as the payload of `model_invoke` (OpenAI-shaped, snake_case), and back. Pure.

import type {
  ChatRequest,
  CompletionRequest,
  EmbeddingRequest,
  Parameters,
  ResponseFormat,
  Tool,
  ToolChoice,
  TurnRequest,
} from "../core/turn.ts";
import { fromMessage, toMessage } from "./message.ts";
import type {
  Payload,
  WireParameters,
  WireResponseFormat,
  WireTool,
  WireToolChoice,
} from "./payload.ts";
import { present } from "./present.ts";

export function toPayload(request: TurnRequest): Payload {
  const parameters = toParameters(request.parameters, request.stream);
  const { kind, model } = request;
  switch (kind) {
    case "chat":
      return present({
        kind,
        model,
        messages: request.messages.map(toMessage),
        parameters,
        tools: request.tools?.map(toTool),
        tool_choice: request.toolChoice && toToolChoice(request.toolChoice),
        response_format: request.responseFormat && toResponseFormat(request.responseFormat),
      });
    case "completion":
      return present({ kind, model, prompt: request.prompt, suffix: request.suffix, parameters });
    case "embedding": {
      const { input, dimensions } = request;
      return present({ kind, model, input: [...input], dimensions, parameters });
    }
  }
}

export function fromPayload(payload: Payload): TurnRequest {
  const { kind, model } = payload;
  const stream = payload.parameters.stream ?? false;
  const parameters = fromParameters(payload.parameters);
  switch (kind) {
    case "chat": {
      const request: ChatRequest = present({
        kind,
        model,
        stream,
        messages: payload.messages.map(fromMessage),
        parameters,
        tools: payload.tools?.map((tool) => tool.function),
        toolChoice: payload.tool_choice && fromToolChoice(payload.tool_choice),
        responseFormat: payload.response_format && fromResponseFormat(payload.response_format),
      });
      return request;
    }
    case "completion": {
      const { prompt, suffix } = payload;
      const request: CompletionRequest = present({
        kind,
        model,
        stream,
        prompt,
        suffix,
        parameters,
      });
      return request;
    }
    case "embedding": {
      const { input, dimensions } = payload;
      const request: EmbeddingRequest = present({
        kind,
        model,
        stream: false as const,
        input,
        dimensions,
        parameters,
      });
      return request;
    }
  }
}

function toParameters(parameters: Parameters, stream: boolean): WireParameters {
  return present({
    stream,
    max_tokens: parameters.maxTokens,
    temperature: parameters.temperature,
    top_p: parameters.topP,
    top_k: parameters.topK,
    min_p: parameters.minP,
    stop: parameters.stop && [...parameters.stop],
    seed: parameters.seed,
    frequency_penalty: parameters.frequencyPenalty,
    presence_penalty: parameters.presencePenalty,
    reasoning_effort: parameters.reasoningEffort,
    parallel_tool_calls: parameters.parallelToolCalls,
  });
}

function fromParameters(wire: WireParameters): Parameters {
  return present({
    maxTokens: wire.max_tokens,
    temperature: wire.temperature,
    topP: wire.top_p,
    topK: wire.top_k,
    minP: wire.min_p,
    stop: wire.stop,
    seed: wire.seed,
    frequencyPenalty: wire.frequency_penalty,
    presencePenalty: wire.presence_penalty,
    reasoningEffort: wire.reasoning_effort,
    parallelToolCalls: wire.parallel_tool_calls,
  });
}

function toTool(tool: Tool): WireTool {
  const { name, description, parameters, strict } = tool;
  return { type: "function", function: present({ name, description, parameters, strict }) };
}

function toToolChoice(choice: ToolChoice): WireToolChoice {
  if (typeof choice === "string") return choice;
  return { type: "function", function: { name: choice.name } };
}

function fromToolChoice(choice: WireToolChoice): ToolChoice {
  return typeof choice === "string" ? choice : { name: choice.function.name };
}

function toResponseFormat(format: ResponseFormat): WireResponseFormat {
  if (format.type === "json") return { type: "json_object" };
  const { name, description, schema, strict } = format;
  return { type: "json_schema", json_schema: present({ name, description, schema, strict }) };
}

function fromResponseFormat(format: WireResponseFormat): ResponseFormat {
  if (format.type === "json_object") return { type: "json" };
  const { name, description, schema, strict } = format.json_schema;
  return present({ type: "json-schema" as const, name, description, schema, strict });
}
