// Answers that are whole and that the dialect has no way to tell: client, audit and metrics agree that they failed.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TurnEvent } from "../../src/core/event.ts";
import { anAgent, compose } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";

const DEEP = 500_000;
const deep = `{"a":${"[".repeat(DEEP)}${"]".repeat(DEEP)}}`;
const messages = [{ role: "user", content: "Call it." }];
const asked = { model: "counter", max_tokens: 5, messages, stream: false };

async function* calls(json: string): AsyncGenerator<TurnEvent> {
  yield { type: "tool-call-start", id: "call_1", name: "f" };
  yield { type: "tool-call-delta", id: "call_1", arguments: json };
  yield { type: "finish", reason: "tool_calls" };
}

/** A turn is in the audit before its agent hears of it, and what came earlier is there before it. */
async function firstEndOf(place: Composed): Promise<object | undefined> {
  await place.post("/v1/chat/completions", asked);
  const lines = readFileSync(join(place.home, "audit.jsonl"), "utf8").trim().split("\n");
  const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return records.find(({ event }) => event === "model_response");
}

test.each([
  ["/api/chat", "a list", '["a"]', 502, "agent_error"],
  ["/v1/messages", "no JSON", "no JSON", 502, "agent_error"],
  ["/api/chat", "more levels than can be written", deep, 500, "internal"],
  ["/v1/messages", "more levels than can be written", deep, 500, "internal"],
])(
  "%s, called with %s, fails alike for all who hear of it",
  async (path, _, json, status, code) => {
    const agent = anAgent(() => calls(json));
    await using place = await compose([agent]);
    const answer = await place.post(path, asked);
    const size = Buffer.byteLength(await answer.text());
    expect([answer.status, answer.headers.get("x-should-retry")]).toEqual([status, "false"]);
    expect(agent.turns.length).toBe(1);
    expect(await firstEndOf(place)).toMatchObject({
      event_type: "ERROR",
      status_code: status,
      error_details: code,
      response_size_bytes: size,
    });
    const headers = { authorization: `Bearer ${place.secrets.MLP_API_KEY}` };
    const metrics = await (await fetch(`${place.api}/metrics`, { headers })).text();
    expect(metrics).not.toContain(`code="${code}"`);
  },
);
