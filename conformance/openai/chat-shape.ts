// Chat completions, completions, embeddings and models as OpenAI's published specification has them: what it requires is
// required, in the types that its clients read. Fields beyond it are left alone, as it says they may come.

import { Type } from "@sinclair/typebox";
import { follow, readEvents } from "../order.ts";
import type { Machine } from "../order.ts";
import { fits, must, same } from "../check.ts";
import { parsed } from "../server.ts";

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) =>
  Type.Union([type, Type.Null()]);
const Count = Type.Integer({ minimum: 0 });
const Text = Type.String();
const Id = Type.String({ minLength: 1 });

export const FinishReason = Type.Union(
  ["stop", "length", "tool_calls", "content_filter", "function_call"].map((each) =>
    Type.Literal(each),
  ),
);

export const Usage = Type.Object({
  prompt_tokens: Count,
  completion_tokens: Count,
  total_tokens: Count,
});

const ToolCall = Type.Object({
  id: Id,
  type: Type.Literal("function"),
  function: Type.Object({ name: Id, arguments: Text }),
});

export const ChatCompletion = Type.Object({
  id: Id,
  object: Type.Literal("chat.completion"),
  created: Count,
  model: Id,
  choices: Type.Array(
    Type.Object({
      index: Count,
      finish_reason: FinishReason,
      logprobs: Nullable(Type.Object({})),
      message: Type.Object({
        role: Type.Literal("assistant"),
        content: Nullable(Text),
        refusal: Nullable(Text),
        tool_calls: Type.Optional(Type.Array(ToolCall, { minItems: 1 })),
        reasoning_content: Type.Optional(Text),
        reasoning: Type.Optional(Text),
      }),
    }),
    { minItems: 1 },
  ),
  usage: Usage,
});

const CallDelta = Type.Object({
  index: Count,
  id: Type.Optional(Id),
  type: Type.Optional(Type.Literal("function")),
  function: Type.Optional(Type.Object({ name: Type.Optional(Id), arguments: Type.Optional(Text) })),
});

export const ChatChunk = Type.Object({
  id: Id,
  object: Type.Literal("chat.completion.chunk"),
  // Zed reads it into 32 bits.
  created: Type.Integer({ minimum: 0, maximum: 2 ** 32 - 1 }),
  model: Id,
  choices: Type.Array(
    Type.Object({
      index: Type.Literal(0),
      finish_reason: Nullable(FinishReason),
      delta: Type.Object({
        role: Type.Optional(Type.Literal("assistant")),
        content: Type.Optional(Nullable(Text)),
        tool_calls: Type.Optional(Type.Array(CallDelta, { minItems: 1, maxItems: 1 })),
        reasoning_content: Type.Optional(Text),
        reasoning: Type.Optional(Text),
      }),
    }),
    { maxItems: 1 },
  ),
  usage: Type.Optional(Nullable(Usage)),
});

