// Words for the rehearsal agent: cutting a text into pieces, shortening it, and guessing what a mistyped word meant.

/** Word by word, each with the space after it; or `characters` code points at a time. Joined they are the text. */
export function cutText(text: string, characters: number | undefined): readonly string[] {
  if (characters === undefined) return text.match(/\S+\s*|\s+/g) ?? [];
  const pieces: string[] = [];
  let piece = "";
  let count = 0;
  for (const character of text) {
    piece += character;
    count += 1;
    if (count < characters) continue;
    pieces.push(piece);
    piece = "";
    count = 0;
  }
  if (piece !== "") pieces.push(piece);
  return pieces;
}

/** The first words on one line, at most `most` characters and an ellipsis. */
export function firstWords(text: string, most: number): string {
  // Only a slice is looked at: the text may be megabytes of pasted code.
  const line = text
    .slice(0, most * 4)
    .replace(/\s+/g, " ")
    .trim();
  if (line.length <= most && text.length <= most * 4) return line;
  const cut = line.slice(0, most);
  const space = cut.lastIndexOf(" ");
  return `${(space > most / 2 ? cut.slice(0, space) : cut).toWellFormed().trim()}…`;
}

/** The candidate at most two typing slips away, the nearest first. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = 3;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase().slice(0, 20), candidate);
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Levenshtein distance; a swap of neighbours counts as two. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
