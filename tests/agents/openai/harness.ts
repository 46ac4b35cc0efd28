// Makes the openai connector act out a scenario, by way of a scripted upstream that speaks its protocol.

import { createOpenAiAgent } from "../../../src/agents/openai/agent.ts";
import type { AgentHarness } from "../../contract/agent-contract.ts";
import { type Scenario, type Step, stepsFor } from "../../contract/scenario.ts";
import {
  DONE,
  type Piece,
  type RecordedRequest,
  type Reply,
  type ScriptedUpstream,
  callChunk,
  chunk,
  finishChunk,
  json,
  ssePieces,
  startScriptedUpstream,
  textChunk,
  usageChunk,
} from "../../support/scripted-upstream.ts";
import { createCountingRandom, createFakeClock, createMemoryLog } from "../support.ts";

export const openAiHarness: AgentHarness = harnessOf(1);
/** The same scenario at each: whichever gets a turn acts it out. */
export const openAiPairHarness: AgentHarness = harnessOf(2);

function harnessOf(count: number): AgentHarness {
  return {
    supports: {
      embeddings: "scripted",
      parking: false,
      failures: ["agent_error", "agent_lost"],
    },
    start: async (scenario) => {
      const upstreams = Array.from({ length: count }, () => startScriptedUpstream());
      const agent = createOpenAiAgent({
        agentId: "openai-test",
        label: "Scripted upstream",
        upstreams: upstreams.map(({ url }) => ({ baseUrl: url })),
        fetch,
        clock: createFakeClock(),
        random: createCountingRandom(),
        log: createMemoryLog(),
      });
      const reached = Promise.withResolvers<void>();
      const stopped = Promise.withResolvers<void>();
      // With several turns, whichever is hung up on counts.
      const watch = async (upstream: ScriptedUpstream): Promise<void> => {
        const { closed } = await upstream.nextRequest();
        reached.resolve();
        void closed.then(stopped.resolve);
        await watch(upstream);
      };
      for (const upstream of upstreams) {
        upstream.reply((request) => replyOf(scenario, request));
        void watch(upstream);
      }
      await agent.discover();
      return {
        agent,
        reached: reached.promise,
        stopped: stopped.promise,
        close: async () => {
          agent.close();
          await Promise.all(upstreams.map((upstream) => upstream.stop()));
        },
      };
    },
  };
}

function replyOf(scenario: Scenario, { body }: RecordedRequest): Reply {
  const request = body as {
    input?: string[];
    messages?: { role: string; content: string }[];
  };
  const message = request.messages?.findLast(({ role }) => role === "user")?.content ?? "";
  const steps = stepsFor(scenario, message);
  const embedding = steps.find((step) => step.type === "vectors");
  if (embedding !== undefined) {
    const data = (request.input ?? []).map((input, index) => {
      return { object: "embedding", index, embedding: embedding.table[input] };
    });
    return json({ object: "list", data, usage: { prompt_tokens: 1, total_tokens: 1 } });
  }
  const [first] = steps;
  if (first?.type === "fail" && first.code === "agent_error") {
    return json({ error: { message: "The scenario says: fail.", type: "server_error" } }, 500);
  }
  return { pieces: piecesOf(steps) };
}

function piecesOf(steps: readonly Step[]): readonly Piece[] {
  const pieces: Piece[] = [...ssePieces(chunk({ role: "assistant", content: "" }))];
  let calls = 0;
  let told: string | undefined;
  let usage: object | undefined;
  for (const step of steps) {
    if (step.type === "hang") return [...pieces, { hang: true }];
    if (step.type === "fail") return [...pieces, ...failurePieces(step.code)];
    if (step.type === "finish") told = step.reason;
    if (step.type === "usage") {
      usage = usageChunk(step.usage.promptTokens, step.usage.completionTokens);
    }
    if (step.type === "call") {
      pieces.push(...ssePieces(callChunk(calls, "", step.id, step.name)));
      pieces.push(...step.fragments.flatMap((text) => ssePieces(callChunk(calls, text))));
      calls += 1;
    }
    if (step.type === "say") pieces.push(...ssePieces(textChunk(step.text)));
    if (step.type === "think") pieces.push(...ssePieces(chunk({ reasoning_content: step.text })));
  }
  const reason = told ?? (calls > 0 ? "tool_calls" : "stop");
  return [
    ...pieces,
    ...ssePieces(finishChunk(reason), ...(usage === undefined ? [] : [usage]), DONE),
  ];
}

function failurePieces(code: string): readonly Piece[] {
  if (code === "agent_lost") return [{ cut: true }];
  return ssePieces({ error: { message: "The scenario says: fail.", type: "server_error" } });
}