export const ErrorAnswer = Type.Object(
  {
    error: Type.Object(
      { message: Id, type: Id, param: Nullable(Text), code: Nullable(Text) },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
);

export const Completion = Type.Object({
  id: Id,
  object: Type.Literal("text_completion"),
  created: Count,
  model: Id,
  choices: Type.Array(
    Type.Object({
      index: Count,
      text: Text,
      finish_reason: FinishReason,
      logprobs: Type.Null(),
    }),
    { minItems: 1 },
  ),
  usage: Usage,
});

export const CompletionChunk = Type.Object({
  id: Id,
  object: Type.Literal("text_completion"),
  created: Count,
  model: Id,
  choices: Type.Array(
    Type.Object({ index: Count, text: Text, finish_reason: Nullable(FinishReason) }),
  ),
  usage: Type.Optional(Nullable(Usage)),
});

const embeddings = <T extends Parameters<typeof Type.Array>[0]>(vector: T) =>
  Type.Object({
    object: Type.Literal("list"),
    model: Id,
    data: Type.Array(
      Type.Object({ object: Type.Literal("embedding"), index: Count, embedding: vector }),
      { minItems: 1 },
    ),
    usage: Type.Object({ prompt_tokens: Count, total_tokens: Count }),
  });

export const FloatEmbeddings = embeddings(Type.Array(Type.Number(), { minItems: 1 }));
export const Base64Embeddings = embeddings(Type.String({ pattern: "^[A-Za-z0-9+/]+={0,2}$" }));

export const Model = Type.Object({
  id: Id,
  object: Type.Literal("model"),
  created: Count,
  owned_by: Text,
});

export const ModelList = Type.Object({
  object: Type.Literal("list"),
  data: Type.Array(Model, { minItems: 1 }),
});

/**
 * The order that every client of chat streams reads: the role, what is said, exactly one reason to end, the usage if it
 * was asked for, and `[DONE]`.
 */
const CHAT_ORDER: Machine = {
  start: { role: "said" },
  said: { content: "said", reasoning: "said", call: "said", finish: "finished" },
  finished: { usage: "used", done: "end" },
  used: { done: "end" },
};

export interface ChatStream {
  readonly chunks: readonly (typeof ChatChunk)["static"][];
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly { readonly id: string; readonly name: string; arguments: string }[];
  readonly finish: string;
  readonly usage: (typeof Usage)["static"] | undefined;
}

/** A chat stream that keeps the order, put together as the pickiest clients do. */
export function readChat(body: string): ChatStream {
  const events = readEvents(body);
  must(
    events.every(({ event }) => event === ""),
    "an event has a name, which Copilot Chat and OpenAI's Python client do not take",
  );
  const chunks = events
    .filter(({ data }) => data !== "[DONE]")
    .map(({ data }) => fits(ChatChunk, parsed(data)));
  const kinds = chunks.map(kindOf);
  const dones = events.flatMap(({ data }, index) => (data === "[DONE]" ? [index] : []));
  same("the place of [DONE]", dones, [events.length - 1]);
  follow(CHAT_ORDER, [...kinds, "done"]);
  for (const field of ["id", "created", "model"] as const) {
    same(`the number of different ${field}s`, new Set(chunks.map((one) => one[field])).size, 1);
  }
  const choices = chunks.flatMap((chunk) => chunk.choices);
  return {
    chunks,
    text: choices.map(({ delta }) => delta.content ?? "").join(""),
    reasoning: choices.map(({ delta }) => delta.reasoning_content ?? "").join(""),
    calls: putTogether(choices.flatMap(({ delta }) => delta.tool_calls ?? [])),
    finish: choices.at(-1)?.finish_reason ?? "",
    usage: chunks.at(-1)?.usage ?? undefined,
  };
}

function kindOf(chunk: (typeof ChatChunk)["static"]): string {
  must(!("error" in chunk), "a chunk has a field `error`, which clients take for a failure");
  const [choice] = chunk.choices;
  if (choice === undefined) {
    must((chunk.usage ?? null) !== null, "a chunk has neither a choice nor a usage");
    return "usage";
  }
  must(
    (chunk.usage ?? null) === null,
    "a chunk with a choice has a usage: Continue drops its text",
  );
  const { delta, finish_reason: finish } = choice;
  const parts = [
    (delta.content ?? "") !== "" && "content",
    (delta.reasoning_content ?? delta.reasoning ?? "") !== "" && "reasoning",
    delta.tool_calls !== undefined && "call",
    finish !== null && "finish",
  ].filter((part) => part !== false);
  must(parts.length <= 1, `a chunk has ${parts.join(" and ")} at once`);
  return parts[0] ?? (delta.role === undefined ? "content" : "role");
}

/** One call after the other, its id and name only in its first piece: else Void and Copilot Chat read nonsense. */
function putTogether(pieces: readonly (typeof CallDelta)["static"][]) {
  const calls: { readonly id: string; readonly name: string; arguments: string }[] = [];
  for (const { index, id, type, function: called } of pieces) {
    if (index === calls.length) {
      must(id !== undefined && type !== undefined, "the first piece of a call has no id or type");
      must(called?.name !== undefined, "the first piece of a call has no name");
      calls.push({ id, name: called.name, arguments: called.arguments ?? "" });
      continue;
    }
    const call = calls.at(-1);
    must(call !== undefined && index === calls.length - 1, "the pieces of two calls are mixed");
    must(id === undefined && called?.name === undefined, "a later piece repeats the id or name");
    call.arguments += called?.arguments ?? "";
  }
  return calls;
}
