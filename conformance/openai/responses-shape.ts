// OpenAI's Responses API as its published specification has it: the object, its items, and the order of its events.

import { Type } from "@sinclair/typebox";
import type { Static, TSchema } from "@sinclair/typebox";
import { fits, must, same } from "../check.ts";
import { follow, readEvents } from "../order.ts";
import type { Machine } from "../order.ts";
import { parsed } from "../server.ts";

const Count = Type.Integer({ minimum: 0 });
const Text = Type.String();
const Id = Type.String({ minLength: 1 });
const Nullable = <T extends TSchema>(type: T) => Type.Union([type, Type.Null()]);
const ItemStatus = Type.Union(
  ["in_progress", "completed", "incomplete"].map((each) => Type.Literal(each)),
);

const OutputText = Type.Object({
  type: Type.Literal("output_text"),
  text: Text,
  annotations: Type.Array(Type.Unknown()),
});

const MessageItem = Type.Object({
  id: Id,
  type: Type.Literal("message"),
  role: Type.Literal("assistant"),
  status: ItemStatus,
  content: Type.Array(OutputText),
});

const ReasoningItem = Type.Object({
  id: Id,
  type: Type.Literal("reasoning"),
  summary: Type.Array(Type.Object({ type: Type.Literal("summary_text"), text: Text })),
});

const CallItem = Type.Object({
  id: Id,
  type: Type.Literal("function_call"),
  status: ItemStatus,
  call_id: Id,
  name: Id,
  arguments: Text,
});

const Item = Type.Union([MessageItem, ReasoningItem, CallItem]);

const Usage = Type.Object({
  input_tokens: Count,
  input_tokens_details: Type.Object({ cached_tokens: Count }),
  output_tokens: Count,
  output_tokens_details: Type.Object({ reasoning_tokens: Count }),
  total_tokens: Count,
});

const common = {
  id: Id,
  object: Type.Literal("response"),
  created_at: Count,
  error: Nullable(Type.Object({ code: Id, message: Id })),
  incomplete_details: Nullable(Type.Object({ reason: Id })),
  instructions: Nullable(Type.Union([Text, Type.Array(Type.Unknown())])),
  metadata: Nullable(Type.Record(Text, Text)),
  model: Id,
  output: Type.Array(Item),
  parallel_tool_calls: Type.Boolean(),
  temperature: Nullable(Type.Number()),
  tool_choice: Type.Union([Text, Type.Object({ type: Text })]),
  tools: Type.Array(Type.Object({ type: Text })),
  top_p: Nullable(Type.Number()),
};

/** One that has ended well. */
export const Response = Type.Object({
  ...common,
  status: Type.Union([Type.Literal("completed"), Type.Literal("incomplete")]),
  usage: Usage,
});

const Started = Type.Object({ ...common, status: Type.Literal("in_progress") });
export const FailedResponse = Type.Object({
  ...common,
  status: Type.Literal("failed"),
  error: Type.Object({ code: Id, message: Id }),
});

const event = <T extends Record<string, TSchema>>(type: string, fields: T) =>
  Type.Object({ type: Type.Literal(type), sequence_number: Count, ...fields });

const inItem = { item_id: Id, output_index: Count };
const inPart = { ...inItem, content_index: Count };
const inSummary = { ...inItem, summary_index: Count };
const SummaryPart = Type.Object({ type: Type.Literal("summary_text"), text: Text });

const EVENTS: Readonly<Record<string, TSchema>> = {
  "response.created": event("response.created", { response: Started }),
  "response.in_progress": event("response.in_progress", { response: Started }),
  "response.output_item.added": event("response.output_item.added", {
    output_index: Count,
    item: Item,
  }),
  "response.output_item.done": event("response.output_item.done", {
    output_index: Count,
    item: Item,
  }),
  "response.content_part.added": event("response.content_part.added", {
    ...inPart,
    part: OutputText,
  }),
  "response.content_part.done": event("response.content_part.done", {
    ...inPart,
    part: OutputText,
  }),
  "response.output_text.delta": event("response.output_text.delta", {
    ...inPart,
    delta: Text,
    logprobs: Type.Array(Type.Unknown()),
  }),
  "response.output_text.done": event("response.output_text.done", {
    ...inPart,
    text: Text,
    logprobs: Type.Array(Type.Unknown()),
  }),
  "response.reasoning_summary_part.added": event("response.reasoning_summary_part.added", {
    ...inSummary,
    part: SummaryPart,
  }),
  "response.reasoning_summary_part.done": event("response.reasoning_summary_part.done", {
    ...inSummary,
    part: SummaryPart,
  }),
  "response.reasoning_summary_text.delta": event("response.reasoning_summary_text.delta", {
    ...inSummary,
    delta: Text,
  }),
  "response.reasoning_summary_text.done": event("response.reasoning_summary_text.done", {
    ...inSummary,
    text: Text,
  }),
  "response.function_call_arguments.delta": event("response.function_call_arguments.delta", {
    ...inItem,
    delta: Text,
  }),
  "response.function_call_arguments.done": event("response.function_call_arguments.done", {
    ...inItem,
    arguments: Text,
  }),
  error: event("error", { code: Nullable(Text), message: Id, param: Nullable(Text) }),
  "response.completed": event("response.completed", { response: Response }),
  "response.incomplete": event("response.incomplete", { response: Response }),
  "response.failed": event("response.failed", { response: FailedResponse }),
};

