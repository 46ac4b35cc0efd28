// One path has one form, whatever the client made of it: the form that is judged is the form that is routed.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { readPath } from "../../src/security/guard-routes.ts";
import { CLIENT, aGuard, question } from "./guard-support.ts";

const guard = aGuard();

describe("the model routes", () => {
  test.each([
    ["/chat/completions", "/v1/chat/completions"],
    ["/completions", "/v1/completions"],
    ["/fim/completions", "/v1/fim/completions"],
    ["/embeddings", "/v1/embeddings"],
    ["/responses", "/v1/responses"],
    ["/responses/resp_1", "/v1/responses/resp_1"],
    ["/models", "/v1/models"],
    ["/models/some/model:latest", "/v1/models/some/model:latest"],
    ["/models/some%2Fmodel", "/v1/models/some%2Fmodel"],
    ["/messages", "/v1/messages"],
    ["/messages/count_tokens", "/v1/messages/count_tokens"],
    ["/v1/v1/chat/completions", "/v1/chat/completions"],
    ["//v1///v1//v1/models//", "/v1/models"],
    ["/v1//chat//completions/", "/v1/chat/completions"],
    ["/v1/v1", "/v1"],
    ["//models/", "/v1/models"],
    ["//api//chat/", "/api/chat"],
  ])("%s is routed as %s, with a key in a header or in the path", (asked, routed) => {
    const plain = guard(question({ path: asked }));
    expect(plain).toMatchObject({ allow: true, group: "inference", path: routed });
    const secret = guard(
      question({ path: `/k/${CLIENT}${asked}`, headers: { authorization: null } }),
    );
    expect(secret).toMatchObject({ allow: true, group: "inference", path: routed });
  });

  test("keep a name that only begins like theirs apart", () => {
    for (const path of ["/modelsx", "/v11/models", "/chat", "/fim", "/v1x/v1/models"]) {
      expect(readPath("provider", path)).toMatchObject({ group: "unknown", path });
    }
    expect(readPath("provider", "/v1/v1x")?.path).toBe("/v1/v1x");
  });

  test("are no routes of the bridge's port", () => {
    expect(readPath("bridge", "/models")).toMatchObject({ group: "unknown", path: "/models" });
  });

  test("are not reached by a path that can be read in two ways", () => {
    for (const path of [
      "/chat%2Fcompletions",
      "/%6dodels",
      "/v1/../models",
      "/v1/v1/%2e%2e/control/sessions",
      "/models/../control/sessions",
      "/v1\\models",
    ]) {
      expect(readPath("provider", path)).toBeUndefined();
    }
  });

  test("never lead to another group: /v1 in front of control is no control", () => {
    for (const path of ["/v1/v1/control/sessions", "/v1/control/sessions", "/models/control"]) {
      expect(readPath("provider", path)?.group).toBe("inference");
    }
    expect(readPath("provider", "/control/v1/v1/models")?.path).toBe("/control/v1/v1/models");
  });
});

test("a refusal names the path as it would have been routed", () => {
  const refused = guard(question({ path: "//models/x/", headers: { authorization: null } }));
  expect(refused).toMatchObject({ allow: false, path: "/v1/models/x" });
  expect(guard(question({ path: "/v1/../x" }))).toMatchObject({ allow: false, path: undefined });
});

test("a path in its final form stays as it is, and in its group", () => {
  const steps = ["v1", "v1", "models", "chat", "completions", "api", "control", "ui", "x", ""];
  const path = fc
    .array(fc.oneof(fc.constantFrom(...steps), fc.webSegment()), { maxLength: 6 })
    .map((each) => `/${each.join("/")}`);
  fc.assert(
    fc.property(path, fc.constantFrom("provider" as const, "bridge" as const), (raw, port) => {
      const read = readPath(port, raw);
      if (read === undefined || read.path.startsWith("/k/")) return;
      expect(readPath(port, read.path)).toEqual({ ...read, key: undefined });
    }),
    { numRuns: 2_000 },
  );
});
