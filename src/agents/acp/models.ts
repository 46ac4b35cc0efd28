// The models of an ACP agent, as it lists them in a session. Pure. Names come from the agent: what could mislead a reader
// is taken out of them, and a model whose id holds such things is not offered.

import type { Capability, Model } from "../../core/model.ts";
import type { AcpOption } from "./answers.ts";
import type { AcpProcess } from "./process.ts";

const MOST_MODELS = 200;
const MOST_CHARACTERS = 120;
/** Control characters, marks of direction, what is invisible, separators of lines, halves of characters. */
const MISLEADING = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** The agent's own choice first; one by the program's name when it lists none. */
export function modelsOf(
  { spare, abilities }: Pick<AcpProcess, "spare" | "abilities">,
  program: string,
  hasTools: boolean,
): readonly Model[] {
  const capabilities: readonly Capability[] = [
    "completion",
    "thinking",
    ...(hasTools ? (["tools"] as const) : []),
    ...(abilities.takesImages ? (["vision"] as const) : []),
  ];
  const listed = spare?.models;
  const options = (listed?.options ?? []).filter(({ id }) => id === shownName(id));
  if (options.length === 0) return [{ id: program, capabilities }];
  const own = ownChoice(options, listed?.current);
  const others = options.filter((option) => !own.includes(option));
  return [...own, ...others].slice(0, MOST_MODELS).map(({ id, label }) => ({
    id,
    label: shownName(label) || id,
    capabilities,
  }));
}

/** One that was named on its command line need not be among those that it lists. */
function ownChoice(
  options: readonly AcpOption[],
  current: string | undefined,
): readonly AcpOption[] {
  const own = options.filter(({ id }) => id === current);
  if (own.length > 0 || current === undefined || current !== shownName(current)) return own;
  return [{ id: current, label: current }];
}

/** As it may be shown; "" when nothing is left of it. */
export function shownName(name: string | undefined): string {
  return (name ?? "").replaceAll(MISLEADING, "").trim().slice(0, MOST_CHARACTERS).toWellFormed();
}