const ended = { "response.completed": "end", "response.incomplete": "end" };
/** An item that is cut off by a failure is not closed. SDKs throw at `error`, Codex reads `response.failed`. */
const failing = { error: "failing", "response.failed": "failed" };

const ORDER: Machine = {
  failing: { "response.failed": "failed" },
  start: { "response.created": "created" },
  created: { "response.in_progress": "open" },
  open: {
    "response.output_item.added message": "message",
    "response.output_item.added reasoning": "reasoning",
    "response.output_item.added function_call": "call",
    ...ended,
    ...failing,
  },
  message: {
    "response.content_part.added": "part",
    "response.output_item.done message": "open",
    ...failing,
  },
  part: { "response.output_text.delta": "part", "response.output_text.done": "said", ...failing },
  said: { "response.content_part.done": "message" },
  reasoning: {
    "response.reasoning_summary_part.added": "summary",
    "response.output_item.done reasoning": "open",
    ...failing,
  },
  summary: {
    "response.reasoning_summary_text.delta": "summary",
    "response.reasoning_summary_text.done": "thought",
    ...failing,
  },
  thought: { "response.reasoning_summary_part.done": "reasoning" },
  call: {
    "response.function_call_arguments.delta": "call",
    "response.function_call_arguments.done": "called",
    ...failing,
  },
  called: { "response.output_item.done function_call": "open" },
};

interface AnyEvent {
  readonly type: string;
  readonly item?: { readonly type?: string };
  readonly delta?: string;
  readonly output_index?: number;
}

export interface ResponseStream {
  readonly text: string;
  readonly reasoning: string;
  readonly final: unknown;
}

/** A stream in the published order, each event as it is specified, numbered without a gap. `end`: how it has to end. */
export function readResponse(body: string, end: "end" | "failed" = "end"): ResponseStream {
  const events = readEvents(body).map(({ event, data }): AnyEvent => {
    const schema = EVENTS[event];
    must(schema !== undefined, `there is no event "${event}" in the specification's order`);
    return fits(schema, parsed(data)) as AnyEvent;
  });
  const numbers = events.map((each) => (each as { sequence_number?: number }).sequence_number);
  same(
    "the numbers",
    numbers,
    events.map((_, index) => index),
  );
  const named = events.map(({ type, item }) =>
    item?.type === undefined ? type : `${type} ${item.type}`,
  );
  const machine = { ...ORDER, failed: {} };
  if (end === "end") follow(machine, named);
  else follow({ ...machine, ...failsAtTheEnd(machine) }, named);
  checkPlaces(events);
  const joined = (type: string) =>
    events.map((each) => (each.type === type ? each.delta : "")).join("");
  return {
    text: joined("response.output_text.delta"),
    reasoning: joined("response.reasoning_summary_text.delta"),
    final: (events.at(-1) as { response?: unknown } | undefined)?.response,
  };
}

/** The same order, where only a failure is an end. */
function failsAtTheEnd(machine: Machine): Machine {
  return Object.fromEntries(
    Object.entries(machine).map(([state, moves]) => [
      state,
      Object.fromEntries(
        Object.entries(moves).map(([name, next]) => [name, next === "failed" ? "end" : next]),
      ),
    ]),
  );
}

/** Items are counted from 0, and what belongs to one carries its place. */
function checkPlaces(events: readonly AnyEvent[]): void {
  let place = -1;
  for (const { type, output_index: index } of events) {
    if (index === undefined) continue;
    if (type === "response.output_item.added") place += 1;
    same(`the place of ${type}`, index, place);
  }
}

export type ResponseObject = Static<typeof Response>;
