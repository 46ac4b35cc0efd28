// ACP mode of the stand-in: `cursor-agent acp`, built with the protocol's own SDK. Modes agent, plan and ask; images, no
// embedded resources, `cursor_login`, and Cursor's requests beside the protocol.

import { Readable, Writable } from "node:stream";
import * as acp from "@agentclientprotocol/sdk/unstable";

import { stepsOf } from "./fake-cursor-agent.ts";
import type { CursorPart, CursorStep } from "./fake-cursor-agent.ts";

const MODES = ["agent", "plan", "ask"];
const MODELS = [
  { modelId: "auto", name: "Auto" },
  { modelId: "gpt-5.2", name: "GPT-5.2" },
];

interface Prompting {
  readonly context: acp.AgentContext;
  readonly sessionId: string;
  readonly cancelled: Promise<"cancelled">;
  readonly report: CursorPart["report"];
  usage: object | undefined;
  stop: acp.StopReason;
}

/** Answers with the exit code, when its client has gone. */
export async function playAcp({ script, report }: CursorPart): Promise<number> {
  const cancels = new Map<string, () => void>();
  let sessions = 0;
  let calls = 0;
  const app = acp
    .agent({ name: "fake-cursor" })
    .onRequest(acp.methods.agent.initialize, () => ({
      protocolVersion: acp.PROTOCOL_VERSION,
      agentInfo: { name: "cursor", version: "2026.10.01" },
      agentCapabilities: {
        loadSession: true,
        promptCapabilities: { image: true, audio: false, embeddedContext: false },
        mcpCapabilities: { http: true, sse: true },
      },
      authMethods: [
        { id: "cursor_login", name: "Cursor login", description: "Run 'agent login' first." },
      ],
    }))
    .onRequest(acp.methods.agent.authenticate, async ({ params }) => {
      report("authenticate", { methodId: params.methodId });
      if (script.isLoggedIn !== false) return {};
      // A signed-out one waits for a browser that nobody looks at.
      return await new Promise<never>(() => {});
    })
    .onRequest(acp.methods.agent.session.new, ({ params }) => {
      if (script.isOffline === true)
        throw acp.RequestError.internalError(undefined, "fetch failed");
      if (script.isLoggedIn === false) throw acp.RequestError.authRequired();
      sessions += 1;
      report("session", { cwd: params.cwd, servers: params.mcpServers.length });
      return {
        sessionId: `session-${sessions}`,
        modes: {
          currentModeId: "agent",
          availableModes: (script.modes ?? MODES).map((id) => ({ id, name: id })),
        },
        models: { currentModelId: "auto", availableModels: MODELS },
      };
    })
    .onRequest(acp.methods.agent.session.setMode, ({ params }) => {
      report("mode", { mode: params.modeId });
      return {};
    })
    .onRequest(
      "session/set_model",
      (params) => params as { modelId: string },
      ({ params }) => {
        report("model", { model: params.modelId });
        return {};
      },
    )
    .onNotification(acp.methods.agent.session.cancel, ({ params }) => {
      report("cancel");
      cancels.get(params.sessionId)?.();
    })
    .onRequest(acp.methods.agent.session.prompt, async ({ params, client }) => {
      const prompt = params.prompt.map((part) => (part.type === "text" ? part.text : "")).join("");
      const images = params.prompt.filter(({ type }) => type === "image").length;
      report("prompt", { prompt, images, sessionId: params.sessionId });
      const { promise: cancelled, resolve } = Promise.withResolvers<"cancelled">();
      cancels.set(params.sessionId, () => resolve("cancelled"));
      const prompting: Prompting = {
        context: client,
        sessionId: params.sessionId,
        cancelled,
        report,
        usage: undefined,
        stop: "end_turn",
      };
      for (const step of stepsOf(script, prompt)) {
        calls += 1;
        const played = await Promise.race([playStep(prompting, step, calls), cancelled]);
        if (played === "cancelled") return { stopReason: "cancelled" };
      }
      return {
        stopReason: prompting.stop,
        ...(prompting.usage !== undefined && { usage: prompting.usage as acp.Usage }),
      };
    });
  const connection = app.connect(
    acp.ndJsonStream(
      Writable.toWeb(process.stdout) as WritableStream<Uint8Array>,
      Readable.toWeb(process.stdin),
    ),
  );
  await connection.closed;
  return 0;
}

async function playStep(prompting: Prompting, step: CursorStep, call: number): Promise<void> {
  const { context, sessionId, report } = prompting;
  const update = async (update: acp.SessionUpdate): Promise<void> =>
    await context.notify(acp.methods.client.session.update, { sessionId, update });
  const say = async (text: string): Promise<void> =>
    await update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text } });
  if ("say" in step) await say(step.say);
  else if ("think" in step) {
    await update({
      sessionUpdate: "agent_thought_chunk",
      content: { type: "text", text: step.think },
    });
  } else if ("tool" in step) {
    const toolCallId = `tool-${call}\nfc-${call}`;
    await update({
      sessionUpdate: "tool_call",
      toolCallId,
      title: step.tool,
      kind: "read",
      status: "pending",
      rawInput: step.args,
    });
    await update({ sessionUpdate: "tool_call_update", toolCallId, status: "completed" });
  } else if ("usage" in step) {
    const { input, output } = step.usage;
    prompting.usage = { inputTokens: input, outputTokens: output, totalTokens: input + output };
  } else if ("stop" in step) prompting.stop = step.stop;
  else if ("ask" in step)
    await say(JSON.stringify(await context.request(step.ask, { sessionId, ...step.params })));
  else if ("permission" in step) {
    const { outcome } = await context.request(acp.methods.client.session.requestPermission, {
      sessionId,
      toolCall: { toolCallId: `tool-${call}`, title: step.permission, kind: "edit" },
      options: [
        { optionId: "allow-once", name: "Allow once", kind: "allow_once" },
        { optionId: "allow-always", name: "Allow always", kind: "allow_always" },
        { optionId: "reject-once", name: "Reject", kind: "reject_once" },
      ],
    });
    await say(outcome.outcome === "selected" ? outcome.optionId : outcome.outcome);
  } else if ("complain" in step) await Bun.write(Bun.stderr, `${step.complain}\n`);
  else if ("fail" in step) throw acp.RequestError.internalError(undefined, step.fail);
  else if ("exit" in step) process.exit(step.exit);
  else if ("killed" in step) process.kill(process.pid, "SIGKILL");
  else if ("hang" in step) {
    report("hanging");
    await new Promise(() => {});
  }
}
