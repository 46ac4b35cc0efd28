// Base64 as clients send it inside JSON. Knows nothing of what is encoded.

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * The text without line breaks, which are no part of the data; `undefined` for what is not base64 (RFC 4648, section 4).
 * Padding may be missing.
 */
export function readBase64(text: string): string | undefined {
  const data = text.replaceAll(/[\r\n]/g, "");
  const digits = data.length - (data.endsWith("==") ? 2 : Number(data.endsWith("=")));
  return BASE64.test(data) && digits % 4 !== 1 ? data : undefined;
}
