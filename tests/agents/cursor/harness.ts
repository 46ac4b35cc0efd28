// Makes the stand-in for Cursor's program act out a scenario, in either of its modes.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { scratchWorkspace } from "../../../src/agents/process/workspace.ts";
import { createCursor } from "../../../src/agents/cursor/cursor.ts";
import type { Cursor, CursorOptions, CursorWay } from "../../../src/agents/cursor/cursor.ts";
import { createSystem } from "../../../src/app/system.ts";
import { redact } from "../../../src/security/redact.ts";
import type { AgentHarness } from "../../contract/agent-contract.ts";
import type { Scenario, Step } from "../../contract/scenario.ts";
import type { CursorPlay, CursorScript, CursorStep } from "../../support/fake-cursor-agent.ts";
import { createFakeCursor } from "../../support/fake-cursor.ts";
import type { FakeCursor } from "../../support/fake-cursor.ts";
import { createMemoryLog } from "../support.ts";

export interface RunningCursor {
  readonly agent: Cursor;
  readonly fake: FakeCursor;
  readonly log: ReturnType<typeof createMemoryLog>;
  /** Real time, and whatever a test lets pass besides. */
  readonly clock: { pass(ms: number): void };
  /** Throws when a process is left. */
  close(): Promise<void>;
}

/** Not started yet. */
export function openCursor(
  script: Omit<CursorScript, "port">,
  options: Partial<CursorOptions> = {},
): RunningCursor {
  const fake = createFakeCursor(script);
  const system = createSystem();
  let passed = 0;
  const clock = { ...system.clock, monotonic: () => system.clock.monotonic() + passed };
  const log = createMemoryLog();
  const folder = mkdtempSync(join(tmpdir(), "mlp-cursor-"));
  const agent = createCursor({
    ...system,
    clock,
    agentId: "cursor-test",
    program: fake.path,
    env: { PATH: process.env["PATH"], HOME: folder },
    workspace: scratchWorkspace(folder),
    version: "0.0.0",
    log,
    redact,
    ...options,
  });
  return {
    agent,
    fake,
    log,
    clock: { pass: (ms) => (passed += ms) },
    close: async () => {
      await agent.close();
      await fake.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function cursorHarness(way: CursorWay): AgentHarness {
  return {
    supports: {
      embeddings: "none",
      parking: false,
      // By itself it calls none; the envelope in which it does has tests of its own.
      toolCalls: false,
      saysLength: way === "acp",
      failures: ["agent_error", "agent_lost"],
    },
    start: async (scenario) => {
      const { agent, fake, close } = openCursor({
        hasAcp: way === "acp",
        plays: playsOf(scenario),
      });
      await agent.start();
      if (agent.way !== way) throw new Error(`it is driven by ${agent.way}`);
      return {
        agent,
        reached: fake.until(({ event }) => event === "hanging").then(() => undefined),
        stopped: fake.stopped().then(() => undefined),
        close,
      };
    },
  };
}

function playsOf(scenario: Scenario): readonly CursorPlay[] {
  return scenario.map(({ when, steps }) => ({
    ...(when !== undefined && { when }),
    steps: steps.flatMap(stepsOf),
  }));
}

function stepsOf(step: Step): readonly CursorStep[] {
  switch (step.type) {
    case "say":
      return [{ say: step.text }];
    case "think":
      return [{ think: step.text }];
    case "usage": {
      const { promptTokens: input, completionTokens: output } = step.usage;
      return [{ usage: { input, output } }];
    }
    case "finish":
      return [{ stop: step.reason === "length" ? "max_tokens" : "end_turn" }];
    case "fail":
      return [step.code === "agent_lost" ? { killed: true } : { fail: "The scenario says: fail." }];
    case "hang":
      return [{ hang: true }];
    case "call":
    case "say-results":
    case "park":
    case "vectors":
      return [{ say: `not a step of this agent: ${step.type}` }];
  }
}
