// A unified diff of two texts, for a person to look at. Pure.

const CONTEXT = 3;
/** Beyond this many comparisons the changed part is shown as replaced altogether. */
const MOST_CELLS = 4_000_000;

interface Line {
  readonly kind: " " | "-" | "+";
  readonly text: string;
}

/** Empty when the texts are the same. Lines end in a line feed, whatever they end in the texts. */
export function unifiedDiff(before: string, after: string, name: string): string {
  if (before === after) return "";
  const lines = compare(linesOf(before), linesOf(after));
  const hunks = hunksOf(lines);
  const heads = [before === "" ? "--- /dev/null" : `--- ${name}`, `+++ ${name}`];
  const bodies = hunks.map(([start, end]) => {
    const body = lines.slice(start, end).map(({ kind, text }) => kind + text);
    return `${headOf(lines, start, end)}\n${body.join("\n")}`;
  });
  return `${[...heads, ...bodies].join("\n")}\n`;
}

function linesOf(text: string): readonly string[] {
  return text === "" ? [] : text.replace(/\r?\n$/, "").split(/\r?\n/);
}

function compare(before: readonly string[], after: readonly string[]): readonly Line[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1;
  let tail = 0;
  while (
    tail < before.length - head &&
    tail < after.length - head &&
    before.at(-1 - tail) === after.at(-1 - tail)
  )
    tail += 1;
  const same = (text: string): Line => ({ kind: " ", text });
  return [
    ...before.slice(0, head).map(same),
    ...changes(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...before.slice(before.length - tail).map(same),
  ];
}

/** By the longest common subsequence. */
function changes(before: readonly string[], after: readonly string[]): readonly Line[] {
  const gone = (text: string): Line => ({ kind: "-", text });
  const come = (text: string): Line => ({ kind: "+", text });
  if (before.length * after.length > MOST_CELLS) return [...before.map(gone), ...after.map(come)];
  const width = after.length + 1;
  const lengths = new Uint32Array((before.length + 1) * width);
  const length = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        before[i] === after[j]
          ? length(i + 1, j + 1) + 1
          : Math.max(length(i + 1, j), length(i, j + 1));
    }
  }
  const lines: Line[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    const [old, fresh] = [before[i], after[j]];
    if (old !== undefined && old === fresh) {
      lines.push({ kind: " ", text: old });
      i += 1;
      j += 1;
    } else if (old !== undefined && (fresh === undefined || length(i + 1, j) >= length(i, j + 1))) {
      lines.push(gone(old));
      i += 1;
    } else {
      lines.push(come(fresh ?? ""));
      j += 1;
    }
  }
  return lines;
}

/** Runs of lines around the changes: start and end. */
function hunksOf(lines: readonly Line[]): readonly (readonly [start: number, end: number])[] {
  const hunks: [number, number][] = [];
  for (const [index, { kind }] of lines.entries()) {
    if (kind === " ") continue;
    const start = Math.max(0, index - CONTEXT);
    const end = Math.min(lines.length, index + CONTEXT + 1);
    const last = hunks.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = end;
    else hunks.push([start, end]);
  }
  return hunks;
}

function headOf(lines: readonly Line[], start: number, end: number): string {
  const count = (part: readonly Line[], without: "-" | "+"): number =>
    part.filter(({ kind }) => kind !== without).length;
  const range = (without: "-" | "+"): string => {
    const size = count(lines.slice(start, end), without);
    const first = count(lines.slice(0, start), without) + (size === 0 ? 0 : 1);
    return `${first},${size}`;
  };
  return `@@ -${range("+")} +${range("-")} @@`;
}
