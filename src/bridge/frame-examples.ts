// One frame of each type as it is really sent, for the AsyncAPI document; together they are the life of a turn.

import type { Frame, FrameType } from "./frame.ts";

const TURN = "req_iBRy4FJXfW3bdB3mD0Jz6A";
const NEXT_TURN = "req_U1rV0yV4m7oWkVbYh2u0Cg";
const SESSION = "session_S01FBZDRlhLkt55fvFkmzA";
const MODEL = {
  id: "large-model",
  label: "Large model",
  context_length: 200_000,
  capabilities: ["completion" as const, "tools" as const],
};

type Examples = { readonly [K in FrameType]: Extract<Frame, { readonly type: K }> };

export const FRAME_EXAMPLES: Examples = {
  hello: {
    type: "hello",
    protocol: 1,
    role: "agent",
    agent_id: "openai@laptop",
    label: "my laptop",
    connector: "openai",
    models: [MODEL],
    capabilities: {
      stream: true,
      tools: true,
      images: false,
      embeddings: false,
      tool_result_parts: true,
    },
    requested_scopes: ["inference", "tools"],
  },
  welcome: {
    type: "welcome",
    link_id: "link_3s8oQx5mT0kz1f2uYw7cBA",
    limits: {
      invoke_bytes: 11_534_336,
      answer_bytes: 1_048_576,
      credit_bytes: 262_144,
      turns: 1000,
    },
    version: "0.1.0",
    capabilities: { tool_result_parts: true },
    session: SESSION,
  },
  session: {
    type: "session",
    session_id: SESSION,
    agent_id: "openai@laptop",
    status: "active",
    scopes: ["inference", "tools"],
    expires_at: 1_767_351_845_000,
    models: [MODEL],
    session_token: "mlp_the_token_of_this_session",
  },
  model_invoke: {
    type: "model_invoke",
    id: TURN,
    session_id: SESSION,
    model_meta: {
      provider: "mcp-local-provider",
      label: "0.1.0",
      requested_scopes: ["inference", "tools"],
    },
    payload: {
      kind: "chat",
      model: "large-model",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "What is in README.md?" },
      ],
      parameters: { stream: true, max_tokens: 1024 },
      tools: [
        {
          type: "function",
          function: {
            name: "read_file",
            parameters: { type: "object", properties: { path: { type: "string" } } },
          },
        },
      ],
    },
    deadline_ms: 1_800_000,
  },
  model_stream_chunk: {
    type: "model_stream_chunk",
    id: TURN,
    chunk_index: 0,
    delta: { content: "I will look. " },
  },
  model_result: {
    type: "model_result",
    id: TURN,
    status: "ok",
    result: {
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: "",
            tool_calls: [
              {
                id: "call_1",
                type: "function",
                function: { name: "read_file", arguments: '{"path":"README.md"}' },
              },
            ],
          },
          finish_reason: "tool_calls",
        },
      ],
      usage: { prompt_tokens: 61, completion_tokens: 18 },
      parked: true,
    },
  },
  tool_results: {
    type: "tool_results",
    id: NEXT_TURN,
    session_id: SESSION,
    resumes: TURN,
    model: "large-model",
    stream: true,
    results: [{ tool_call_id: "call_1", content: "# MCP Local Provider" }],
    deadline_ms: 1_800_000,
  },
  cancel: { type: "cancel", id: NEXT_TURN, reason: "client_cancelled" },
  flow: { type: "flow", id: NEXT_TURN, credit: 131_072 },
  error: {
    type: "error",
    id: NEXT_TURN,
    error: { code: "agent_error", message: "The agent failed." },
  },
  ping: { type: "ping", timestamp: 81_234.5 },
  pong: { type: "pong", timestamp: 81_234.5 },
};
