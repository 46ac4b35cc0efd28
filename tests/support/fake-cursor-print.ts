// Print mode of the stand-in: `-p --output-format stream-json --stream-partial-output`. Every text comes as deltas, again
// as a snapshot when a tool call follows, and once more whole at the end: as documented.

import { stepsOf } from "./fake-cursor-agent.ts";
import type { CursorPart, CursorStep } from "./fake-cursor-agent.ts";

const TIME = 1_790_000_000_000;

interface Playing {
  readonly sessionId: string;
  readonly model: string;
  segment: string;
  all: string;
  calls: number;
  usage: object | undefined;
}

/** Answers with the exit code. */
export async function playPrint({ script, args, report }: CursorPart): Promise<number> {
  const prompt = await Bun.stdin.text();
  const playing: Playing = {
    sessionId: valueOf(args, "--resume") ?? "6c1f0000-0000-4000-8000-000000000001",
    model: valueOf(args, "--model") ?? "none",
    segment: "",
    all: "",
    calls: 0,
    usage: undefined,
  };
  report("prompt", { prompt });
  await emit(playing, {
    type: "system",
    subtype: "init",
    apiKeySource: "login",
    cwd: process.cwd(),
    model: playing.model,
    permissionMode: "default",
  });
  await emit(playing, { type: "user", message: message("user", prompt) });
  for (const step of stepsOf(script, prompt)) {
    const code = await playStep(playing, step, report);
    if (code !== undefined) return code;
  }
  await emit(playing, { type: "assistant", message: message("assistant", playing.segment) });
  await emit(playing, {
    type: "result",
    subtype: "success",
    is_error: false,
    duration_ms: 12,
    duration_api_ms: 10,
    result: playing.all,
    request_id: "r1",
    ...(playing.usage !== undefined && { usage: playing.usage }),
  });
  report("answered");
  return 0;
}

/** An exit code ends the play. */
async function playStep(
  playing: Playing,
  step: CursorStep,
  report: CursorPart["report"],
): Promise<number | undefined> {
  if ("say" in step) {
    playing.segment += step.say;
    playing.all += step.say;
    await emit(playing, {
      type: "assistant",
      message: message("assistant", step.say),
      timestamp_ms: TIME,
    });
  } else if ("think" in step) {
    await emit(playing, {
      type: "thinking",
      subtype: "delta",
      text: step.think,
      timestamp_ms: TIME,
    });
    await emit(playing, { type: "thinking", subtype: "completed", timestamp_ms: TIME });
  } else if ("tool" in step) await callTool(playing, step.tool, step.args);
  else if ("usage" in step) {
    playing.usage = {
      inputTokens: step.usage.input,
      outputTokens: step.usage.output,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
    };
  } else if ("line" in step) await Bun.write(Bun.stdout, `${step.line}\n`);
  else if ("complain" in step) await Bun.write(Bun.stderr, `${step.complain}\n`);
  else if ("fail" in step) {
    await emit(playing, { type: "result", subtype: "error", is_error: true, result: step.fail });
    return 1;
  } else if ("exit" in step) return step.exit;
  else if ("killed" in step) process.kill(process.pid, "SIGKILL");
  else if ("hang" in step) {
    report("hanging");
    await new Promise(() => {});
  }
  return undefined;
}

async function callTool(playing: Playing, kind: string, args: object): Promise<void> {
  playing.calls += 1;
  const model_call_id = `call-${playing.calls}`;
  if (playing.segment !== "") {
    await emit(playing, {
      type: "assistant",
      message: message("assistant", playing.segment),
      timestamp_ms: TIME,
      model_call_id,
    });
  }
  playing.segment = "";
  const call = {
    type: "tool_call",
    call_id: `toolu_${playing.calls}\nfc_${playing.calls}`,
    model_call_id,
    timestamp_ms: TIME,
  };
  const name = `${kind}ToolCall`;
  await emit(playing, { ...call, subtype: "started", tool_call: { [name]: { args } } });
  await emit(playing, {
    ...call,
    subtype: "completed",
    tool_call: { [name]: { args, result: { success: {} } } },
  });
}

function message(role: string, text: string): object {
  return { role, content: [{ type: "text", text }] };
}

async function emit({ sessionId }: Playing, event: object): Promise<void> {
  await Bun.write(Bun.stdout, `${JSON.stringify({ ...event, session_id: sessionId })}\n`);
}

function valueOf(args: readonly string[], flag: string): string | undefined {
  const at = args.indexOf(flag);
  return at === -1 ? undefined : args[at + 1];
}
