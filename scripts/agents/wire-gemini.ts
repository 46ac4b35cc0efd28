// The model's side of Gemini's generateContent, as far as a scripted model needs it.

import type { Frame } from "./model.ts";
import type { Asked, Move } from "./play.ts";
import { toTool } from "./wire-openai.ts";

interface Part {
  readonly text?: string;
  readonly functionCall?: { readonly name: string };
  readonly functionResponse?: { readonly response?: unknown };
}

interface Declaration {
  readonly name: string;
  readonly parameters?: unknown;
  readonly parametersJsonSchema?: unknown;
}

interface Body {
  readonly contents?: readonly { readonly role?: string; readonly parts?: readonly Part[] }[];
  readonly tools?: readonly { readonly functionDeclarations?: readonly Declaration[] }[];
}

export function fromGemini(body: unknown): Asked {
  const { contents = [], tools = [] } = body as Body;
  const parts = contents.flatMap((content) => content.parts ?? []);
  const asked = contents.filter(({ role }) => role !== "model");
  return {
    text: asked.flatMap((content) => (content.parts ?? []).map(({ text = "" }) => text)).join("\n"),
    tools: tools
      .flatMap(({ functionDeclarations = [] }) => functionDeclarations)
      .map(({ name, parameters, parametersJsonSchema }) =>
        toTool(name, parametersJsonSchema ?? parameters),
      ),
    called: parts.flatMap(({ functionCall }) => functionCall?.name ?? []),
    results: parts.flatMap(({ functionResponse }) =>
      functionResponse === undefined ? [] : [JSON.stringify(functionResponse.response)],
    ),
  };
}

const usageMetadata = { promptTokenCount: 100, candidatesTokenCount: 10, totalTokenCount: 110 };

function answer(parts: readonly object[], isLast: boolean): object {
  const content = { role: "model", parts };
  const ending = isLast ? { finishReason: "STOP" } : {};
  const more = isLast ? { usageMetadata } : {};
  return { candidates: [{ index: 0, content, ...ending }], modelVersion: "mock-1", ...more };
}

function partsOf(move: Move): readonly object[] {
  if (move.type === "say") return move.pieces.map((text) => ({ text }));
  return move.calls.map(({ name, arguments: args }) => ({ functionCall: { name, args } }));
}

export const toGemini = {
  frames: (move: Move): readonly Frame[] => {
    const frame = (parts: readonly object[], isLast: boolean): string =>
      `data: ${JSON.stringify(answer(parts, isLast))}\n\n`;
    if (move.type === "call") return [{ text: frame(partsOf(move), true), afterMs: 0 }];
    return partsOf(move).map((part, index) => ({
      text: frame([part], index === move.pieces.length - 1),
      afterMs: move.everyMs,
    }));
  },
  whole: (move: Move): object => answer(partsOf(move), true),
};
