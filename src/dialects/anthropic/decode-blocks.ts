// Blocks of content → core `Part`s. Text is never altered; what cannot be passed on is refused, with its place.

import { AppError } from "../../core/error.ts";
import type { Part } from "../../core/turn.ts";
import { readBase64 } from "../../wire/base64.ts";
import type { ContentBlock, InnerBlock, LeafBlock } from "./schema.ts";

/** A block as far as it may be text, an image or a document, with or without blocks of its own. */
type PlainBlock = Pick<ContentBlock, keyof InnerBlock> | InnerBlock | LeafBlock;
type Source = Exclude<InnerBlock["source"], string | null | undefined>;

/**
 * `place` is where the block stands, as `messages[2].content[1]`.
 * Throws `unsupported` for what is neither text nor an image, PDF documents among them.
 */
export function decodeBlock(block: PlainBlock, place: string): Part[] {
  switch (block.type) {
    case "text":
      return decodeText(block.text);
    case "image":
      return [decodeImage(sourceOf(block), `${place}.source`)];
    case "document":
      return decodeDocument(block, place);
    case "search_result": {
      const from = typeof block.source === "string" ? block.source : undefined;
      const inner = "content" in block ? decodeContent(block.content, `${place}.content`) : [];
      return [...decodeText(heading(block.title, from)), ...inner];
    }
    case "tool_reference":
      return decodeText(block.tool_name);
    default:
      throw new AppError(
        "unsupported",
        "This block is neither text nor an image nor a document of text: leave it out.",
        { param: place },
      );
  }
}

type PlainContent = string | readonly PlainBlock[] | object;

/**
 * Content that is a string, or blocks. The schema lets objects through for what Anthropic's own tools returned, and
 * here there can be none. Throws `invalid_request` or `unsupported` with the place.
 */
export function decodeContent(content: PlainContent | undefined | null, place: string): Part[] {
  if (typeof content === "string") return decodeText(content);
  if (!content) return [];
  if (isBlocks(content)) {
    return content.flatMap((block, index) => decodeBlock(block, `${place}[${index}]`));
  }
  throw new AppError("invalid_request", "Content is a string or a list of blocks.", {
    param: place,
  });
}

function isBlocks(content: PlainContent): content is readonly PlainBlock[] {
  return Array.isArray(content);
}

/** A string is one piece of text, and an empty one is none. */
export function decodeText(text: string | null | undefined): Part[] {
  return text ? [{ type: "text", text }] : [];
}

function sourceOf(block: PlainBlock): Source {
  return typeof block.source === "object" && block.source !== null ? block.source : {};
}

function decodeImage(source: Source, place: string): Part {
  switch (source.type ?? (source.url ? "url" : "base64")) {
    case "url":
      return decodeImageUrl(source.url ?? "", `${place}.url`);
    case "base64":
      return imageOf(source.media_type?.toLowerCase() ?? "", source.data ?? "", place);
    default:
      throw new AppError("unsupported", "An image is given in base64 or as a URL.", {
        param: `${place}.type`,
      });
  }
}

function decodeImageUrl(url: string, place: string): Part {
  if (/^https?:\/\//i.test(url)) return { type: "image-url", url };
  const [, mediaType = "", data = ""] = /^data:([^;,]*);base64,(.*)$/is.exec(url) ?? [];
  if (mediaType !== "") return imageOf(mediaType.toLowerCase(), data, place);
  throw new AppError("invalid_request", "The image's URL must begin with http: or https:.", {
    param: place,
  });
}

function imageOf(mediaType: string, data: string, place: string): Part {
  if (!mediaType.startsWith("image/")) {
    throw new AppError("invalid_request", "The image's media_type must be that of an image.", {
      param: `${place}.media_type`,
    });
  }
  const read = readBase64(data);
  if (read !== undefined) return { type: "image", mediaType, data: read };
  const message = data === "" ? "The image is empty." : "The image is not in base64.";
  throw new AppError("invalid_request", message, { param: place });
}

/** A document of text is passed on as text, with what the client says about it before it. */
function decodeDocument(block: PlainBlock, place: string): Part[] {
  const source = sourceOf(block);
  const about = decodeText(heading(block.title, block.context));
  switch (source.type) {
    case "text":
      return [...about, ...decodeText(source.data)];
    case "content":
      return [...about, ...decodeContent(source.content, `${place}.source.content`)];
    default:
      throw new AppError(
        "unsupported",
        "Only documents of text are supported: send what a PDF or a stored file says as text.",
        { param: `${place}.source` },
      );
  }
}

function heading(...lines: readonly (string | null | undefined)[]): string {
  return lines.map((line) => (line ? `${line}\n` : "")).join("");
}
