// Pieces of content → core `Part`s. Text is never altered; what cannot be passed on is refused, with its place.

import { AppError } from "../../core/error.ts";
import type { Part } from "../../core/turn.ts";
import { readBase64 } from "../../wire/base64.ts";
import type { ContentPart } from "./schema.ts";

/** The fields of a piece that can be text or an image. */
type PlainPart = Pick<
  ContentPart,
  "type" | "text" | "image_url" | "refusal" | "source" | "data" | "mimeType"
>;

/**
 * `place` is where the part stands, as `messages[2].content[1]`.
 * Throws `unsupported` for audio, files, video and whatever else is neither text nor an image.
 */
export function decodePart(part: PlainPart, place: string): Part {
  switch (part.type ?? guessType(part)) {
    case "text":
    case "input_text":
    case "output_text":
      return { type: "text", text: part.text ?? "" };
    case "refusal":
      return { type: "text", text: part.refusal ?? "" };
    case "image_url":
    case "input_image":
      return decodeImageUrl(urlOf(part), `${place}.image_url`);
    case "image":
      return decodeImage(part, place);
    default:
      throw new AppError(
        "unsupported",
        "This part is neither text nor an image. Audio, files and video are not supported: leave it out.",
        { param: place },
      );
  }
}

/** A string is one piece of text, and an empty one is none. */
export function decodeText(text: string): Part[] {
  return text === "" ? [] : [{ type: "text", text }];
}

/** Gemini's parts have no type. */
function guessType(part: PlainPart): string | undefined {
  if (typeof part.text === "string") return "text";
  return part.image_url ? "image_url" : undefined;
}

/** `image` is Anthropic's name, and MCP's, and of some for OpenAI's own form. */
function decodeImage(part: PlainPart, place: string): Part {
  if (part.image_url) return decodeImageUrl(urlOf(part), `${place}.image_url`);
  if (typeof part.data !== "string") return decodeSource(part.source, `${place}.source`);
  return imageOf(part.mimeType?.toLowerCase() ?? "", part.data, `${place}.data`);
}

function urlOf(part: PlainPart): string {
  const image = part.image_url;
  if (typeof image === "string") return image;
  return image?.url ?? "";
}

function decodeImageUrl(url: string, place: string): Part {
  if (/^https?:\/\//i.test(url)) return { type: "image-url", url };
  const comma = url.indexOf(",");
  const header = /^data:/i.test(url) ? url.slice("data:".length, Math.max(comma, 0)) : "";
  const [mediaType = "", ...options] = header.toLowerCase().split(";");
  if (options.at(-1)?.trim() !== "base64") {
    throw new AppError(
      "invalid_request",
      "An image is given as a data: URL with base64, or as an http(s) URL.",
      { param: place },
    );
  }
  return imageOf(mediaType.trim(), url.slice(comma + 1), place);
}

/** Anthropic's form of an image. */
function decodeSource(source: PlainPart["source"], place: string): Part {
  if (typeof source?.url === "string") return decodeImageUrl(source.url, `${place}.url`);
  return imageOf(source?.media_type?.toLowerCase() ?? "", source?.data ?? "", place);
}

function imageOf(mediaType: string, data: string, place: string): Part {
  if (!mediaType.startsWith("image/")) {
    throw new AppError("unsupported", "Only images are supported here.", { param: place });
  }
  const read = readBase64(data);
  if (read !== undefined) return { type: "image", mediaType, data: read };
  const message = data === "" ? "The image is empty." : "The image is not in base64.";
  throw new AppError("invalid_request", message, { param: place });
}
