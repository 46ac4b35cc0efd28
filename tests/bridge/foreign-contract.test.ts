// The contract of an agent, kept by an agent behind a foreign bridge of either form, as far as the form can say it.

import { AppError, type ErrorCode } from "../../src/core/error.ts";
import { agentContract } from "../contract/agent-contract.ts";
import { type Scenario, type Step, stepsFor } from "../contract/scenario.ts";
import type { GuideForm, Reply } from "../support/guide-bridge.ts";
import { openForeign } from "./support/foreign-house.ts";

/** What `say`, `think` and `call` put together say in one message. */
interface Said {
  content: string;
  reasoning_content: string;
  tool_calls: { id: string; type: "function"; function: { name: string; arguments: string } }[];
}

function play(form: GuideForm, steps: readonly Step[], reply: Reply): void {
  const said: Said = { content: "", reasoning_content: "", tool_calls: [] };
  let usage: Record<string, number> = {};
  let reason: string | undefined;
  for (const step of steps) {
    if (step.type === "hang") return;
    if (step.type === "fail") return fail(form, step.code, reply);
    if (step.type === "vectors") return answerVectors(step.table, reply);
    if (step.type === "finish") reason = step.reason;
    else if (step.type === "usage") {
      const { promptTokens, completionTokens } = step.usage;
      usage = { prompt_tokens: promptTokens, completion_tokens: completionTokens };
    } else say(step, said, reply);
  }
  reason ??= said.tool_calls.length > 0 ? "tool_calls" : "stop";
  if (!reply.asked.stream) return reply.whole({ ...said }, reason, usage);
  return reply.chunk({}, { finish: reason, finished: true, usage });
}

function say(step: Step, said: Said, reply: Reply): void {
  const chunk = (delta: Record<string, unknown>): void => {
    if (reply.asked.stream) reply.chunk(delta);
  };
  if (step.type === "say") {
    said.content += step.text;
    chunk({ content: step.text });
  }
  if (step.type === "think") {
    said.reasoning_content += step.text;
    chunk({ reasoning_content: step.text });
  }
  if (step.type !== "call") return;
  const { id, name, fragments } = step;
  const index = said.tool_calls.length;
  said.tool_calls.push({ id, type: "function", function: { name, arguments: fragments.join("") } });
  chunk({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] });
  for (const piece of fragments) {
    chunk({ tool_calls: [{ index, function: { arguments: piece } }] });
  }
}

function fail(form: GuideForm, code: ErrorCode, reply: Reply): void {
  if (code === "agent_lost") return reply.cut();
  if (code === "agent_timeout" && form === "nested") {
    return reply.send({ type: "model_result", id: reply.asked.id, status: "timeout" });
  }
  if (code !== "agent_error") throw new AppError("internal", "this form cannot say that");
  return reply.error("The scenario says: fail.");
}

function answerVectors(table: Readonly<Record<string, readonly number[]>>, reply: Reply): void {
  const { input } = reply.asked.frame["payload"] as { input: readonly string[] };
  const embeddings = input.map((text) => table[text] ?? []);
  reply.send({ type: "model_result", id: reply.asked.id, status: "ok", result: { embeddings } });
}

function harness(form: GuideForm, failures: readonly ErrorCode[]) {
  return {
    supports: {
      embeddings: form === "nested" ? ("scripted" as const) : ("none" as const),
      parking: false,
      failures,
    },
    async start(scenario: Scenario) {
      const house = await openForeign(form, {
        answer: (reply) => play(form, stepsFor(scenario, reply.asked.prompt), reply),
      });
      const { foreign, bridge } = house;
      return {
        agent: foreign.agent,
        reached: bridge.asked.when(() => true).then(() => undefined),
        stopped: bridge.cancelled.when(() => true).then(() => undefined),
        close: house.close,
      };
    },
  };
}

agentContract(
  "an agent behind a nested bridge",
  harness("nested", ["agent_error", "agent_timeout", "agent_lost"]),
);
agentContract("an agent behind a flat bridge", harness("flat", ["agent_error", "agent_lost"]));
