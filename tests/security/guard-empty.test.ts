// Requests that say all by their path: without a body there is nothing to have a type. What frames a body decides.

import { describe, expect, test } from "bun:test";

import { AGENT, CLIENT, CONTROL, aGuard, outcome } from "./guard-support.ts";
import type { Asked } from "./guard-support.ts";

const guard = aGuard();
const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
const NO_TYPE = { ...bearer(CONTROL), "content-type": null };
const cancel: Asked = { path: "/control/turns/turn_1/cancel", headers: NO_TYPE };
const withHeaders = (headers: Asked["headers"]) =>
  outcome(guard, { ...cancel, headers: { ...NO_TYPE, ...headers } });

describe("a control request without a body", () => {
  test("needs no type", () => {
    for (const port of ["provider", "bridge"] as const) {
      expect(outcome(guard, { ...cancel, port })).toBe("allowed control");
    }
    expect(withHeaders({ "content-length": "0" })).toBe("allowed control");
  });

  test("has a body if its headers frame one, whatever its size, and then needs a type", () => {
    const framed: Asked["headers"][] = [
      { "content-length": "1" },
      { "transfer-encoding": "chunked" },
      { "transfer-encoding": "gzip, chunked" },
      { "transfer-encoding": "" },
      { "content-length": "0", "transfer-encoding": "chunked" },
    ];
    expect(framed.map(withHeaders)).toEqual(framed.map(() => "unsupported_media_type"));
  });

  test("is judged by the type that it names all the same", () => {
    expect(withHeaders({ "content-type": "text/plain" })).toBe("unsupported_media_type");
    expect(withHeaders({ "content-type": "application/x-www-form-urlencoded" })).toBe(
      "unsupported_media_type",
    );
  });

  test("needs the control token, and comes from no page", () => {
    expect(withHeaders({ authorization: null })).toBe("invalid_api_key");
    expect(withHeaders(bearer(CLIENT))).toBe("forbidden");
    expect(withHeaders({ origin: "https://evil.example" })).toBe("forbidden_origin");
    expect(withHeaders({ "sec-fetch-site": "cross-site" })).toBe("forbidden_origin");
  });
});

test("everywhere else a POST without a type is refused as before", () => {
  const headers = { "content-type": null };
  expect(outcome(guard, { headers })).toBe("unsupported_media_type");
  expect(
    outcome(guard, { port: "bridge", path: "/mcp", headers: { ...headers, ...bearer(AGENT) } }),
  ).toBe("unsupported_media_type");
});
