// What Void makes of a model's name, in our own words: `extensiveModelOptionsFallback` in modelCapabilities.ts of Void 1.4.9,
// as far as names of ours may meet it. The first rule that holds counts.

export interface VoidModel {
  /** In tokens. */
  readonly context: number;
  readonly system: "system" | "developer" | "in the first user message" | "dropped";
  readonly tools: "native" | "XML" | "none";
  readonly autocomplete: boolean;
}

type Rule = readonly [holds: (name: string) => boolean, model: VoidModel];

const has =
  (...parts: readonly string[]) =>
  (name: string): boolean =>
    parts.every((part) => name.includes(part));
const hasOne =
  (...parts: readonly string[]) =>
  (name: string): boolean =>
    parts.some((part) => name.includes(part));

function model(
  context: number,
  system: VoidModel["system"],
  tools: VoidModel["tools"],
  autocomplete = false,
): VoidModel {
  return { context, system, tools, autocomplete };
}

const FIRST = "in the first user message";

const RULES: readonly Rule[] = [
  [
    (name) => has("gemini")(name) && hasOne("2.5", "2-5")(name),
    model(1_048_576, "dropped", "none"),
  ],
  [has("claude"), model(200_000, "system", "none")],
  [has("grok"), model(131_072, "system", "native")],
  [has("deepseek"), model(32_000, FIRST, "XML")],
  [has("llama3"), model(32_000, "system", "XML")],
  [hasOne("llama", "scout", "maverick"), model(10_000_000, "system", "XML")],
  [has("qwen", "2.5", "coder"), model(32_000, "system", "XML", true)],
  [has("qwen"), model(32_768, "system", "XML")],
  [has("qwq"), model(128_000, "system", "XML")],
  [has("phi4"), model(16_000, "system", "XML")],
  [has("codestral"), model(32_000, "system", "XML", true)],
  [has("devstral"), model(131_000, "system", "XML")],
  [has("gemma"), model(32_000, "system", "XML")],
  [has("starcoder2"), model(128_000, FIRST, "XML", true)],
  [has("openhands"), model(128_000, "system", "XML")],
  [hasOne("quasar", "quaser"), model(1_000_000, "system", "XML")],
  [
    (name) => has("gpt")(name) && hasOne("4.1", "4-1")(name),
    model(1_047_576, "developer", "native"),
  ],
  [has("4o"), model(128_000, "system", "native")],
  [has("o1", "mini"), model(128_000, FIRST, "XML")],
  [has("o1"), model(128_000, "developer", "XML")],
  [has("o3", "mini"), model(200_000, "developer", "XML")],
  [has("o3"), model(1_047_576, "developer", "native")],
  [has("o4", "mini"), model(1_047_576, "developer", "native")],
];

/** Of a name that no rule knows. */
const UNKNOWN = model(4_096, FIRST, "XML");

export function inVoid(name: string): VoidModel {
  const lower = name.toLowerCase();
  return RULES.find(([holds]) => holds(lower))?.[1] ?? UNKNOWN;
}
