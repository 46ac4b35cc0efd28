import { describe, expect, test } from "bun:test";

import { AppError } from "../../src/core/error.ts";
import { createLog } from "../../src/observe/log.ts";
import type { LogSettings } from "../../src/observe/log.ts";

function record(settings: Partial<LogSettings> = {}) {
  const writes: string[] = [];
  const stream = { write: (text: string) => writes.push(text) };
  const log = createLog({
    level: "debug",
    format: "json",
    color: false,
    stream,
    censor: (line) => line,
    ...settings,
  });
  return {
    log,
    writes,
    /** The lines so far, the waiting ones too. */
    get lines() {
      log.flush();
      return writes
        .join("")
        .split(/(?<=\n)/)
        .filter((line) => line !== "");
    },
  };
}

interface LogRecord {
  readonly [field: string]: unknown;
  readonly time: string;
  readonly error: { readonly message: string; readonly at: readonly string[] };
}

function parsed(line: string | undefined): LogRecord {
  return JSON.parse(line!) as LogRecord;
}

describe("JSON lines", () => {
  test("have level, time, the fields and the message, and nothing about the machine", () => {
    const recorded = record();
    const { log } = recorded;
    log.info({ turn: "turn_1", ms: 5 }, "turn ended");
    expect(recorded.lines[0]).toEndWith("\n");
    const { time, ...rest } = parsed(recorded.lines[0]);
    expect<object>(rest).toEqual({ level: "info", turn: "turn_1", ms: 5, msg: "turn ended" });
    expect(new Date(time).toISOString()).toBe(time);
  });

  test("below the level are not written", () => {
    const recorded = record({ level: "warn" });
    const { log } = recorded;
    log.debug({}, "a");
    log.info({}, "b");
    log.warn({}, "c");
    log.error({}, "d");
    expect(recorded.lines.map((line) => parsed(line)["msg"])).toEqual(["c", "d"]);
  });

  test("are not written at all at level silent", () => {
    const recorded = record({ level: "silent" });
    const { log } = recorded;
    log.error({}, "a");
    expect(recorded.lines).toEqual([]);
  });

  test("that cannot be JSON name their fields instead", () => {
    const recorded = record();
    const loop: { self?: object } = {};
    loop.self = loop;
    recorded.log.info({ loop, big: 1n }, "m");
    expect(parsed(recorded.lines[0])).toMatchObject({ unloggable: ["loop", "big"], msg: "m" });
  });

  test("are of the level that was set last", () => {
    const recorded = record({ level: "error" });
    recorded.log.warn({}, "a");
    recorded.log.setLevel("warn");
    recorded.log.warn({}, "b");
    recorded.log.info({}, "c");
    expect(recorded.lines.map((line) => parsed(line)["msg"])).toEqual(["b"]);
  });

  test("stay one line whatever a field holds", () => {
    const recorded = record();
    const { log } = recorded;
    log.info({ agent: 'a\n{"level":"error"}\u2028' }, "b\nc");
    expect(recorded.lines).toHaveLength(1);
    expect(recorded.lines[0]!.trimEnd()).not.toContain("\n");
  });
});

describe("secrets", () => {
  test("are taken out by the name of their field", () => {
    const recorded = record();
    const { log } = recorded;
    log.info(
      { token: "canary", headers: { authorization: "canary", accept: "x" }, key: "canary" },
      "m",
    );
    expect(recorded.lines[0]).not.toContain("canary");
    expect(parsed(recorded.lines[0])["headers"]).toEqual({
      authorization: "[redacted]",
      accept: "x",
    });
  });

  test("are taken out by the censor, wherever they stand, in either format", () => {
    const censor = (line: string) => line.replaceAll("hunter2", "***");
    for (const format of ["json", "pretty"] as const) {
      const recorded = record({ format, censor });
      const { log } = recorded;
      log.info({ deep: { deeper: ["hunter2"] }, path: "/k/hunter2/v1" }, "got hunter2");
      log.info({ error: new AppError("forbidden", "not hunter2") }, "m");
      expect(recorded.lines.length).toBeGreaterThanOrEqual(2);
      expect(recorded.lines.join("")).not.toContain("hunter2");
      expect(recorded.lines.join("")).toContain("/k/***/v1");
    }
  });
});

test("lines of a moment are written together, and a warning does not wait", () => {
  const { log, writes } = record();
  log.info({}, "one");
  log.debug({}, "two");
  expect(writes).toEqual([]);
  log.warn({}, "three");
  expect(writes).toHaveLength(1);
  expect(writes[0]!.match(/one|two|three/g)).toEqual(["one", "two", "three"]);
});

test("lines that nobody follows are written by themselves", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const { log } = record({ stream: { write: resolve } });
  log.info({}, "alone");
  expect(await promise).toContain("alone");
});

describe("errors", () => {
  test("of ours keep message, code and place", () => {
    const recorded = record();
    const { log } = recorded;
    log.error({ error: new AppError("agent_lost", "The agent went away.") }, "turn failed");
    const { error } = parsed(recorded.lines[0]);
    expect(error).toMatchObject({
      type: "AppError",
      code: "agent_lost",
      message: "The agent went away.",
    });
    expect(error.at[0]).toContain("log.test.ts");
  });

  test("of parsers, which quote what they read, keep no text, not even as a cause or in a stack", () => {
    const recorded = record();
    const { log } = recorded;
    let cause: unknown;
    try {
      JSON.parse("prompt-canary");
    } catch (error) {
      cause = error;
    }
    log.error({ err: new AppError("internal", "Something went wrong.", { cause }) }, "failed");
    expect(recorded.lines[0]).toContain("SyntaxError");
    expect(recorded.lines[0]).not.toContain("canary");
  });

  test("of others are cut short", () => {
    const recorded = record();
    const { log } = recorded;
    log.error({ error: new Error("x".repeat(10_000)) }, "failed");
    expect(parsed(recorded.lines[0])["error"].message).toHaveLength(200);
  });

  test("that cause each other end", () => {
    const recorded = record();
    const { log } = recorded;
    const error = new Error("round");
    error.cause = error;
    log.error({ error }, "failed");
    expect(recorded.lines[0]!.split('"cause"')).toHaveLength(5);
  });
});

describe("pretty lines", () => {
  test("are made for reading", () => {
    const recorded = record({ format: "pretty" });
    const { log } = recorded;
    log.info({ turn: "turn_1", label: "two words", usage: { tokens: 1 } }, "turn ended");
    expect(recorded.lines[0]).toMatch(
      /^\d\d:\d\d:\d\d info  turn ended turn=turn_1 label="two words" usage=\{"tokens":1\}\n$/,
    );
  });

  test("have colours only when asked", () => {
    const recorded = record({ format: "pretty", color: true });
    const { log } = recorded;
    log.warn({}, "careful");
    expect(recorded.lines[0]).toContain("\u001b[33mwarn");
  });

  test("show control characters instead of obeying them", () => {
    const recorded = record({ format: "pretty" });
    const { log } = recorded;
    log.info({ agent: "\u001b[2Jevil\u202e\n" }, "hello \u001b]0;title\u0007\r\n");
    expect(recorded.lines[0]!.trimEnd()).not.toMatch(/[\u0000-\u001f\u202e]/);
    expect(recorded.lines[0]).toContain("\\u001b[2Jevil");
  });

  test("put the frames of an error below", () => {
    const recorded = record({ format: "pretty" });
    const { log } = recorded;
    log.error({ error: new Error("no") }, "failed");
    expect(recorded.lines.join("")).toMatch(/^\S+ error failed error=no\n    at .*log\.test\.ts/);
  });
});
