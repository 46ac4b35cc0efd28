import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { modeFor, printArguments } from "../../../src/agents/cursor/arguments.ts";
import { createCursorDecoder } from "../../../src/agents/cursor/decode.ts";
import { cursorFailure } from "../../../src/agents/cursor/errors.ts";
import { parseCursorModels } from "../../../src/agents/cursor/models.ts";
import type { TurnEvent } from "../../../src/core/event.ts";
import { createNdjsonDecoder } from "../../../src/wire/ndjson.ts";
import { assembleTurn } from "../../contract/collect-turn.ts";

const session_id = "c3a1";
const message = (text: string) => ({ role: "assistant", content: [{ type: "text", text }] });
const delta = (text: string) => ({
  type: "assistant",
  message: message(text),
  session_id,
  timestamp_ms: 1,
});
const snapshot = (text: string) => ({ ...delta(text), model_call_id: "m1" });
const final = (text: string) => ({ type: "assistant", message: message(text), session_id });
const thinking = (text: string) => ({ type: "thinking", subtype: "delta", text, session_id });
const result = (text: string, more: object = {}) => ({
  type: "result",
  subtype: "success",
  is_error: false,
  result: text,
  session_id,
  ...more,
});
const called = (subtype: string, tool_call: object) => ({
  type: "tool_call",
  subtype,
  call_id: "toolu_1\nfc_1",
  tool_call,
  session_id,
});
const read = { readToolCall: { args: { path: "src/a.ts" } } };

function decode(...events: readonly object[]): readonly TurnEvent[] {
  const decoder = createCursorDecoder();
  return [...events.flatMap((event) => decoder.line(JSON.stringify(event))), ...decoder.end()];
}

describe("a stream of print mode", () => {
  test("is reasoning, text and one finish", () => {
    const turn = assembleTurn(
      decode(
        { type: "system", subtype: "init", session_id, model: "Auto" },
        { type: "user", message: message("hi"), session_id },
        thinking("Hm."),
        { type: "thinking", subtype: "completed", session_id },
        delta("Let me look."),
        snapshot("Let me look."),
        called("started", read),
        called("completed", read),
        delta(" It is "),
        delta("fine."),
        final(" It is fine."),
        result("Let me look. It is fine."),
      ),
    );
    expect(turn.text).toBe("Let me look. It is fine.");
    expect(turn.reasoning).toBe("Hm.\n[read src/a.ts]\n");
    expect(turn.finish).toEqual({ type: "finish", reason: "stop" });
  });

  test("that only has a result is its text", () => {
    expect(assembleTurn(decode(result("All at once."))).text).toBe("All at once.");
  });

  test("counts where the build counts", () => {
    const usage = { inputTokens: 5, outputTokens: 7, cacheReadTokens: 100, cacheWriteTokens: 2 };
    expect(assembleTurn(decode(delta("x"), result("x", { usage }))).finish.usage).toEqual({
      promptTokens: 107,
      completionTokens: 7,
      cachedTokens: 100,
    });
  });

  test("names the conversation", () => {
    const decoder = createCursorDecoder();
    decoder.line(JSON.stringify({ type: "system", subtype: "init", session_id: "first" }));
    expect(decoder.chatId).toBe("first");
  });

  test("may have lines for people, which are no answer", () => {
    const decoder = createCursorDecoder();
    expect(decoder.line("Named models unavailable.")).toEqual([]);
    expect(decoder.line('{"no":"type"}')).toEqual([]);
    expect(decoder.complaints).toEqual(["Named models unavailable.", '{"no":"type"}']);
  });

  test("keeps the latest complaints only, and not all of a long one", () => {
    const decoder = createCursorDecoder();
    for (let index = 0; index < 100; index += 1) decoder.line(`${index} ${"x".repeat(10_000)}`);
    expect(decoder.complaints).toHaveLength(20);
    expect(decoder.complaints.at(-1)).toStartWith("99 ");
    expect(Math.max(...decoder.complaints.map(({ length }) => length))).toBe(500);
  });

  test("knows an error by its mark", () => {
    const decoder = createCursorDecoder();
    decoder.line(JSON.stringify(result("no", { subtype: "error", is_error: true })));
    expect(decoder.result).toEqual({ isError: true, text: "no" });
  });

  test("hears nothing after the result, however it comes", () => {
    const decoder = createCursorDecoder();
    decoder.line(JSON.stringify(result("yes")));
    for (const late of [delta("late"), result("no", { is_error: true })]) {
      expect(decoder.line(JSON.stringify(late))).toEqual([]);
    }
    expect(decoder.result).toEqual({ isError: false, text: "yes" });
  });

  test("notes other tools of the agent's, each on a line of its own", () => {
    const notes = [
      { shellToolCall: { args: { command: "ls -l\n| head" } } },
      { updateTodosToolCall: { args: { todos: [] } } },
      { function: { name: "grep", arguments: "{}" } },
      { grepToolCall: { args: { pattern: "👍".repeat(1_000) } } },
    ].map((call) => decode(called("started", call))[0]);
    expect(notes.map((note) => (note as { text: string }).text)).toEqual([
      "\n[shell ls -l | head]\n",
      "\n[updateTodos]\n",
      "\n[grep]\n",
      `\n[grep ${"👍".repeat(97)}…]\n`,
    ]);
  });

  test("reads the same however its bytes are cut", () => {
    const stream = [
      delta("naïve "),
      delta("日本語 👍"),
      snapshot("naïve 日本語 👍"),
      called("started", read),
      delta("!"),
      final("!"),
    ]
      .map((event) => `${JSON.stringify(event)}\n`)
      .join("");
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 80 }), { maxLength: 60 }), (sizes) => {
        const decoder = createCursorDecoder();
        const lines = createNdjsonDecoder();
        const events: TurnEvent[] = [];
        let at = 0;
        for (const size of [...sizes, stream.length]) {
          for (const line of lines.push(stream.slice(at, at + size))) {
            events.push(...decoder.line(line));
          }
          at += size;
        }
        expect(assembleTurn([...events, ...decoder.end()]).text).toBe("naïve 日本語 👍!");
      }),
    );
  });
});

