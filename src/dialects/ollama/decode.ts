// A validated Ollama request → what an agent is asked. Defaults are Ollama's (it streams unless told not to); what the
// client did not say is not said for it. Knows no HTTP, and no model but by name.

import { AppError } from "../../core/error.ts";
import type {
  ChatRequest,
  CompletionRequest,
  EmbeddingRequest,
  Message,
  ResponseFormat,
  Tool,
} from "../../core/turn.ts";
import { compact } from "./compact.ts";
import { decodeImages } from "./decode-images.ts";
import { decodeMessages } from "./decode-messages.ts";
import { decodeParameters, decodeThink } from "./decode-parameters.ts";
import type { ThinkBody } from "./decode-parameters.ts";
import { readFillIn } from "../../wire/fill-in.ts";
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
  return run(body, chatRequest(body, decodeMessages(messages)));
}

/**
 * POST /api/generate. With `suffix` it fills in, with `raw` it goes on from a text, else it is a chat of one message.
 * A raw prompt that has a gap in a code model's own marks (Zed and Continue write them) fills in, too: a model that
 * cannot do that refuses it, where it would run an agent for every keystroke.
 * So does one with an empty suffix: the cursor of an autocomplete (Void's) is at the end of its file. Without `raw` an
 * empty suffix is none: some clients send every text field they know, empty or not.
 * A raw prompt with `format`, images or tools is a chat: there they mean something. `system` and `format` mean nothing
 * to a text to go on from, and are ignored there; images to fill in from are refused.
 * An empty prompt with a suffix is the start of a file, and is answered, where Ollama only loads the model.
 */
export function decodeGenerate(
  body: Body.GenerateRequest,
): Run<ChatRequest | CompletionRequest> | Lifecycle {
  const prompt = body.prompt ?? "";
  const images = decodeImages(body.images, "images");
  if (prompt === "" && !body.suffix && images.length === 0) return lifecycle(body);
  const asksForMore = images.length > 0 || Boolean(body.format) || (body.tools ?? []).length > 0;
  const gap = gapOf(body, prompt, asksForMore);
  if (gap !== undefined && images.length > 0) {
    throw new AppError("unsupported", "Send images with a prompt, without suffix.", {
      param: "images",
    });
  }
  if (gap !== undefined) return run(body, completionRequest(body, gap));
  if (body.raw === true && !asksForMore) return run(body, completionRequest(body, { prompt }));
  const text: Message["content"] = prompt === "" ? [] : [{ type: "text", text: prompt }];
  const user: Message = { role: "user", content: [...text, ...images] };
  return run(body, chatRequest(body, [...systemMessages(body.system), user]));
}

/** What is around the gap to fill in; `undefined` when there is none. */
function gapOf({ suffix, raw }: Body.GenerateRequest, prompt: string, asksForMore: boolean) {
  if (suffix) return { prompt, suffix };
  if (raw !== true) return undefined;
  const isAtEnd = suffix === "" && !asksForMore;
  return readFillIn(prompt) ?? (isAtEnd ? { prompt, suffix } : undefined);
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
export function decodeModelName(body: Pick<Body.ShowRequest, "model" | "name">): string {
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
  const tools = (body.tools ?? []).map(decodeTool);
  return {
    kind: "chat",
    model: body.model,
    stream: body.stream ?? true,
    messages,
    parameters: decodeParameters(body),
    ...compact<{ responseFormat: ResponseFormat }>({ responseFormat: decodeFormat(body.format) }),
    ...(tools.length > 0 && { tools }),
  };
}

function completionRequest(
  body: Body.GenerateRequest,
  text: Pick<CompletionRequest, "prompt" | "suffix">,
): CompletionRequest {
  return {
    kind: "completion",
    model: body.model,
    stream: body.stream ?? true,
    ...text,
    parameters: decodeParameters(body),
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
    ...(dimensions && dimensions > 0 && { dimensions }),
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
