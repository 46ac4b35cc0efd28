// A real process that speaks ACP, by its script, behind the connector: for the tests of both.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Acp, type AcpOptions, createAcp } from "../../../src/agents/acp/acp.ts";
import { scratchWorkspace } from "../../../src/agents/process/workspace.ts";
import { createSystem } from "../../../src/app/system.ts";
import { redact } from "../../../src/security/redact.ts";
import type { FakeScript } from "../../support/fake-acp-agent.ts";
import { eventually, isAlive } from "../../support/mlp.ts";
import { createMemoryLog } from "../support.ts";

export const FAKE_AGENT = join(import.meta.dir, "../../support/fake-acp-agent.ts");
export const FAKE_COMMAND = [process.execPath, FAKE_AGENT];

export interface FakeEvent {
  readonly event: string;
  readonly pid: number;
  readonly [field: string]: unknown;
}

export interface FakeAcp {
  readonly acp: Acp;
  readonly log: ReturnType<typeof createMemoryLog>;
  /** What the agent told so far. */
  events(name?: string): readonly FakeEvent[];
  /** Resolves with the first event of the name that the agent tells, or has told. */
  until(name: string): Promise<FakeEvent>;
  /** Ends the agent and checks that nothing of it is left. */
  close(): Promise<void>;
}

export function startFake(script: FakeScript, options: Partial<AcpOptions> = {}): FakeAcp {
  const system = createSystem();
  const folder = mkdtempSync(join(tmpdir(), "mlp-acp-"));
  const file = join(folder, "script.json");
  writeFileSync(file, JSON.stringify(script));
  const told: FakeEvent[] = [];
  const waiting = new Map<string, PromiseWithResolvers<FakeEvent>>();
  const log = createMemoryLog(({ message, fields }) => {
    if (message !== "agent stderr" || !("line" in fields)) return;
    const json = /^@fake (.*)$/.exec(String(fields.line))?.[1];
    if (json === undefined) return;
    const event = JSON.parse(json) as FakeEvent;
    told.push(event);
    waiting.get(event.event)?.resolve(event);
  });
  const workspaces = join(folder, "workspaces");
  const acp = createAcp({
    agentId: "fake",
    command: FAKE_COMMAND,
    env: { PATH: process.env["PATH"], HOME: folder },
    extraEnv: { FAKE_ACP_SCRIPT: file },
    workspace: scratchWorkspace(workspaces),
    version: "0.0.0",
    clock: system.clock,
    log,
    redact,
    sha256: system.sha256,
    ...options,
  });

  const events = (name?: string): readonly FakeEvent[] =>
    name === undefined ? [...told] : told.filter(({ event }) => event === name);

  async function until(name: string): Promise<FakeEvent> {
    const [known] = events(name);
    if (known !== undefined) return known;
    const wait = waiting.get(name) ?? Promise.withResolvers<FakeEvent>();
    waiting.set(name, wait);
    return await wait.promise;
  }

  async function close(): Promise<void> {
    await acp.close();
    const pids = told.flatMap(({ pid, grandchild }) =>
      typeof grandchild === "number" ? [pid, grandchild] : [pid],
    );
    await untilGone([...new Set(pids)]);
    const left = readdirSync(workspaces);
    rmSync(folder, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`scratch folders are left: ${left.join(", ")}`);
  }

  return { acp, log, events, until, close };
}

/** A killed process tells nobody of its end but its parent. */
export async function untilGone(pids: readonly number[]): Promise<void> {
  await eventually(`the end of ${pids.join(", ")}`, async () =>
    pids.some(isAlive) ? undefined : true,
  );
}
