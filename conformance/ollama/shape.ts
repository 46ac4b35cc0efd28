// Ollama's answers as its published API and its server's source have them, and as the strictest readers (Zed's structs,
// Copilot Chat's capabilities) insist on them.

import { Type } from "@sinclair/typebox";
import type { Static, TSchema } from "@sinclair/typebox";
import { fits, must, same } from "../check.ts";
import { readLines } from "../order.ts";

const Count = Type.Integer({ minimum: 0 });
const Text = Type.String();
const Id = Type.String({ minLength: 1 });
const Moment = Type.String({
  pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$",
});

export const ErrorAnswer = Type.Object({ error: Id }, { additionalProperties: false });

const Message = Type.Object({
  role: Type.Literal("assistant"),
  content: Text,
  thinking: Type.Optional(Text),
  tool_calls: Type.Optional(
    Type.Array(
      Type.Object({
        id: Id,
        function: Type.Object({
          index: Type.Optional(Count),
          name: Id,
          arguments: Type.Record(Text, Type.Unknown()),
        }),
      }),
      { minItems: 1 },
    ),
  ),
});

const Line = { model: Id, created_at: Moment };
const More = { ...Line, done: Type.Literal(false) };
const Last = {
  ...Line,
  done: Type.Literal(true),
  done_reason: Type.Union([Type.Literal("stop"), Type.Literal("length")]),
  total_duration: Count,
  load_duration: Count,
  prompt_eval_count: Count,
  prompt_eval_duration: Count,
  eval_count: Count,
  eval_duration: Count,
};

const ChatLine = Type.Object({ ...More, message: Message });
export const ChatAnswer = Type.Object({ ...Last, message: Message });
const GenerateLine = Type.Object({ ...More, response: Text, thinking: Type.Optional(Text) });
export const GenerateAnswer = Type.Object({
  ...Last,
  response: Text,
  thinking: Type.Optional(Text),
  context: Type.Optional(Type.Array(Count)),
});

/** A preload or unload: nothing was asked. */
export const LoadAnswer = Type.Object({
  ...Line,
  done: Type.Literal(true),
  done_reason: Type.Union([Type.Literal("load"), Type.Literal("unload")]),
});

const Details = Type.Object({
  parent_model: Text,
  format: Text,
  family: Text,
  families: Type.Array(Text),
  parameter_size: Text,
  quantization_level: Text,
});

const Named = {
  name: Id,
  model: Id,
  size: Count,
  digest: Type.String({ pattern: "^(sha256:)?[0-9a-f]{64}$" }),
  details: Details,
};

export const Tags = Type.Object({
  models: Type.Array(Type.Object({ ...Named, modified_at: Moment }), { minItems: 1 }),
});

export const Running = Type.Object({
  models: Type.Array(
    Type.Object({ ...Named, expires_at: Moment, size_vram: Count, context_length: Count }),
  ),
});

export const Shown = Type.Object({
  details: Details,
  model_info: Type.Record(Text, Type.Unknown()),
  capabilities: Type.Array(
    Type.Union(
      ["completion", "tools", "insert", "vision", "embedding", "thinking", "image", "audio"].map(
        (each) => Type.Literal(each),
      ),
    ),
    { minItems: 1 },
  ),
  template: Text,
  parameters: Type.Optional(Text),
  modified_at: Moment,
});

export const Version = Type.Object({ version: Type.String({ pattern: "^\\d+\\.\\d+\\.\\d+$" }) });
export const Embed = Type.Object({
  model: Id,
  embeddings: Type.Array(Type.Array(Type.Number(), { minItems: 1 }), { minItems: 1 }),
  total_duration: Count,
  load_duration: Count,
  prompt_eval_count: Count,
});
export const Embedding = Type.Object({ embedding: Type.Array(Type.Number(), { minItems: 1 }) });
export const Status = Type.Object({ status: Id });

interface LineStream<M, L> {
  readonly lines: readonly (M | L)[];
  readonly last: L;
}

/** Lines that are not the end, and exactly one that is, at the end. */
function read<M extends TSchema, L extends TSchema>(
  text: string,
  more: M,
  last: L,
): LineStream<Static<M>, Static<L>> {
  const lines = readLines(text);
  for (const line of lines) {
    const fields = Object(line) as object;
    must(!("error" in fields), "a line has a field `error`, which clients take for a failure");
    must(
      !("type" in fields),
      "a line has a field `type`, by which Continue takes it for another format",
    );
  }
  const ends = lines.flatMap((line, index) =>
    (line as { done?: unknown }).done === true ? [index] : [],
  );
  same("the place of the line that says done", ends, [lines.length - 1]);
  const end = fits(last, lines.at(-1));
  return { lines: [...lines.slice(0, -1).map((line) => fits(more, line)), end], last: end };
}

export const readChat = (text: string) => read(text, ChatLine, ChatAnswer);
export const readGenerate = (text: string) => read(text, GenerateLine, GenerateAnswer);
