import { expect, test } from "bun:test";
import { anAgent, compose, says } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";

const CHAT = "/v1/chat/completions";

let count = 0;
function chat(fields: object = {}) {
  count += 1;
  return { model: "counter", messages: [{ role: "user", content: `number ${count}` }], ...fields };
}

async function status(place: Composed, headers: Record<string, string> = {}): Promise<number> {
  const answer = await place.post(CHAT, chat(), { headers });
  await answer.body?.cancel();
  return answer.status;
}

test("limits hold from the next request on, and say where the client stands", async () => {
  await using place = await compose([anAgent(() => says("ok"))], {
    MLP_RATE_LIMITING_REQUESTS_PER_MINUTE: "1",
  });
  const first = await place.post(CHAT, chat());
  expect(first.headers.get("x-ratelimit-limit-requests")).toBe("1");
  expect(first.headers.get("x-ratelimit-remaining-requests")).toBe("0");
  const refused = await place.post(CHAT, chat());
  expect(refused.status).toBe(429);
  expect(await refused.json()).toMatchObject({
    error: { code: "rate_limited", type: "rate_limit_error" },
  });
  const wait = Number(refused.headers.get("retry-after"));
  expect(wait).toBeGreaterThan(50);
  expect(wait).toBeLessThanOrEqual(61);
  place.reload({ MLP_RATE_LIMITING_REQUESTS_PER_MINUTE: "none" });
  expect(await status(place)).toBe(200);
});

test("the size of a body stays that of the start, wherever it is judged", async () => {
  await using place = await compose([anAgent(() => says("ok"))], { MLP_LIMITS_BODY_BYTES: "4096" });
  const sized = async (length: number): Promise<number> =>
    (await place.post(CHAT, chat({ padding: "x".repeat(length) }))).status;
  place.reload({ MLP_LIMITS_BODY_BYTES: "8192" });
  expect([await sized(3_000), await sized(5_000)]).toEqual([200, 413]);
  place.reload({ MLP_LIMITS_BODY_BYTES: "1024" });
  expect([await sized(3_000), await sized(5_000)]).toEqual([200, 413]);
});

test("the cap of max_tokens is taken over, and a lowered request is told so", async () => {
  const agent = anAgent(() => says("ok"));
  await using place = await compose([agent]);
  place.reload({ MLP_LIMITS_MAX_TOKENS: "50" });
  const answer = await place.post(CHAT, chat({ max_tokens: 5_000 }));
  expect(answer.headers.get("x-mlp-notice")).toContain("50");
  expect(agent.turns[0]!.request).toMatchObject({ parameters: { maxTokens: 50 } });
});

test("origins are taken over", async () => {
  await using place = await compose([anAgent(() => says("ok"))]);
  const origin = "https://ide.example";
  expect(await status(place, { origin })).toBe(403);
  place.reload({ MLP_SECURITY_ALLOWED_ORIGINS: origin });
  expect(await status(place, { origin })).toBe(200);
  place.reload({});
  expect(await status(place, { origin })).toBe(403);
});

test("a configured key comes and goes; the others stay", async () => {
  await using place = await compose([anAgent(() => says("ok"))]);
  const authorization = "Bearer a-key-from-the-configuration";
  expect(await status(place, { authorization })).toBe(401);
  place.reload({ MLP_SECURITY_API_KEY: "a-key-from-the-configuration" });
  expect(await status(place, { authorization })).toBe(200);
  expect(await status(place)).toBe(200);
  place.reload({});
  expect(await status(place, { authorization })).toBe(401);
});

test("a turn that is running goes on", async () => {
  const go = Promise.withResolvers<void>();
  await using place = await compose([
    anAgent(async function* () {
      yield { type: "text-delta", text: "before " };
      await go.promise;
      yield* says("after");
    }),
  ]);
  const response = await place.post(CHAT, chat({ stream: true }));
  place.reload({ MLP_RATE_LIMITING_REQUESTS_PER_MINUTE: "1", MLP_SECURITY_ALLOWED_ORIGINS: "" });
  go.resolve();
  const text = await response.text();
  expect(text).toContain('"before "');
  expect(text).toContain('"after"');
  expect(text).toEndWith("data: [DONE]\n\n");
});
