// The answer to a call as content of an MCP tool result (specification 2025-11-25): texts and images. Pure. What cannot be
// passed on leaves a text in its place.

import type { Part } from "../../core/turn.ts";
import type { CallAnswer } from "./tool-call.ts";
import { USER_WROTE } from "./words.ts";

export type CallContent =
  | { readonly type: "text"; readonly text: string }
  /** `data` is base64. */
  | { readonly type: "image"; readonly data: string; readonly mimeType: string };

/** Never empty: there are agents that take a result without content for none. */
export function toCallContent({ content, message }: CallAnswer): CallContent[] {
  const said = content.length === 0 ? [text("")] : content.map(toContent);
  return message === undefined ? said : [...said, ...ofUser(message.map(toContent))];
}

function ofUser(sent: readonly CallContent[]): readonly CallContent[] {
  const [first, ...others] = sent;
  if (first?.type !== "text") return [text(USER_WROTE), ...sent];
  return [text(`${USER_WROTE}\n${first.text}`), ...others];
}

function toContent(part: Part): CallContent {
  switch (part.type) {
    case "text":
      return part;
    case "image-url":
      // An MCP result has the image itself or none. What the agent does with the address is for the agent to decide.
      return text(`[image: ${part.url}]`);
    case "image": {
      // Encoders break lines (RFC 2045 6.8); clients of MCP refuse the whole result where one image is no plain base64.
      const data = part.data.replaceAll(/\s/g, "");
      if (isBase64(data)) return { type: "image", data, mimeType: part.mediaType };
      return text(
        `[${part.mediaType}, ${data.length} characters that are no base64: not passed on to this agent]`,
      );
    }
  }
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** With its padding or without. An image may be megabytes: no pattern that has to remember its way. */
function isBase64(data: string): boolean {
  const past = data.length % 4;
  return BASE64.test(data) && (past === 0 || (past !== 1 && !data.endsWith("=")));
}

function text(text: string): CallContent {
  return { type: "text", text };
}
