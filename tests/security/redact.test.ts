import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { redact } from "../../src/security/redact.ts";

const KEY = `mlp_${"aB3_-".repeat(8)}xyz`;

describe("redact", () => {
  const cases: readonly [string, string][] = [
    [`/k/${KEY}/v1/models`, "/k/***/v1/models"],
    ["/k/my-own-secret/api/chat", "/k/***/api/chat"],
    ["/k/my-own-secret", "/k/***"],
    ["/k/a%2Bb%3D/v1", "/k/***/v1"],
    [
      `GET http://127.0.0.1:11434/k/${KEY}/api/tags?x=1 200`,
      "GET http://127.0.0.1:11434/k/***/api/tags?x=1 200",
    ],
    [`next=%2Fk%2Fsecret123%2Fv1`, "next=%2Fk%2F***%2Fv1"],
    [`{"url":"/k/secret/v1","n":1}`, `{"url":"/k/***/v1","n":1}`],
    [`authorization: Bearer ${KEY}`, "authorization: Bearer ***"],
    ["Authorization: bearer abc.def", "Authorization: bearer ***"],
    [`{"authorization":"Bearer s3cret"}`, `{"authorization":"Bearer ***"}`],
    ["Bearer   spaced", "Bearer   ***"],
    ["x-api-key: s3cret, accept: */*", "x-api-key: ***, accept: */*"],
    [`"api-key":"s3cret"`, `"api-key":"***"`],
    [`the key is ${KEY}.`, "the key is mlp_***."],
    [`cut short: ${KEY.slice(0, 14)}…`, "cut short: mlp_***…"],
    [`${KEY} and ${KEY}`, "mlp_*** and mlp_***"],
    ["", ""],
    ["nothing here: /v1/models?k=v and /kk/x", "nothing here: /v1/models?k=v and /kk/x"],
  ];
  test.each(cases)("%s", (text, clean) => expect(redact(text)).toBe(clean));

  test("leaves no key in any text, however it is put in, and does not change what is clean", () => {
    const key = fc.stringMatching(/^mlp_[A-Za-z0-9_-]{43}$/);
    fc.assert(
      fc.property(fc.string(), key, fc.string(), (before, secret, after) => {
        const clean = redact(`${before}${secret} ${after}`);
        expect(clean).not.toContain(secret);
        expect(redact(clean)).toBe(clean);
      }),
    );
  });

  test("takes linear time: a megabyte of what nearly matches is done at once", () => {
    for (const piece of ["/k/", "Bearer ", "mlp_", "%2fk%2f", "x-api-key:"]) {
      const text = piece.repeat(1_000_000 / piece.length);
      const before = performance.now();
      redact(text);
      // Quadratic time would be minutes; linear is some milliseconds.
      expect(performance.now() - before).toBeLessThan(3_000);
    }
  });
});
