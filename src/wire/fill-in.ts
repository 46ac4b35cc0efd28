// A raw prompt with a gap in it → the text before the gap and the text after it. Some editors write the marks of a code
// model's vocabulary themselves, where `suffix` would do. Knows these marks, and nothing of models.

/** The text around the gap. */
export interface FillIn {
  readonly prompt: string;
  readonly suffix: string;
}

interface Marks {
  readonly prefix: string;
  readonly suffix: string;
  /** Where the model goes on: the prompt's end. "" for the family that has no such mark. */
  readonly middle: string;
  /** The order in which the family writes the two texts. Some are written in either. */
  readonly suffixFirst?: boolean;
}

const FAMILIES: readonly Marks[] = [
  // Qwen Coder, CodeGemma.
  { prefix: "<|fim_prefix|>", suffix: "<|fim_suffix|>", middle: "<|fim_middle|>" },
  // StarCoder, Granite, Mellum.
  { prefix: "<fim_prefix>", suffix: "<fim_suffix>", middle: "<fim_middle>" },
  // DeepSeek Coder, with its own bars and blanks.
  { prefix: "<｜fim▁begin｜>", suffix: "<｜fim▁hole｜>", middle: "<｜fim▁end｜>" },
  // GLM.
  { prefix: "<|code_prefix|>", suffix: "<|code_suffix|>", middle: "<|code_middle|>" },
  // Seed-Coder.
  { prefix: "<[fim-prefix]>", suffix: "<[fim-suffix]>", middle: "<[fim-middle]>" },
  // Code Llama, whose blanks belong to the marks.
  { prefix: "<PRE> ", suffix: " <SUF>", middle: " <MID>" },
  // Codestral.
  { prefix: "[PREFIX]", suffix: "[SUFFIX]", middle: "", suffixFirst: true },
];

/** Whether a gap is written into the prompt at all, wherever its marks stand in the order of their family. */
export function hasGap(prompt: string): boolean {
  return FAMILIES.some(({ prefix, suffix, suffixFirst }) => {
    const prefixAt = prompt.indexOf(prefix);
    const suffixAt = prompt.indexOf(suffix);
    if (prefixAt === -1 || suffixAt === -1) return false;
    return suffixFirst !== true || suffixAt < prefixAt;
  });
}

/** `undefined` for a prompt without a gap. What comes before the first mark (other files, for context) stays in front. */
export function readFillIn(prompt: string): FillIn | undefined {
  for (const marks of FAMILIES) {
    const found = readWith(marks, prompt);
    if (found !== undefined) return found;
  }
  return undefined;
}

function readWith(marks: Marks, prompt: string): FillIn | undefined {
  if (!prompt.endsWith(marks.middle)) return undefined;
  const text = prompt.slice(0, prompt.length - marks.middle.length);
  const prefixAt = text.indexOf(marks.prefix);
  const suffixAt = text.indexOf(marks.suffix);
  if (prefixAt === -1 || suffixAt === -1) return undefined;
  if (suffixAt < prefixAt) {
    return {
      prompt: text.slice(0, suffixAt) + text.slice(prefixAt + marks.prefix.length),
      suffix: text.slice(suffixAt + marks.suffix.length, prefixAt),
    };
  }
  if (marks.suffixFirst === true) return undefined;
  return {
    prompt: text.slice(0, prefixAt) + text.slice(prefixAt + marks.prefix.length, suffixAt),
    suffix: text.slice(suffixAt + marks.suffix.length),
  };
}
