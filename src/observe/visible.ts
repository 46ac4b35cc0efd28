// Text from outside, made safe for a terminal: what would move the cursor or turn the text around is shown, not obeyed.

/** C0, DEL, C1, line separators and the marks of text direction, as `\u001b`. Line breaks and tabs too. */
export function visible(text: string): string {
  return text.replaceAll(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    escaped,
  );
}

/** The same for text of many lines: line feeds and tabs stay, a carriage return before a line feed goes. */
export function visibleText(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replaceAll(
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
      escaped,
    );
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
