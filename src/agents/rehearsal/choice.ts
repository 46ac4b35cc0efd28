// What the rehearsal agent plays for a request: directives in its message first, then the script's answer, then the call
// of a tool that the request insists on, else its own.
// Keeps only how many of the script's answers it has given.

import type { Part, Turn, TurnRequest } from "../../core/turn.ts";
import * as answers from "./answer.ts";
import { parseDirectives } from "./directives.ts";
import { sampleOf } from "./sample.ts";
import type { RehearsalScript } from "./script.ts";
import { type RehearsalStep, type Segment, toSegments } from "./step.ts";

/** What happens when a turn brings results that nothing was planned for. */
export const REPORT: Segment = { steps: [{ type: "report" }], parks: false };

type Told = readonly RehearsalStep[];

/** `rounds`: how often the answer has called tools already, and got their results. At least one segment. */
export type Choose = (request: TurnRequest, rounds: number) => readonly Segment[];

export function createChoice(script: RehearsalScript = { answers: [] }): Choose {
  const pace: RehearsalStep[] = [];
  if (script.delayMs !== undefined) pace.push({ type: "delay", ms: script.delayMs });
  if (script.chunk !== undefined) pace.push({ type: "chunk", characters: script.chunk });
  const inOrder = script.answers.filter(({ match }) => match === undefined);
  let given = 0;

  function scripted(message: string, rounds: number): Told | undefined {
    const matching = script.answers.find(({ match }) => isIn(match, message));
    if (matching !== undefined) return matching.steps;
    // The results of an answer's own tool calls go on with that answer. When all are given, the last one stays.
    if (rounds === 0) given = Math.min(given + 1, inOrder.length);
    return inOrder[given - 1]?.steps;
  }

  return (request, rounds) => {
    // Code around a cursor is never read as orders, nor does each keystroke use up an answer.
    const fillsIn = request.kind === "completion" && request.suffix !== undefined;
    if (fillsIn) return toSegments([]);
    const message = answers.lastUserText(request);
    const directives = parseDirectives(message);
    if (directives.type === "help") return saying(answers.helpAnswer());
    if (directives.type === "mistake") return saying(answers.mistakeAnswer(directives.message));
    const untold = (): Told => [...pace, ...(scripted(message, rounds) ?? demanded(request))];
    const told = directives.steps.length > 0 ? directives.steps : untold();
    const left = playable(request, told).slice(rounds);
    return left.length > 0 ? left : [REPORT];
  };
}

/** A call of the tool that the request insists on, with arguments that fit; nothing where it leaves the choice. */
function demanded(request: TurnRequest): Told {
  if (request.kind !== "chat") return [];
  const { tools = [], toolChoice: choice } = request;
  const wanted = typeof choice === "object" ? choice.name : undefined;
  if (choice !== "required" && wanted === undefined) return [];
  const tool = tools.find(({ name }) => wanted === undefined || name === wanted);
  if (tool === undefined) return [];
  const { name, parameters = {} } = tool;
  const sample = sampleOf({ type: "object", ...parameters }, "rehearsal");
  return [{ type: "tool", name, arguments: JSON.stringify(sample) }];
}

function isIn(match: string | undefined, message: string): boolean {
  return match !== undefined && message.includes(match);
}

/** A call of a tool that the editor does not offer would only confuse it: the answer says so instead. */
function playable(request: TurnRequest, steps: Told): readonly Segment[] {
  const offered = offeredTools(request);
  const missing = steps.find((step) => step.type === "tool" && !offered.includes(step.name));
  if (missing?.type !== "tool") return toSegments(steps);
  return saying(answers.toolNotOffered(missing.name, offered));
}

function offeredTools(request: TurnRequest): readonly string[] {
  if (request.kind !== "chat" || request.toolChoice === "none") return [];
  return (request.tools ?? []).map(({ name }) => name);
}

function saying(text: string): readonly Segment[] {
  return toSegments([{ type: "say", text }]);
}

/** A guess at the prompt's tokens: four characters each, and a round figure for an image. */
export function estimatePrompt(request: Turn["request"]): number {
  let characters = 0;
  switch (request.kind) {
    case "embedding":
      for (const text of request.input) characters += text.length;
      break;
    case "completion":
      characters = request.prompt.length + (request.suffix?.length ?? 0);
      break;
    case "resume":
      for (const { content } of request.results) characters += partsSize(content);
      break;
    case "chat":
      for (const { content } of request.messages) characters += partsSize(content);
  }
  return Math.ceil(characters / 4);
}

function partsSize(parts: readonly Part[]): number {
  let size = 0;
  for (const part of parts) size += part.type === "text" ? part.text.length : 1024;
  return size;
}
