// The connector's pure parts: whose turn it is, when an upstream is worth asking, which failures let a turn move on.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { createChoice } from "../../../src/agents/openai/choice.ts";
import { retryAfterOf, wasNeverSent } from "../../../src/agents/openai/failover.ts";
import { createHealth } from "../../../src/agents/openai/health.ts";
import { mergeModels } from "../../../src/agents/openai/merge.ts";
import { toRootUrl } from "../../../src/agents/openai/address.ts";
import type { Model } from "../../../src/core/model.ts";

describe("the round", () => {
  test("gives each its share in every full round, and never starves one", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }),
        (weights) => {
          const choice = createChoice();
          const all = weights.map((weight, at) => ({ name: `u${at}`, weight }));
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          const firsts = Array.from({ length: 2 * total }, () => choice.order("m", all)[0]?.name);
          for (const { name, weight } of all) {
            expect(firsts.slice(0, total).filter((each) => each === name)).toHaveLength(weight);
            expect(firsts.slice(total).filter((each) => each === name)).toHaveLength(weight);
          }
        },
      ),
    );
  });

  test("is smooth: the heavy one does not go first in a row", () => {
    const choice = createChoice();
    const all = [
      { name: "a", weight: 5 },
      { name: "b", weight: 1 },
      { name: "c", weight: 1 },
    ];
    const firsts = Array.from({ length: 7 }, () => choice.order("m", all)[0]?.name);
    expect(firsts.join("")).toBe("aabacaa");
  });

  test("is another one for every model, and names the rest in order", () => {
    const choice = createChoice();
    const all = [
      { name: "a", weight: 1 },
      { name: "b", weight: 1 },
    ];
    expect(choice.order("m", all).map(({ name }) => name)).toEqual(["a", "b"]);
    expect(choice.order("other", all).map(({ name }) => name)).toEqual(["a", "b"]);
    expect(choice.order("m", all).map(({ name }) => name)).toEqual(["b", "a"]);
  });
});

describe("health", () => {
  test("delays grow from half a second to a minute at most, with half of each left to chance", () => {
    const least = createHealth();
    const most = createHealth();
    const delays = Array.from({ length: 9 }, () => [least.failed(0, 0), most.failed(0, 1)]);
    expect(delays[0]).toEqual([500, 1_000]);
    expect(delays[1]).toEqual([1_000, 2_000]);
    expect(delays.at(-1)).toEqual([30_000, 60_000]);
  });

  test("a list that answers brings it back, but only a turn makes the next delay short again", () => {
    const health = createHealth();
    health.failed(0, 1);
    expect(health.standing(0)).toBe("aside");
    health.reached(10);
    expect([health.standing(10), health.isFresh(10, 1)]).toEqual(["up", true]);
    expect(health.failed(20, 1)).toBe(2_000);
    health.answered(30);
    expect(health.failed(40, 1)).toBe(1_000);
  });

  test("one that asked for rest has it, whatever its list says, until it takes a turn", () => {
    const health = createHealth();
    expect(health.failed(0, 1, 5_000)).toBe(5_000);
    health.reached(1_000);
    expect([health.standing(4_999), health.restMs(4_999)]).toEqual(["resting", 1]);
    expect([health.standing(5_000), health.restMs(5_000)]).toEqual(["up", 0]);
  });
});

describe("a failure", () => {
  const failure = (code: string, message = "it failed") =>
    Object.assign(new TypeError(message), { code });

  test.each([
    "ECONNREFUSED",
    "ENOTFOUND",
    "EAI_AGAIN",
    "EHOSTUNREACH",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "CERT_HAS_EXPIRED",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "ERR_TLS_CERT_ALTNAME_INVALID",
  ])("of the connection itself means that nothing was sent: %s", (code) => {
    expect(wasNeverSent(failure(code))).toBe(true);
  });

  test.each(["ECONNRESET", "EPIPE", "ETIMEDOUT", "EPROTO", "ABORT_ERR", ""])(
    "of any other kind may come after the request was read: %j",
    (code) => {
      expect(wasNeverSent(failure(code))).toBe(false);
      expect(wasNeverSent("no error at all")).toBe(false);
    },
  );

  test("of the TLS handshake is known by its words", () => {
    expect(wasNeverSent(failure("EPROTO", "EPROTO: The TLS handshake failed."))).toBe(true);
  });

  test.each([
    [{ "retry-after": "7" }, 7_000],
    [{ "retry-after": "0.5" }, 500],
    [{ "retry-after": "Tue, 14 Nov 2023 22:13:30 GMT" }, 10_000],
    [{ "retry-after": "Tue, 14 Nov 2023 22:13:00 GMT" }, undefined],
    [{ "retry-after-ms": "250", "retry-after": "9" }, 250],
    [{ "retry-after": "86400" }, 300_000],
    [{ "retry-after": "0" }, undefined],
    [{ "retry-after": "soon" }, undefined],
    [{}, undefined],
  ])("with %j wants to be left alone for %p ms", (headers, expected) => {
    const given = new Headers(headers);
    expect(retryAfterOf(given, () => 1_700_000_000_000)).toBe(expected);
  });
});

describe("the merged list", () => {
  const model = (id: string, more: Partial<Model> = {}): Model => ({
    id,
    capabilities: ["completion", "tools"],
    ...more,
  });

  test("has of a shared model what all of its upstreams can do", () => {
    expect(
      mergeModels([
        [model("m", { contextLength: 9_000, capabilities: ["completion", "tools", "vision"] })],
        [model("M:latest", { contextLength: 4_000, capabilities: ["completion", "vision"] })],
        [model("m")],
      ]),
    ).toEqual([{ id: "m", contextLength: 4_000, capabilities: ["completion"] }]);
  });

  test("leaves out names that a session refuses", () => {
    const names = ["ok", "a\u202eb", "tab\there", " ", "x".repeat(257), "line\u2028end"];
    expect(mergeModels([names.map((id) => model(id))]).map(({ id }) => id)).toEqual(["ok"]);
    const many = Array.from({ length: 1_200 }, (_, at) => model(`m${at}`));
    expect(mergeModels([many])).toHaveLength(1_000);
  });
});

test.each([
  ["http://127.0.0.1:1234/v1", "http://127.0.0.1:1234"],
  ["https://api.example/openai/v1", "https://api.example/openai"],
  ["https://api.example/v1beta/openai", "https://api.example/v1beta/openai"],
])("beside %s a server has its own routes at %s", (base, root) => {
  expect(toRootUrl(base)).toBe(root);
});
