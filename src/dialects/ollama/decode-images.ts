// Ollama's images → ours. Knows base64 and the first bytes of files, and nothing of what is in a picture.

import { AppError } from "../../core/error.ts";
import type { Part } from "../../core/turn.ts";
import { readBase64 } from "../../wire/base64.ts";
import type { ChatMessage } from "./schema.ts";

/** Base64 images as parts. Throws `AppError` `invalid_request` naming the image. */
export function decodeImages(images: ChatMessage["images"], path: string): Part[] {
  return (images ?? []).flatMap((image, index) =>
    image === null ? [] : [decodeImage(image, `${path}[${index}]`)],
  );
}

const DATA_URL = /^data:([^;,]*)(?:;[^;,]*)*;base64,/i;
const IMAGE_TYPE = /^image\/[\w.+-]+$/;

/**
 * `text` is bare base64, as Ollama has it, or a data URL, as some clients pass on; line breaks are no part of the data.
 * Throws as `decodeImages` does.
 */
export function decodeImage(text: string, param: string): Part {
  const prefix = DATA_URL.exec(text);
  const data = readBase64(text.slice(prefix?.[0].length ?? 0));
  if (data === undefined) {
    throw new AppError("invalid_request", `${param} must be an image in base64.`, { param });
  }
  const named = prefix?.[1]?.toLowerCase() ?? "";
  return {
    type: "image",
    mediaType: IMAGE_TYPE.test(named) ? named : sniffMediaType(data),
    data,
  };
}

/** By the first bytes, in base64: Ollama's images come without a type. PNG when they say nothing. */
function sniffMediaType(data: string): string {
  if (data.startsWith("/9j/")) return "image/jpeg";
  if (data.startsWith("R0lGOD")) return "image/gif";
  // "RIFF", four bytes of length, then "WEBP", of which the last three begin a base64 group.
  if (data.startsWith("UklGR") && data.startsWith("RUJQ", 12)) return "image/webp";
  return "image/png";
}
