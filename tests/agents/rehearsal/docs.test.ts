// docs/rehearsal.md is true: every message in it gets the answer that stands below it, every script is one, and every
// directive that there is stands in it.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { parse } from "yaml";
import { createRehearsal } from "../../../src/agents/rehearsal/rehearsal.ts";
import { DIRECTIVE_FORMS } from "../../../src/agents/rehearsal/directives.ts";
import { parseRehearsalScript } from "../../../src/agents/rehearsal/script.ts";
import { AppError } from "../../../src/core/error.ts";
import type { FinishEvent, TurnEvent } from "../../../src/core/event.ts";
import type { Agent, Clock } from "../../../src/core/ports.ts";
import type { Message, Turn } from "../../../src/core/turn.ts";
import { chatRequest, createCountingRandom, text, turnOf, user } from "../support.ts";

const page = await Bun.file(join(import.meta.dir, "../../../docs/rehearsal.md")).text();
const blocks = Array.from(page.matchAll(/^```(\w+)\n(.*?)^```$/gms), ([, kind = "", body = ""]) => {
  return { kind, body: body.trimEnd() };
});
const TOOLS = [{ name: "read_file" }, { name: "list_files" }];
const TOOL_RESULT = "three lines";

/** What is told to wait has waited. */
const clock: Clock = {
  now: () => 0,
  monotonic: () => 0,
  timer: (_, ring) => {
    queueMicrotask(ring);
    return () => {};
  },
  soon: queueMicrotask,
};

function agentWith(script?: string): Agent {
  return createRehearsal({
    clock,
    random: createCountingRandom(),
    ...(script === undefined ? {} : { script: parseRehearsalScript(parse(script)) }),
  });
}

/** The conversation as the page writes it, tool results included. */
async function transcript(agent: Agent, message: string): Promise<string> {
  const messages: Message[] = [user(message)];
  const lines: string[] = [];
  let request: Turn["request"] = chatRequest(messages, { tools: TOOLS });
  for (;;) {
    const turn = turnOf(request);
    const { events, failure } = await read(agent, turn);
    lines.push(...linesOf(events));
    if (failure !== undefined) return [...lines, failure].join("\n");
    const finish = events.at(-1) as FinishEvent;
    if (finish.reason !== "tool_calls") return lines.join("\n");
    lines.push(`(your editor answers: ${TOOL_RESULT})`);
    const calls = callsOf(events);
    if (finish.parked === true) {
      const results = calls.map(({ id }) => ({ toolCallId: id, content: text(TOOL_RESULT) }));
      request = { kind: "resume", model: "rehearsal", stream: true, resumes: turn.id, results };
    } else {
      messages.push({ role: "assistant", content: [], toolCalls: calls });
      for (const { id } of calls) {
        messages.push({ role: "tool", toolCallId: id, content: text(TOOL_RESULT) });
      }
      request = chatRequest(messages, { tools: TOOLS });
    }
  }
}

async function read(agent: Agent, turn: Turn) {
  const events: TurnEvent[] = [];
  try {
    for await (const event of agent.run(turn, new AbortController().signal)) events.push(event);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { events, failure: `(fails: ${error.code}, ${error.message})` };
  }
  return { events, failure: undefined };
}

function linesOf(events: readonly TurnEvent[]): readonly string[] {
  const join = (type: TurnEvent["type"]) =>
    events.map((event) => (event.type === type && "text" in event ? event.text : "")).join("");
  const finish = events.find((event) => event.type === "finish");
  return [
    join("reasoning-delta") && `(thinks) ${join("reasoning-delta")}`,
    join("text-delta"),
    ...callsOf(events).map(({ name, arguments: json }) => `(calls ${name} with ${json})`),
    finish === undefined ? "" : endOf(finish),
  ].filter((line) => line !== "");
}

function callsOf(events: readonly TurnEvent[]) {
  const calls: { id: string; name: string; arguments: string }[] = [];
  for (const event of events) {
    if (event.type === "tool-call-start") {
      calls.push({ id: event.id, name: event.name, arguments: "" });
    }
    const last = calls.at(-1);
    if (event.type === "tool-call-delta" && last !== undefined) last.arguments += event.arguments;
  }
  return calls;
}

/** Nothing for an ordinary end with estimated counts. */
function endOf({ reason, usage, parked }: FinishEvent): string {
  const counts =
    usage === undefined || usage.estimated === true
      ? ""
      : `, ${usage.promptTokens} + ${usage.completionTokens} tokens`;
  if (reason === "stop" && counts === "") return "";
  return `(ends: ${reason}${counts}${parked === true ? ", parked" : ""})`;
}

interface Example {
  readonly message: string;
  readonly answer: string;
}

const scriptAt = blocks.findIndex(({ kind }) => kind === "yaml");

/** The messages from one block to another, each with the answer that stands below it. */
function examples(from: number, to: number): readonly Example[] {
  return blocks.slice(from, to).flatMap(({ kind, body }, index) => {
    const next = blocks[from + index + 1];
    if (kind !== "editor") return [];
    return [{ message: body, answer: next?.kind === "rehearsal" ? next.body : "(none)" }];
  });
}

describe("docs/rehearsal.md", () => {
  test.each(examples(0, scriptAt))("its answer stands below: $message", async (example) => {
    expect(await transcript(agentWith(), example.message)).toBe(example.answer);
  });

  test("its script gives the answers below it, in that order", async () => {
    const agent = agentWith(blocks[scriptAt]?.body);
    const conversation = examples(scriptAt, blocks.length);
    expect(conversation).toHaveLength(3);
    for (const { message, answer } of conversation) {
      expect(await transcript(agent, message)).toBe(answer);
    }
  });

  test("it has examples, and each answer belongs to a message", () => {
    const count = (kind: string) => blocks.filter((block) => block.kind === kind).length;
    expect(count("editor")).toBeGreaterThan(8);
    expect(count("rehearsal")).toBe(count("editor"));
  });

  test.each(Object.keys(DIRECTIVE_FORMS))("its table has the directive %s", (verb) => {
    expect(page).toContain(`| \`/rehearse ${verb}`);
  });

  test("the directives of its table are all understood", async () => {
    const shown = Array.from(
      page.matchAll(/^\| `(\/rehearse [^`]+)` *\|/gm),
      ([, line]) => line ?? "",
    );
    expect(shown).toHaveLength(Object.keys(DIRECTIVE_FORMS).length);
    for (const line of shown.filter((each) => !/hang|help/.test(each))) {
      const after = line.includes("repeat") ? '/rehearse repeat 2\n/rehearse say ""' : line;
      const message = line.includes("park") ? `/rehearse tool read_file\n${line}` : after;
      expect(await transcript(agentWith(), message)).not.toContain("did not understand");
    }
  });

  test("its mistake in a script is told as it says", () => {
    const steps = [{ say: "a" }, { say: "b" }, { dleay: 1 }];
    const shown = blocks.find(({ kind }) => kind === "text")?.body ?? "no example";
    expect(() => parseRehearsalScript({ answers: [{ steps }] })).toThrow(shown);
  });
});
