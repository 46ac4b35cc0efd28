// Messages as the prompt of an ACP session. Pure. ACP has no system prompt and cannot be given a history: both are folded
// into the first prompt, between tags that no message contains; nothing is added to what people wrote but these.

import { AppError } from "../../core/error.ts";
import type { Message, Part } from "../../core/turn.ts";

export type AcpBlock =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly mimeType: string; readonly data: string };

/** @throws AppError unsupported for an image that the agent does not take */
export function toPrompt(messages: readonly Message[], takesImages: boolean): readonly AcpBlock[] {
  return joinTexts(foldMessages(messages)).map((part) => toBlock(part, takesImages));
}

function toBlock(part: Part, takesImages: boolean): AcpBlock {
  switch (part.type) {
    case "text":
      return part;
    case "image":
      if (takesImages) return { type: "image", mimeType: part.mediaType, data: part.data };
      throw unsupported("This agent does not take images: ask without them.");
    case "image-url":
      throw unsupported(
        "This agent takes images as data only: send the image itself, not its address.",
      );
  }
}

function unsupported(message: string): AppError {
  return new AppError("unsupported", message, { param: "messages" });
}

/** One message by a user is itself, to the letter. */
function foldMessages(messages: readonly Message[]): readonly Part[] {
  const [first] = messages;
  if (first !== undefined && messages.length === 1 && first.role === "user") return first.content;
  const tag = tagsFor(messages);
  const systems = messages.filter(({ role }) => role === "system");
  const others = messages.filter(({ role }) => role !== "system");
  const last = others.at(-1);
  const isAsked = last?.role === "user";
  const history = isAsked ? others.slice(0, -1) : others;
  return [
    ...systems.flatMap(({ content }) => tag("system", content).concat(said("\n"))),
    ...(history.length === 0
      ? []
      : [
          ...tag(
            "conversation",
            history.flatMap((message) => turnOf(message, tag)),
          ),
          said("\n"),
        ]),
    ...(isAsked ? last.content : [said("Go on with the assistant's next message.")]),
  ];
}

type Tag = (name: string, content: readonly Part[], about?: string) => readonly Part[];

function turnOf(message: Message, tag: Tag): readonly Part[] {
  if (message.role === "tool") {
    const about = ` id=${JSON.stringify(message.toolCallId)}${message.isError === true ? " failed" : ""}`;
    return tag("tool_result", message.content, about);
  }
  if (message.role !== "assistant") return tag(message.role, message.content);
  const calls = (message.toolCalls ?? []).flatMap(({ id, name, arguments: json }) =>
    tag("tool_call", [said(json)], ` id=${JSON.stringify(id)} name=${JSON.stringify(name)}`),
  );
  const words = message.content.length > 0 ? tag("assistant", message.content) : [];
  return [...words, ...calls];
}

/** Tags with a number that none of the messages uses: what is quoted in a message closes nothing. */
function tagsFor(messages: readonly Message[]): Tag {
  const all = JSON.stringify(messages);
  let mark = "";
  for (
    let count = 2;
    all.includes(`system${mark}>`) || NAMES.some((name) => all.includes(`</${name}${mark}>`));
    count += 1
  ) {
    mark = `-${count}`;
  }
  return (name, content, about = "") => [
    said(`<${name}${mark}${about}>\n`),
    ...content,
    said(`\n</${name}${mark}>\n`),
  ];
}

const NAMES = ["system", "conversation", "user", "assistant", "tool_call", "tool_result"] as const;

function said(text: string): Part {
  return { type: "text", text };
}

function joinTexts(parts: readonly Part[]): readonly Part[] {
  const joined: Part[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (part.type === "text" && last?.type === "text")
      joined[joined.length - 1] = said(last.text + part.text);
    else joined.push(part);
  }
  return joined.filter((part) => part.type !== "text" || part.text !== "");
}
