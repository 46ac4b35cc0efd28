// Several scripted upstreams and one agent in front of them, for the tests of what is shared among them.

import { type OpenAiAgent, createOpenAiAgent } from "../../../src/agents/openai/agent.ts";
import type { UpstreamSettings } from "../../../src/agents/openai/upstream.ts";
import type { TurnRequest } from "../../../src/core/turn.ts";
import { collectTurn } from "../../contract/collect-turn.ts";
import {
  DONE,
  type ScriptedUpstream,
  finishChunk,
  sse,
  startScriptedUpstream,
  textChunk,
} from "../../support/scripted-upstream.ts";
import {
  type FakeClock,
  chatRequest,
  createCountingRandom,
  createFakeClock,
  createMemoryLog,
  runTurn,
} from "../support.ts";

export interface Pool {
  readonly agent: OpenAiAgent;
  readonly clock: FakeClock;
  readonly log: ReturnType<typeof createMemoryLog>;
  /** Resolves once this message is logged, or has been, after the first `since` lines. */
  logged(message: string, since?: number): Promise<void>;
  /** The text of the answer: each upstream says its own letter. */
  ask(model?: string): Promise<string>;
  /** Turns that each upstream was asked for. */
  counts(): readonly number[];
}

export interface House {
  upstream(port?: number): ScriptedUpstream;
  pool(settings: readonly UpstreamSettings[], asked?: readonly ScriptedUpstream[]): Pool;
  /** One upstream per weight, each listing the model `scripted`, which answers with its letter: A, B… */
  lettered(...weights: readonly number[]): {
    readonly upstreams: readonly ScriptedUpstream[];
    readonly pool: Pool;
  };
  close(): Promise<void>;
}

export const hello = (model = "scripted"): TurnRequest => chatRequest("hello", { model });

export function createHouse(): House {
  const servers: ScriptedUpstream[] = [];
  const agents: OpenAiAgent[] = [];

  function upstream(port?: number): ScriptedUpstream {
    const server = startScriptedUpstream(port);
    servers.push(server);
    return server;
  }

  function pool(
    settings: readonly UpstreamSettings[],
    asked: readonly ScriptedUpstream[] = [],
  ): Pool {
    const clock = createFakeClock();
    const waiting = new Map<string, () => void>();
    const log = createMemoryLog(({ message }) => waiting.get(message)?.());
    const agent = createOpenAiAgent({
      agentId: "openai-1",
      label: "Upstreams",
      upstreams: settings,
      fetch,
      clock,
      random: createCountingRandom(),
      log,
    });
    agents.push(agent);
    return {
      agent,
      clock,
      log,
      logged: async (message, since = 0) => {
        if (log.lines.slice(since).some((line) => line.message === message)) return;
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.set(message, resolve);
        await promise;
      },
      ask: async (model) => (await collectTurn(runTurn(agent, hello(model)))).text,
      counts: () => asked.map(({ requests }) => requests.length),
    };
  }

  return {
    upstream,
    pool,
    lettered: (...weights) => {
      const upstreams = weights.map(() => upstream());
      for (const [at, each] of upstreams.entries()) each.reply(says(letter(at)));
      const settings = upstreams.map(({ url }, at) => {
        return { name: letter(at), baseUrl: url, weight: weights[at] ?? 1 };
      });
      return { upstreams, pool: pool(settings, upstreams) };
    },
    close: async () => {
      for (const agent of agents.splice(0)) agent.close();
      await Promise.all(servers.splice(0).map((server) => server.stop()));
    },
  };
}

export function letter(at: number): string {
  return String.fromCharCode(65 + at);
}

export function says(text: string) {
  return sse(textChunk(text), finishChunk(), DONE);
}
