// What may be said of a body before it is read: its type, its encoding, its declared size. Pure.

import { AppError } from "../core/error.ts";

export interface BodyQuestion {
  readonly method: string;
  readonly contentType: string | null;
  readonly contentEncoding: string | null;
  readonly contentLength: string | null;
  readonly transferEncoding: string | null;
  /** In bytes. */
  readonly limit: number;
  /** Where the limit is set, by its name in the configuration. */
  readonly setting: string;
  /** Content encodings that are decoded here, besides none. */
  readonly encodings: ReadonlySet<string>;
  /** Whether a request that has no body at all may go without a type. */
  readonly mayBeEmpty: boolean;
}

export interface BodyVerdict {
  /** `curl -d` without a header: JSON if a key vouches for it. */
  readonly isForm: boolean;
  /** Why it is not to be read. */
  readonly error?: AppError;
}

/** What JSON may be written in; UTF-16 or Latin-1 would be read as something else than was meant. */
const CHARSETS = new Set(["utf-8", "utf8", "us-ascii", "ascii"]);
const WITH_BODY = new Set(["POST", "PUT", "PATCH"]);

export function judgeBody(question: BodyQuestion): BodyVerdict {
  const { contentEncoding, contentLength, limit, setting, encodings } = question;
  if (contentLength !== null && !/^[0-9]{1,15}$/.test(contentLength)) {
    return refuse("invalid_request", "The Content-Length header is not a number.");
  }
  if (contentLength !== null && Number(contentLength) > limit) {
    return refuse(
      "payload_too_large",
      `The body is larger than ${limit} bytes. The limit is ${setting} in the configuration.`,
    );
  }
  const encoding = contentEncoding?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity" && !encodings.has(encoding)) {
    return refuse("unsupported_media_type", "Send the body without a Content-Encoding.");
  }
  if (!WITH_BODY.has(question.method)) return { isForm: false };
  if (question.mayBeEmpty && hasNoBody(question)) return { isForm: false };
  const type = kindOf(question.contentType);
  if (type !== undefined) return { isForm: type === "form" };
  return refuse(
    "unsupported_media_type",
    "Send JSON with the header Content-Type: application/json",
  );
}

/** By the headers alone, which frame the message: RFC 9112, section 6.3. With a type that says otherwise it is judged by that. */
function hasNoBody(question: BodyQuestion): boolean {
  const { contentLength, transferEncoding, contentType } = question;
  const isEmpty = contentLength === null || Number(contentLength) === 0;
  return isEmpty && transferEncoding === null && contentType === null;
}

function kindOf(contentType: string | null): "json" | "form" | undefined {
  const [type = "", ...parameters] = (contentType ?? "").split(";");
  const name = type.trim().toLowerCase();
  if (name === "application/x-www-form-urlencoded") return "form";
  if (name !== "application/json") return undefined;
  for (const parameter of parameters) {
    const charset = /^\s*charset\s*=\s*"?([^"\s]*)"?\s*$/i.exec(parameter)?.[1];
    if (charset !== undefined && !CHARSETS.has(charset.toLowerCase())) return undefined;
    // Two header lines arrive as one with a comma: two types are no type.
    if (parameter.includes(",")) return undefined;
  }
  return "json";
}

function refuse(
  code: "invalid_request" | "payload_too_large" | "unsupported_media_type",
  message: string,
): BodyVerdict {
  return { isForm: false, error: new AppError(code, message) };
}
