import { describe, expect, test } from "bun:test";

import { AppError } from "../../src/core/error.ts";
import { operation } from "../../src/http/operation.ts";
import { createRequestWatch } from "../../src/http/request-watch.ts";
import { createRouteNames } from "../../src/http/route-names.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const ROUTE = "/v1/chat/completions";
const names = createRouteNames([
  { method: "POST", path: ROUTE, detail: operation({ summary: "", tag: "", turn: true }) },
]);

function given() {
  const told: unknown[] = [];
  const tell =
    (what: string) =>
    (...heard: unknown[]): void =>
      void told.push([what, ...heard]);
  const clock = createFakeClock();
  const watch = createRequestWatch({
    clock,
    names,
    metrics: {
      requestStarted: tell("in"),
      recordRequest: tell("request"),
      recordStreamEnd: tell("stream end"),
      recordRefusal: tell("refusal"),
    },
    traces: {
      requestStarted: tell("span"),
      requestEnded: tell("span end"),
      streamEnded: tell("span over"),
    },
  });
  const answer = (response: Response, path = ROUTE, method = "POST"): void => {
    const request = new Request("http://127.0.0.1/x", { method });
    watch.answered({ request, requestId: "req_1", path, response, startedAt: 0 });
  };
  return { told, watch, clock, answer };
}

describe("a watched request", () => {
  test("is told of when it begins, with its trace", () => {
    const { told, watch } = given();
    const headers = { traceparent: "00-a-b-01" };
    watch.started(new Request("http://127.0.0.1/x", { headers }), "req_1", ROUTE);
    expect(told).toEqual([
      ["in"],
      ["span", { requestId: "req_1", method: "GET", traceparent: "00-a-b-01" }],
    ]);
  });

  test.each(["", "/livez", "/readyz", "/health", "/health/deep", "/metrics"])(
    "at %p is counted and not traced",
    (path) => {
      const { told, watch } = given();
      watch.started(new Request("http://127.0.0.1/x"), "req_1", path);
      expect(told).toEqual([["in"]]);
    },
  );

  test("is told of when it is answered, by its route and never its path", () => {
    const { told, answer, clock } = given();
    clock.advance(25);
    answer(Response.json({}, { status: 502 }));
    answer(new Response(), "/k/mlp_secret/whatever", "DELETE");
    const other = { route: "other", method: "DELETE", inference: false };
    expect(told).toEqual([
      [
        "request",
        {
          route: ROUTE,
          method: "POST",
          inference: true,
          status: 502,
          durationMs: 25,
          streamed: false,
        },
      ],
      ["span end", { requestId: "req_1", route: ROUTE, status: 502, streamed: false }],
      ["request", { ...other, status: 200, durationMs: 25, streamed: false }],
      ["span end", { requestId: "req_1", route: "other", status: 200, streamed: false }],
    ]);
  });

  test.each([
    ["text/event-stream; charset=utf-8", "openai-processing-ms", ROUTE, true],
    ["application/x-ndjson", "openai-processing-ms", ROUTE, true],
    ["text/event-stream", "x-mlp-queued", ROUTE, true],
    ["text/event-stream", "x-request-id", ROUTE, false],
    ["application/json", "openai-processing-ms", ROUTE, false],
    ["text/event-stream", "openai-processing-ms", "/elsewhere", false],
  ])("of type %s with the header %s at %p goes on: %p", (type, header, path, streamed) => {
    const { told, answer } = given();
    const headers = { "content-type": type, [header]: "1" };
    answer(new Response("", { headers }), path);
    expect(told[1]).toEqual(["span end", expect.objectContaining({ streamed })]);
  });

  test("is told of when its stream is over, with how it ended", () => {
    const { told, watch, clock } = given();
    clock.advance(40);
    const seen = { firstEventAt: undefined, answered: 0, usage: undefined };
    const asked = { requestId: "req_1", startedAt: 10 };
    watch.streamEnded(asked, { outcome: "done", result: undefined, ...seen });
    const error = new AppError("too_busy", "No room.");
    watch.streamEnded(asked, { outcome: "refused", error, ...seen });
    expect(told).toEqual([
      ["stream end", { outcome: "done", errorCode: undefined, durationMs: 30 }],
      ["span over", { requestId: "req_1", outcome: "done", errorCode: undefined }],
      ["stream end", { outcome: "refused", errorCode: "too_busy", durationMs: 30 }],
      ["span over", { requestId: "req_1", outcome: "refused", errorCode: "too_busy" }],
    ]);
  });

  test("that was refused is told of with its reason", () => {
    const { told, watch } = given();
    watch.refused("rate_limited", "key_1");
    expect(told).toEqual([["refusal", "rate_limited", "key_1"]]);
  });
});