describe("the list of models", () => {
  test("is read from the lines of --list-models, auto first", () => {
    const models = parseCursorModels(
      "\u001b[2K\u001b[1mAvailable models\u001b[22m\n\ngpt-5.2 - GPT-5.2\nauto - Auto (current)\n" +
        "opus-4.5-thinking - Claude 4.5 Opus (Thinking)  (default)\n\nTip: use --model <id> to switch.\n",
    );
    expect(models.map(({ id, label }) => [id, label])).toEqual([
      ["auto", "Auto"],
      ["gpt-5.2", "GPT-5.2"],
      ["opus-4.5-thinking", "Claude 4.5 Opus (Thinking)"],
    ]);
  });

  test("is read from one line, as an older build has it", () => {
    const models = parseCursorModels("Available models: auto, sonnet-4.5, gpt-5\n");
    expect(models.map(({ id }) => id)).toEqual(["auto", "sonnet-4.5", "gpt-5"]);
  });

  test("is auto alone where nothing can be read", () => {
    for (const text of ["", "No models available for this account.\n", "Loading models…\n"]) {
      expect(parseCursorModels(text).map(({ id }) => id)).toEqual(["auto"]);
    }
  });

  test("never has a name that would be an option on a command line", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("-", "a", " ", "\n", "=", ";") }), (text) => {
        for (const { id } of parseCursorModels(text)) expect(id).toMatch(/^[a-z0-9]/i);
      }),
    );
  });
});

describe("the command line", () => {
  const args = (scopes: readonly string[]) =>
    printArguments({ mode: modeFor(scopes), model: "auto", workspace: "/w", chatId: undefined });

  test("asks only, unless writing and running were granted both", () => {
    for (const scopes of [
      [],
      ["inference", "tools", "agent:read"],
      ["agent:write"],
      ["agent:exec"],
    ]) {
      expect(args(scopes).join(" ")).toContain("--mode ask");
      expect(args(scopes)).not.toContain("--force");
    }
    expect(args(["agent:write", "agent:exec"])).toContain("--force");
    expect(args(["agent:write", "agent:exec"])).not.toContain("--mode");
  });

  test("is the documented one", () => {
    const wanted = { mode: "ask", model: "gpt-5.2", workspace: "/w", chatId: "c1" } as const;
    expect(printArguments(wanted).join(" ")).toBe(
      "-p --output-format stream-json --stream-partial-output --mode ask --trust --workspace /w --model gpt-5.2 --resume c1",
    );
  });
});

describe("an end without an answer", () => {
  const failure = (words: string, exitCode = 1) => cursorFailure({ words: [words], exitCode });

  test("for want of a login says what to run", () => {
    for (const words of [
      "Error: Not logged in",
      "Authentication required. Please run 'agent login' first",
    ]) {
      expect(failure(words).message).toContain("Run `cursor-agent login`");
    }
  });

  test("for a model that the plan does not have is the model's fault", () => {
    const error = failure("Named models unavailable Free plans can only use Auto. Switch to Auto.");
    expect(error.code).toBe("model_not_found");
    expect(error.message).toContain("`auto`");
    expect(failure("Cannot use this model: gpt-9. Available models: auto").code).toBe(
      "model_not_found",
    );
  });

  test("never repeats what the agent said", () => {
    for (const exitCode of [0, 1, 137]) {
      expect(failure("my secret prompt", exitCode).message).not.toContain("secret");
    }
  });

  test("tells a kill from a failure, and a failure from a stream that just ends", () => {
    expect(failure("", 137).code).toBe("agent_lost");
    expect(failure("", 3).message).toContain("exit code 3");
    expect(failure("", 0).message).toContain("before it had finished");
  });
});
