// A validated Ollama request → what an agent is asked. Defaults are Ollama's (it streams unless told not to); what the
// client did not say is not said for it. Knows no HTTP, and no model but by name.

import { AppError } from "../../core/error.ts";
import type {
  ChatRequest,
  CompletionRequest,
  EmbeddingRequest,
  Message,
  Parameters,
  ResponseFormat,
  Tool,
} from "../../core/turn.ts";
import { compact } from "./compact.ts";
import { decodeImages, decodeMessages } from "./decode-messages.ts";
import type * as Body from "./schema.ts";

/** A call with nothing to answer: the editor wants the model in memory, or out of it. No agent runs. */
export interface Lifecycle {
  readonly action: "load" | "unload";
  readonly model: string;
}

/** A call to answer. `hideThinking` when the client asked for no thinking: what an agent thinks all the same is not shown. */
export interface Run<Request> {
  readonly action: "run";
  readonly request: Request;
  readonly hideThinking: boolean;
}

/** POST /api/chat. Throws `AppError` `invalid_request` or `unsupported` with `param`. */
export function decodeChat(body: Body.ChatRequest): Run<ChatRequest> | Lifecycle {
  const messages = body.messages ?? [];
  if (messages.length === 0) return lifecycle(body);
  const tools = (body.tools ?? []).map(decodeTool);
  return run(body, {
    ...chatRequest(body, decodeMessages(messages)),
    ...(tools.length > 0 && { tools }),
  });
}

/**
 * POST /api/generate. With `suffix` or `raw` it is a text to go on from, else a chat of one message. `system` and
 * `format` mean nothing to a text to go on from, and are ignored there; images are refused.
 * An empty prompt with a suffix is the start of a file, and is answered, where Ollama only loads the model.
 */
export function decodeGenerate(
  body: Body.GenerateRequest,
): Run<ChatRequest | CompletionRequest> | Lifecycle {
  const prompt = body.prompt ?? "";
  const images = decodeImages(body.images, "images");
  if (prompt === "" && !body.suffix && images.length === 0) return lifecycle(body);
  if (!body.suffix && body.raw !== true) {
    const text: Message["content"] = prompt === "" ? [] : [{ type: "text", text: prompt }];
    const user: Message = { role: "user", content: [...text, ...images] };
    return run(body, chatRequest(body, [...systemMessages(body.system), user]));
  }
  if (images.length > 0) {
    throw new AppError("unsupported", "Send images with a plain prompt, without raw and suffix.", {
      param: "images",
    });
  }
  return run(body, {
    kind: "completion",
    model: body.model,
    stream: body.stream ?? true,
    prompt,
    ...(body.suffix && { suffix: body.suffix }),
    parameters: decodeParameters(body),
  });
}

/** POST /api/embed. No input at all is a load call, answered with no embeddings. */
export function decodeEmbed(body: Body.EmbedRequest): Run<EmbeddingRequest> | Lifecycle {
  const input = typeof body.input === "string" ? [body.input] : (body.input ?? []);
  if (!body.input || input.length === 0) return { action: "load", model: body.model };
  return run({}, embeddingRequest(body.model, input, body.dimensions));
}

/** POST /api/embeddings, the older form. */
export function decodeEmbeddings(body: Body.EmbeddingsRequest): Run<EmbeddingRequest> | Lifecycle {
  if (!body.prompt) return { action: "load", model: body.model };
  return run({}, embeddingRequest(body.model, [body.prompt]));
}

/** The model that POST /api/show or /api/pull is about, by either spelling. Throws `AppError` `invalid_request`. */
export function decodeModelName(body: Body.ShowRequest): string {
  const name = body.model || body.name;
  if (name) return name;
  throw new AppError("invalid_request", "model is required: the name of a listed model.", {
    param: "model",
  });
}

function run<Request>(body: { think?: ThinkBody }, request: Request): Run<Request> {
  return { action: "run", request, hideThinking: decodeThink(body.think) === "none" };
}

interface KeepAliveBody {
  readonly model: string;
  readonly keep_alive?: string | number | null;
}

function lifecycle(body: KeepAliveBody): Lifecycle {
  return { action: isZero(body.keep_alive) ? "unload" : "load", model: body.model };
}

/** 0, or a Go duration of nothing such as "0s" or "0h0m". */
function isZero(keepAlive: KeepAliveBody["keep_alive"]): boolean {
  return keepAlive === 0 || (typeof keepAlive === "string" && /^[^1-9]*0[^1-9]*$/.test(keepAlive));
}

type ChatLike = Body.ChatRequest | Body.GenerateRequest;

function chatRequest(body: ChatLike, messages: readonly Message[]): ChatRequest {
  return {
    kind: "chat",
    model: body.model,
    stream: body.stream ?? true,
    messages,
    parameters: decodeParameters(body),
    ...compact<{ responseFormat: ResponseFormat }>({ responseFormat: decodeFormat(body.format) }),
  };
}

function systemMessages(system: string | null | undefined): Message[] {
  return system ? [{ role: "system", content: [{ type: "text", text: system }] }] : [];
}

function embeddingRequest(
  model: string,
  input: readonly string[],
  dimensions?: number | null,
): EmbeddingRequest {
  return {
    kind: "embedding",
    model,
    stream: false,
    input,
    parameters: {},
    ...(dimensions && { dimensions }),
  };
}

function decodeTool(tool: Body.Tool): Tool {
  const { name, description, parameters } = tool.function;
  return { name, ...compact<Tool>({ description, parameters }) };
}

function decodeFormat(format: ChatLike["format"]): ResponseFormat | undefined {
  if (format === undefined || format === null || format === "") return undefined;
  if (format === "json") return { type: "json" };
  if (typeof format === "string") {
    throw new AppError("invalid_request", 'format must be "json" or a JSON Schema.', {
      param: "format",
    });
  }
  return { type: "json-schema", name: "response", schema: format };
}

function decodeParameters(body: ChatLike): Parameters {
  const options = body.options ?? {};
  const limit = Math.trunc(options.num_predict ?? options.max_tokens ?? 0);
  const stop = typeof options.stop === "string" ? [options.stop] : (options.stop ?? []);
  return compact<Parameters>({
    maxTokens: limit > 0 ? limit : undefined,
    temperature: options.temperature,
    topP: options.top_p,
    topK: whole(options.top_k),
    minP: options.min_p,
    stop: stop.length > 0 ? stop : undefined,
    seed: options.seed === -1 ? undefined : whole(options.seed),
    frequencyPenalty: options.frequency_penalty,
    presencePenalty: options.presence_penalty,
    reasoningEffort: decodeThink(body.think),
  });
}

/** Ollama cuts fractions off where it wants whole numbers, and so do we. */
function whole(value: number | null | undefined): number | undefined {
  return value === null || value === undefined ? undefined : Math.trunc(value);
}

type ThinkBody = boolean | string | null | undefined;

/** `true` asks for what an agent that thinks does anyway, so it says nothing. */
function decodeThink(think: ThinkBody): string | undefined {
  if (think === false) return "none";
  return typeof think === "string" && think !== "" ? think : undefined;
}
