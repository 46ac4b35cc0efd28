// What an upstream has taught us about itself: fields that it refuses, names that it uses. Pure.
// A refusal comes before any model has run, so asking again without the field repeats nothing.

/** Fields that a request can do without. */
const DISPENSABLE = [
  "stream_options",
  "top_k",
  "min_p",
  "reasoning_effort",
  "reasoning_content",
  "reasoning",
] as const;
type Dispensable = (typeof DISPENSABLE)[number];

/** How servers say that they do not have a route. */
const MISSING: ReadonlySet<number> = new Set([404, 405, 501]);

export interface Habits {
  readonly refused: readonly Dispensable[];
  /** OpenAI's newer models refuse `max_tokens`; most others know no other name. */
  readonly maxTokensName: "max_tokens" | "max_completion_tokens";
  /** The field in which it sends reasoning, once it has. */
  readonly reasoningName: "reasoning_content" | "reasoning" | undefined;
  /** Models that go on from no plain text: they get it as a message. */
  readonly chatOnly: readonly string[];
}

export const NO_HABITS: Habits = {
  refused: [],
  maxTokensName: "max_tokens",
  reasoningName: undefined,
  chatOnly: [],
};

/** Habits with which the same request may pass, from a refusal's status and text; `undefined` when asking again is no use. */
export function learnFromRefusal(
  habits: Habits,
  sent: string,
  refusal: { readonly status: number; readonly text: string },
): Habits | undefined {
  if (refusal.status !== 400 && refusal.status !== 422) return undefined;
  const { text } = refusal;
  if (text.includes("max_completion_tokens") && habits.maxTokensName === "max_tokens") {
    if (sent.includes('"max_tokens"')) return { ...habits, maxTokensName: "max_completion_tokens" };
  }
  const named = DISPENSABLE.find(
    (field) =>
      !habits.refused.includes(field) && sent.includes(`"${field}"`) && isNamed(field, text),
  );
  return named === undefined ? undefined : { ...habits, refused: [...habits.refused, named] };
}

/** The same for a plain completion: a server without that route, or not for this model, may answer it as a chat. */
export function learnFromMissingRoute(
  habits: Habits,
  model: string,
  { status }: { readonly status: number },
): Habits | undefined {
  if (!MISSING.has(status) || habits.chatOnly.includes(model)) return undefined;
  return { ...habits, chatOnly: [...habits.chatOnly, model] };
}

/** Its chat is not there either: it was the model that was missing, or the server. */
export function forgetMissingRoute(
  habits: Habits,
  model: string,
  { status }: { readonly status: number },
): Habits {
  if (!MISSING.has(status)) return habits;
  return { ...habits, chatOnly: habits.chatOnly.filter((id) => id !== model) };
}

/** As a whole word: `reasoning` is not named by `reasoning_content`. */
function isNamed(field: string, text: string): boolean {
  return new RegExp(`(?<![A-Za-z0-9_])${field}(?![A-Za-z0-9_])`).test(text);
}
