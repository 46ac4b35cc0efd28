// Results of tools with images in them over a link: they go to whoever says that it reads them, and to nobody else. An
// older end gets what it always got, and whoever asked hears that the conversation has to be sent anew.

import { afterEach, describe, expect, test } from "bun:test";
import type { Part, Turn } from "../../src/core/turn.ts";
import type { AskFrame, HelloFrame, ToolResultsFrame } from "../../src/bridge/frame.ts";
import { linkLimits } from "../../src/bridge/settings.ts";
import { type BridgeHouse, openBridge, readAll } from "./support/bridge-house.ts";
import { createEnd, framesOf, HELLO, openPair, SMALL_LIMITS } from "./support/wire-pair.ts";

const IMAGE: Part = { type: "image", mediaType: "image/png", data: "AAECAwQ=" };
const READS: HelloFrame = { ...HELLO, capabilities: { tool_result_parts: true } };
const PARTS = [
  { type: "text" as const, text: "Taken." },
  { type: "image_url" as const, image_url: { url: "data:image/png;base64,AAECAwQ=" } },
];

const houses: BridgeHouse[] = [];
afterEach(async () => {
  for (const house of houses.splice(0)) await house.close();
});

function brings(fields: Partial<ToolResultsFrame> = {}): AskFrame {
  return {
    type: "tool_results",
    id: "t2",
    session_id: "s1",
    resumes: "t1",
    model: "m",
    stream: true,
    results: [{ tool_call_id: "c1", content: "words" }],
    deadline_ms: 1000,
    ...fields,
  };
}

const WITH_IMAGE = brings({ results: [{ tool_call_id: "c1", content: PARTS }] });
const IMAGE_BESIDE = brings({ message: PARTS });

describe("a peer that reads results in parts", () => {
  test.each([WITH_IMAGE, IMAGE_BESIDE])("gets them as they are", (frame) => {
    const { hub, agent } = openPair(SMALL_LIMITS, READS);
    hub.step({ type: "ask", frame });
    expect(framesOf(hub.outbox)).toEqual([frame]);
    expect(agent.take(hub.outbox[0] ?? "")).toEqual([{ type: "start", frame }]);
  });

  test("may be a hub, which says so in its welcome", () => {
    const provider = createEnd("provider", "hub");
    const hello = { ...READS, role: "provider" as const };
    provider.step({ type: "opened", at: 0, hello });
    const capabilities = { tool_result_parts: true };
    const welcome = { type: "welcome", link_id: "l", limits: SMALL_LIMITS, capabilities };
    provider.take(JSON.stringify(welcome));
    provider.step({ type: "ask", frame: WITH_IMAGE });
    expect(framesOf(provider.outbox).map(({ type }) => type)).toEqual(["hello", "tool_results"]);
  });

  test("is held to the size of a request: a result that is too large costs its own turn alone", () => {
    const { hub } = openPair(SMALL_LIMITS, READS);
    const url = `data:image/png;base64,${"A".repeat(SMALL_LIMITS.invoke_bytes)}`;
    const content = [{ type: "image_url" as const, image_url: { url } }];
    hub.step({ type: "ask", frame: brings({ results: [{ tool_call_id: "c1", content }] }) });
    expect(hub.ends.get("t2")).toEqual(["payload_too_large"]);
    expect([hub.outbox, hub.link.phase]).toEqual([[], "open"]);
  });
});

describe("a peer that does not say so", () => {
  test.each([WITH_IMAGE, IMAGE_BESIDE])("gets none, and the turn is to be asked anew", (frame) => {
    const { hub } = openPair(SMALL_LIMITS, HELLO);
    hub.step({ type: "ask", frame });
    expect(hub.ends.get("t2")).toEqual(["parked_turn_unknown"]);
    expect(hub.outbox).toEqual([]);
  });

  test("gets words as it always did", () => {
    const { hub, agent } = openPair(SMALL_LIMITS, HELLO);
    const frame = brings({ message: "Hurry." });
    hub.step({ type: "ask", frame });
    expect(agent.take(hub.outbox[0] ?? "")).toEqual([{ type: "start", frame }]);
  });

  test("may be a hub", () => {
    const provider = createEnd("provider", "hub");
    provider.step({ type: "opened", at: 0, hello: { ...READS, role: "provider" } });
    provider.take(JSON.stringify({ type: "welcome", link_id: "l", limits: SMALL_LIMITS }));
    provider.step({ type: "ask", frame: WITH_IMAGE });
    expect(provider.ends.get("t2")).toEqual(["parked_turn_unknown"]);
    provider.step({ type: "ask", frame: brings({ id: "t3" }) });
    expect(framesOf(provider.outbox).map(({ type }) => type)).toEqual(["hello", "tool_results"]);
  });

  test("is never sent them by a real hub, whose provider hears what to do", async () => {
    const bridge = await openBridge({ limits: linkLimits() });
    houses.push(bridge);
    const old = await bridge.raw("agent");
    old.send({ ...HELLO, agent_id: "old-agent" });
    const asked = await old.frames.when(({ type }) => type === "session");
    const sessionId = String(asked["session_id"]);
    await bridge.sessions.approve(sessionId, { scopes: ["inference", "tools"] });
    await old.frames.when(({ status }) => status === "active");
    const provider = bridge.provider();
    await provider.changes.when(({ status, connected }) => status === "active" && connected);
    const lease = await provider.remote.acquire(sessionId, {
      scopes: ["inference", "tools"],
      onEnd: () => undefined,
    });
    const turn = (id: string, content: readonly Part[]): Turn => ({
      id,
      sessionId,
      deadlineMs: 60_000,
      scopes: [],
      request: {
        kind: "resume",
        model: "m",
        stream: true,
        resumes: "turn_0",
        results: [{ toolCallId: "c1", content }],
      },
    });
    const { signal } = new AbortController();
    const refused = await readAll(lease.agent.run(turn("turn_image", [IMAGE]), signal));
    expect(refused).toEqual({ text: "", finished: false, code: "parked_turn_unknown" });
    const words = readAll(
      lease.agent.run(turn("turn_words", [{ type: "text", text: "ok" }]), signal),
    );
    const frame = await old.frames.when(({ type }) => type === "tool_results");
    expect(frame).toMatchObject({ id: "turn_words", results: [{ content: "ok" }] });
    old.send({ type: "model_stream_chunk", id: "turn_words", chunk_index: 0, delta: {} });
    const end = { chunk_index: 1, delta: {}, finish_reason: "stop" };
    old.send({ type: "model_stream_chunk", id: "turn_words", ...end });
    expect(await words).toEqual({ text: "", finished: true, code: undefined });
    const welcome = old.frames.seen.find(({ type }) => type === "welcome");
    expect(welcome).not.toHaveProperty("capabilities");
  });
});
