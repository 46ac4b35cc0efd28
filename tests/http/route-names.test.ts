import { describe, expect, test } from "bun:test";

import { operation } from "../../src/http/operation.ts";
import { createRouteNames } from "../../src/http/route-names.ts";

const asking = operation({ summary: "Ask", tag: "OpenAI", turn: true });
const names = createRouteNames([
  { method: "POST", path: "/v1/chat/completions", detail: asking },
  { method: "GET", path: "/v1/models", detail: undefined },
  { method: "GET", path: "/v1/models/*", detail: undefined },
  { method: "GET", path: "/control/keys", detail: undefined },
  { method: "POST", path: "/control/keys", detail: undefined },
  { method: "DELETE", path: "/control/keys/:id", detail: undefined },
  { method: "POST", path: "/control/sessions/:id/approve", detail: undefined },
]);

describe("the name of a route", () => {
  test.each([
    ["POST", "/v1/chat/completions", "/v1/chat/completions"],
    ["GET", "/v1/models/a-secret/model", "/v1/models/*"],
    ["DELETE", "/control/keys/key_123", "/control/keys/:id"],
    ["POST", "/control/sessions/sess_1/approve", "/control/sessions/:id/approve"],
    ["POST", "/control/sessions/sess_1/other", "other"],
    ["GET", "/v1/models/", "/v1/models/*"],
    ["GET", "/my/own/prompt", "other"],
    ["GET", "", "other"],
  ])("of %s %s is %s", (method, path, route) => {
    expect(names(method, path)).toMatchObject({ method, route });
  });

  test("never has a path or a method that a client made up", () => {
    expect(names("CANARY", "/canary")).toEqual({
      route: "other",
      method: "other",
      inference: false,
    });
  });

  test("says whether an agent is asked: a POST to a route that runs turns", () => {
    expect(names("POST", "/v1/chat/completions").inference).toBe(true);
    expect(names("GET", "/v1/chat/completions").inference).toBe(false);
    expect(names("POST", "/control/keys").inference).toBe(false);
    expect(names("POST", "/nothing").inference).toBe(false);
  });

  test("is the same object each time: looking it up costs no memory", () => {
    expect(names("GET", "/v1/models/a")).toBe(names("GET", "/v1/models/b"));
  });
});
