// An MCP server as the official SDK makes it, around whichever chat a call belongs to. Knows no transport.

import type {
  CallToolResult,
  ClientCapabilities,
  InputRequiredResult,
  JSONObject,
  Server,
  ServerContext,
} from "@modelcontextprotocol/server";
import { AppError } from "../../core/error.ts";
import { isJsonObject } from "../../core/json.ts";
import { JOB, TOOLS } from "./tool-list.ts";
import { type Said, wrong } from "./tools.ts";
import type { McpChat, McpClientFacts } from "./chat.ts";
import { type McpSdk, progressOf, signalOf } from "./sdk.ts";

/** Who calls, and with what. */
export interface McpCaller {
  readonly client: McpClientFacts;
  readonly capabilities: ClientCapabilities;
  /** The name that a chat was given at its first call, where the protocol has no sessions. */
  readonly chat: string | undefined;
  /** Whether a chat may begin with this call. */
  readonly isWait: boolean;
}

export interface McpServerOptions {
  readonly sdk: McpSdk;
  readonly version: string;
  /** Whether calls name their chat: the protocol from 2026-07-28 on has no sessions over HTTP. */
  readonly namesChats: boolean;
  /** @throws AppError with what the model is to hear */
  chatOf(caller: McpCaller): NamedChat;
}

export interface NamedChat {
  readonly chat: McpChat;
  readonly name?: string;
  /** For a chat that could not join: nobody will ever name it. */
  readonly forget?: () => void;
}

const PROMPT = "serve_editor";
const PROMPT_TEXT = "Serve my editor: answer its requests until I stop you.";
const CHAT = {
  type: "string",
  maxLength: 128,
  description:
    "The chat that your first wait_for_request returned. Leave it out only in that call.",
} as const;

export function createMcpServer(options: McpServerOptions): Server {
  const { sdk, version, namesChats } = options;
  const server = new sdk.Server(
    { name: "mcp-local-provider", title: "MCP Local Provider", version },
    { capabilities: { tools: {}, prompts: {} }, instructions: JOB },
  );
  server.setRequestHandler("tools/list", () => ({ tools: listTools(namesChats) }));
  server.setRequestHandler("prompts/list", () => ({
    prompts: [
      { name: PROMPT, title: "Serve my editor", description: "Answers the editor's requests." },
    ],
  }));
  server.setRequestHandler("prompts/get", ({ params }) => {
    if (params.name !== PROMPT) {
      throw new sdk.ProtocolError(sdk.ProtocolErrorCode.InvalidParams, "There is no such prompt.");
    }
    const text = `${PROMPT_TEXT}\n\n${JOB}`;
    return { messages: [{ role: "user" as const, content: { type: "text" as const, text } }] };
  });
  server.setRequestHandler("tools/call", async ({ params }, context) => {
    const { chat: named, ...given } = params.arguments ?? {};
    const chat = namesChats && typeof named === "string" ? named : undefined;
    const all = namesChats ? given : (params.arguments ?? {});
    const isWait = params.name === "wait_for_request";
    try {
      const capabilities = capabilitiesOf(server, context);
      const client = clientOf(server, context);
      const found = options.chatOf({ client, capabilities, chat, isWait });
      if (!isWait) {
        return toResult(await found.chat.answer(params.name, all), {});
      }
      return await wait({ sdk, context, capabilities, found, given: all });
    } catch (error) {
      if (error instanceof AppError) return toResult(wrong(error.message), {});
      throw error;
    }
  });
  return server;
}

interface WaitCall {
  readonly sdk: McpSdk;
  readonly context: ServerContext;
  readonly capabilities: ClientCapabilities;
  readonly found: NamedChat;
  readonly given: unknown;
}

/** Where a human's consent may be asked for in the client, that comes before the first wait. */
async function wait(call: WaitCall): Promise<CallToolResult | InputRequiredResult> {
  const { sdk, context, found } = call;
  const { chat, name } = found;
  const seat = await chat.join().catch((error: unknown) => {
    found.forget?.();
    throw error;
  });
  if (seat?.consent !== undefined && seat.status() === "pending") {
    const { inputResponses } = context.mcpReq;
    const view = sdk.inputResponse(inputResponses, CONSENT);
    if (view.kind === "elicit" && view.action !== "cancel") {
      await seat.consent(view.action === "accept" && view.content?.["allow"] === true);
    } else if (view.kind !== "elicit" && showsForms(call.capabilities)) {
      return sdk.inputRequired({ inputRequests: { [CONSENT]: consentForm(sdk, chat) } });
    }
  }
  const progress = progressOf(context, "Waiting for a request of an editor");
  const said = await chat.wait({
    arguments: call.given,
    signal: signalOf(context),
    ...(progress !== undefined && { progress }),
  });
  return toResult(said, name === undefined ? {} : { chat: name });
}

/** A client that names no mode means forms: there was nothing else at first. */
function showsForms({ elicitation }: ClientCapabilities): boolean {
  if (elicitation === undefined) return false;
  return elicitation.form !== undefined || elicitation.url === undefined;
}

const CONSENT = "consent";

function consentForm(sdk: McpSdk, { agent, model }: McpChat) {
  const { label } = agent.info;
  return sdk.inputRequired.elicit({
    message: `"${label}" wants to answer the editors on this machine as the model ${model}. It would see what they send.`,
    requestedSchema: {
      type: "object",
      properties: { allow: { type: "boolean", title: "Allow it" } },
      required: ["allow"],
    },
  });
}

function listTools(namesChats: boolean) {
  return TOOLS.map(({ name, description, inputSchema }) => {
    const { properties, required } = inputSchema;
    const isFirst = name === "wait_for_request";
    const all = { ...(namesChats && { chat: CHAT }), ...properties };
    return {
      name,
      description,
      inputSchema: {
        type: "object" as const,
        // Schemas carry marks of their library that are no JSON.
        properties: JSON.parse(JSON.stringify(all)) as Record<string, JSONObject>,
        required: [...(namesChats && !isFirst ? ["chat"] : []), ...(required ?? [])],
        additionalProperties: false,
      },
      annotations: { readOnlyHint: isFirst, destructiveHint: false, openWorldHint: false },
    };
  });
}

function toResult({ head, texts, images = [], isError }: Said, extra: object): CallToolResult {
  const lines = head === undefined ? texts : [JSON.stringify({ ...head, ...extra }), ...texts];
  return {
    content: [
      ...lines.map((text) => ({ type: "text" as const, text })),
      ...images.map(({ data, mediaType }) => {
        return { type: "image" as const, data, mimeType: mediaType };
      }),
    ],
    ...(isError === true && { isError }),
  };
}

const CLIENT_INFO = "io.modelcontextprotocol/clientInfo";
const CLIENT_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";

/** From 2026-07-28 on each request says who sends it; before, the client said so once. */
export function clientOf(server: Server, context?: ServerContext): McpClientFacts {
  const said = envelopeOf(context)[CLIENT_INFO] ?? server.getClientVersion();
  const { name, version } = isJsonObject(said) ? said : {};
  return {
    name: typeof name === "string" && name.trim() !== "" ? name.trim() : "client",
    version: typeof version === "string" ? version : "",
  };
}

function capabilitiesOf(server: Server, context: ServerContext): ClientCapabilities {
  const said = envelopeOf(context)[CLIENT_CAPABILITIES];
  return isJsonObject(said) ? said : (server.getClientCapabilities() ?? {});
}

function envelopeOf(context: ServerContext | undefined): Readonly<Record<string, unknown>> {
  return context?.mcpReq.envelope ?? {};
}
