// Which lines of a message are directives: what each one means is in rehearsal.test.ts.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseDirectives } from "../../../src/agents/rehearsal/directives.ts";

/** What the directives of a message say, all of which are `say`. */
function said(message: string): readonly string[] {
  const directives = parseDirectives(message);
  if (directives.type !== "steps") throw new Error(`${directives.type} was not expected`);
  return directives.steps.map((step) => (step.type === "say" ? step.text : step.type));
}

/** The same by cutting the message into lines. */
function saidByLines(message: string): readonly string[] {
  return message.split(/\r\n|\n|\r/).flatMap((line) => {
    const [, text] = /^[ \t]*[/!]rehearse\s+say\s+(.*)$/.exec(line) ?? [];
    return text === undefined ? [] : [text.trim()];
  });
}

describe("a directive", () => {
  test.each<[string, string, string[]]>([
    ["on a line of its own", "Please:\n/rehearse say hi\nThank you.", ["hi"]],
    ["indented, and with the other mark", " \t !rehearse say hi", ["hi"]],
    [
      "after every kind of line end",
      "a\r/rehearse say b\r\n/rehearse say c\n!rehearse say d",
      ["b", "c", "d"],
    ],
    ["not in the middle of a line", "run ./rehearse say hi or x /rehearse say hi", []],
    ["not with more letters after its name", "/rehearsed say hi\n/rehearse-say hi", []],
    ["not without its mark", "rehearse say hi\n rehearse say hi", []],
    ["not twice on one line", "/rehearse say /rehearse say hi", ["/rehearse say hi"]],
  ])("stands %s", (_, message, expected) => {
    expect(said(message)).toEqual(expected);
  });

  test("without anything after its name asks for help, whatever ends its line", () => {
    for (const message of ["/rehearse", "/rehearse \t", "/rehearse\nmore", "a\n!rehearse\r\nb"]) {
      expect(parseDirectives(message)).toEqual({ type: "help" });
    }
  });

  test("is found exactly where cutting the message into lines would find it", () => {
    const piece = fc.constantFrom(
      "/rehearse say a",
      "!rehearse say b",
      "/rehearsed say c",
      "rehearse",
      "/",
      "x",
      " ",
      "\t",
      "\n",
      "\r",
      "\r\n",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const message = pieces.join("");
        // A bare name asks for help, or is a mistake: not what is looked at here.
        fc.pre(!/[/!]rehearse(?! say)/.test(message));
        expect(said(message)).toEqual(saidByLines(message));
      }),
      { numRuns: 1000 },
    );
  });
});
