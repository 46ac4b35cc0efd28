// What an agent's MCP client gets of an answer to a call: images as images, and a text in the place of what cannot be one.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { toCallContent } from "../../../src/agents/tool-bridge/call-content.ts";
import type { Part } from "../../../src/core/turn.ts";

const IMAGE = { type: "image", mediaType: "image/png", data: "AAECAwQ=" } as const;
const SENT = { type: "image", mimeType: "image/png", data: "AAECAwQ=" } as const;
const said = (text: string) => ({ type: "text", text }) as const;
const content = (parts: readonly Part[], message?: readonly Part[]) =>
  toCallContent({ content: parts, isError: false, ...(message !== undefined && { message }) });

describe("the content of a tool result", () => {
  test("is texts and images in their order", () => {
    const parts = [said("Before."), IMAGE, said("After."), IMAGE];
    expect(content(parts)).toEqual([said("Before."), SENT, said("After."), SENT]);
  });

  test("is never empty", () => {
    expect(content([])).toEqual([said("")]);
  });

  test("has the address of an image that was sent as one", () => {
    const url = "https://example.com/a.png";
    expect(content([{ type: "image-url", url }])).toEqual([said(`[image: ${url}]`)]);
  });

  test("tells what the user sent from what the tool returned", () => {
    const lead = "The user wrote with these results:";
    expect(content([said("ok")], [said("See:"), IMAGE])).toEqual([
      said("ok"),
      said(`${lead}\nSee:`),
      SENT,
    ]);
    expect(content([said("ok")], [IMAGE])).toEqual([said("ok"), said(lead), SENT]);
  });

  test("has every image that is base64, whatever its padding", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.boolean(), (bytes, padded) => {
        const whole = Buffer.from(bytes).toString("base64");
        const data = padded ? whole : whole.replace(/=+$/, "");
        expect(content([{ ...IMAGE, data }])).toEqual([{ ...SENT, data }]);
      }),
    );
  });

  test("has an image whose base64 is in lines, as one line", () => {
    const bytes = new Uint8Array(200).fill(7);
    const whole = Buffer.from(bytes).toString("base64");
    const data = ` ${(whole.match(/.{1,76}/g) ?? []).join("\r\n")}\n`;
    expect(content([{ ...IMAGE, data }])).toEqual([{ ...SENT, data: whole }]);
  });

  test.each(["A", "AAAAA", "AA=", "A===", "AA==AA==", "not,base64!", "A-_A", "AAA==", ""])(
    "has a text in the place of %p, which is no base64",
    (data) => {
      const [block] = content([{ ...IMAGE, data }]);
      expect(block).toEqual(
        said(
          `[image/png, ${data.length} characters that are no base64: not passed on to this agent]`,
        ),
      );
    },
  );
});
