// The ways in which our processes can stand between an editor and an agent, each started from nothing and shown through
// one interface: what to ask so that the agent does a thing, and how to see that it heard a cancel.

import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { eventually } from "./mlp.ts";
import type { Mlp, StartOptions, Suite } from "./mlp.ts";
import { call } from "./requests.ts";
import {
  DONE,
  callChunk,
  chunk,
  finishChunk,
  json,
  modelList,
  sse,
  ssePieces,
  startScriptedUpstream,
  textChunk,
  usageChunk,
} from "./scripted-upstream.ts";
import type { RecordedRequest, Reply, ScriptedUpstream } from "./scripted-upstream.ts";

export const TOOL = {
  name: "get_weather",
  description: "The weather of a city.",
  parameters: {
    type: "object" as const,
    properties: { city: { type: "string" } },
    required: ["city"],
  },
};

const LONG_WORDS = "ünïcödé 🎭 ";
const LONG_TIMES = 40_000;
/** Characters in the long answer: several times what may wait on a link. */
export const LONG_ANSWER = LONG_WORDS.length * LONG_TIMES;

/** What to ask so that the agent… */
export interface Prompts {
  /** …says what only it knows, in several pieces. */
  readonly nonce: string;
  /** …thinks "I think so." and then says "Yes, indeed." */
  readonly think: string;
  /** …calls the tool for Oslo, and then says what it returned. */
  readonly tool: string;
  /** …says "first words " and then nothing, until it is stopped. */
  readonly hold: string;
  /** …fails before a word. */
  readonly fail: string;
  /** …says "half " and fails. */
  readonly half: string;
  /** …says how many images came with it: "2 images". */
  readonly images: string;
  /** …says "ünïcödé 🎭 " again and again, `LONG_ANSWER` characters of it. */
  readonly long: string;
}

export interface Topology {
  /** Where clients go. */
  readonly provider: Mlp;
  readonly processes: readonly Mlp[];
  /** A model as the agent itself names it. */
  readonly model: string;
  /** A model that makes embeddings. */
  readonly embedder: string;
  readonly nonce: string;
  readonly prompts: Prompts;
  /** Resolves when the agent has heard that the turn of this request, asked with `prompt`, is no longer wanted. */
  heardCancel(requestId: string, prompt: string): Promise<unknown>;
  close(): Promise<void>;
}

const PORTS = ["--port", "0", "--bridge-port", "0", "--log-level", "debug"] as const;

export async function startEmbedded(suite: Suite, nonce: string): Promise<Topology> {
  const up = await suite.start(["up", ...PORTS, "--agent", "rehearsal"]);
  return {
    provider: up,
    processes: [up],
    model: "rehearsal",
    embedder: "rehearsal",
    nonce,
    prompts: {
      nonce: `/rehearse say "${nonce}"`,
      think: `/rehearse reasoning "I think so."\n/rehearse say "Yes, indeed."`,
      tool: `/rehearse tool get_weather {"city":"Oslo"}\n/rehearse park\n/rehearse results`,
      hold: `/rehearse say "first words "\n/rehearse hang`,
      fail: `/rehearse error agent_error "The agent fell over."`,
      images: "Count the images.",
      long: `/rehearse chunk 11\n/rehearse repeat ${LONG_TIMES}\n/rehearse say "${LONG_WORDS}"`,
      half: `/rehearse say "half "\n/rehearse error agent_error "The agent fell over."`,
    },
    heardCancel: (id) => rehearsalCancelled(up, id),
    close: async () => void (await up.stop()),
  };
}

/** Also the case of an agent whose answers stand in a file: nobody else knows the nonce. */
export async function startThreeProcesses(suite: Suite, nonce: string): Promise<Topology & Trio> {
  const trio = await startTrio(suite, { script: scriptOf(nonce) });
  return {
    ...trio,
    provider: trio.serve,
    processes: [trio.bridge, trio.agent, trio.serve],
    model: "rehearsal",
    embedder: "rehearsal",
    nonce,
    prompts: PLAIN_PROMPTS,
    heardCancel: (id) => rehearsalCancelled(trio.agent, id),
    close: async () => {
      for (const each of [trio.serve, trio.agent, trio.bridge]) await each.stop();
    },
  };
}

export async function startUpstreamEmbedded(suite: Suite, nonce: string): Promise<Topology> {
  const upstream = startPlayingUpstream(nonce);
  const up = await suite.start(["up", ...PORTS, "--agent", `openai:${upstream.url}`]);
  return {
    provider: up,
    processes: [up],
    ...upstreamParts(upstream, nonce),
    close: async () => {
      await up.stop();
      await upstream.stop();
    },
  };
}

export async function startUpstreamRemote(suite: Suite, nonce: string): Promise<Topology> {
  const upstream = startPlayingUpstream(nonce);
  const up = await suite.start(["up", ...PORTS, "--agent", "none"]);
  const agent = await suite.start([
    ...["agent", "openai", "--base-url", upstream.url, "--bridge", up.bridge],
    ...["--agent-id", "far-upstream", "--log-level", "debug"],
  ]);
  await approve(suite, { holder: up, agent, agentId: "far-upstream" });
  await untilServed(up, "scripted");
  return {
    provider: up,
    processes: [up, agent],
    ...upstreamParts(upstream, nonce),
    close: async () => {
      await agent.stop();
      await up.stop();
      await upstream.stop();
    },
  };
}

/** `mlp bridge`, `mlp agent rehearsal` and `mlp serve`, each with files of its own. */
export interface Trio {
  readonly bridge: Mlp;
  readonly agent: Mlp;
  readonly serve: Mlp;
  readonly agentId: string;
  /** What the agent was started with, and where it keeps what it knows: to start it again. */
  readonly agentArgs: readonly string[];
}

export interface TrioOptions {
  /** The text of the agent's script file. */
  readonly script?: string;
  /** Flags of `mlp sessions approve`. */
  readonly approval?: readonly string[];
  readonly approved?: boolean;
  readonly serve?: StartOptions;
}

export async function startTrio(suite: Suite, options: TrioOptions = {}): Promise<Trio> {
  const debug = ["--log-level", "debug"];
  const bridge = await suite.start(["bridge", "--port", "0", ...debug]);
  const agentId = "trio-agent";
  const agentArgs = [
    "agent",
    "rehearsal",
    "--bridge",
    bridge.bridge,
    "--agent-id",
    agentId,
    ...debug,
  ];
  if (options.script !== undefined) {
    const file = join(suite.folder("script"), "script.yaml");
    writeFileSync(file, options.script);
    agentArgs.push("--script", file);
  }
  const [agent, serve] = await Promise.all([
    suite.start(agentArgs),
    suite.start(["serve", "--port", "0", "--bridge", bridge.bridge, ...debug], options.serve),
  ]);
  if (options.approved !== false) {
    await approve(suite, { holder: bridge, agent, agentId, flags: options.approval ?? [] });
    await untilServed(serve, "rehearsal");
  }
  return { bridge, agent, serve, agentId, agentArgs };
}

export interface Approval {
  /** The server that keeps the sessions. */
  readonly holder: Mlp;
  readonly agent: Mlp;
  readonly agentId: string;
  readonly flags?: readonly string[];
}

/** As a human does it, by the command; resolves when the agent knows. */
export async function approve(suite: Suite, { holder, agent, agentId, flags = [] }: Approval) {
  await untilSession(agent, "pending");
  const { home } = holder;
  const ran = await suite.run(["sessions", "approve", agentId, "--yes", ...flags], { home });
  if (ran.code !== 0) throw new Error(`approve failed: ${ran.stdout}${ran.stderr}`);
  return await untilSession(agent, "active");
}

/** The agent's own log says what became of its session. */
export async function untilSession(agent: Mlp, status: string, since = 0): Promise<string> {
  const line = await agent.log.until(
    (line) => line.msg === "session" && line["status"] === status,
    {
      what: `a session that is ${status}`,
      since,
    },
  );
  return String(line["sessionId"]);
}

/** Until the provider has an agent for the model: it tells nobody when the bridge tells it. */
export async function untilServed(provider: Mlp, model: string): Promise<void> {
  await eventually(`${model} is served`, async () => {
    const response = await call(provider, "/api/ps");
    const { models } = (await response.json()) as { models: { name: string }[] };
    return models.some(({ name }) => name.startsWith(model)) ? true : undefined;
  });
}

async function rehearsalCancelled(runner: Mlp, requestId: string): Promise<unknown> {
  return await runner.log.until(
    (line) => line.msg === "rehearsal turn cancelled" && line["turn"] === requestId,
    { what: `the cancel of ${requestId}` },
  );
}

const PLAIN_PROMPTS: Prompts = {
  nonce: "What is the nonce?",
  think: "Think first.",
  tool: "Use the tool.",
  hold: "Hold the line.",
  fail: "Fail at once.",
  half: "Fail half way.",
  images: "Count the images.",
  long: "Go on and on.",
};

function scriptOf(nonce: string): string {
  const answers = [
    { match: PLAIN_PROMPTS.nonce, steps: [{ say: nonce }] },
    { match: PLAIN_PROMPTS.think, steps: [{ reasoning: "I think so." }, { say: "Yes, indeed." }] },
    {
      match: PLAIN_PROMPTS.tool,
      steps: [
        { tool: "get_weather", arguments: { city: "Oslo" } },
        { park: true },
        { results: true },
      ],
    },
    { match: PLAIN_PROMPTS.hold, steps: [{ say: "first words " }, { hang: true }] },
    {
      match: PLAIN_PROMPTS.fail,
      steps: [{ error: "agent_error", message: "The agent fell over." }],
    },
    {
      match: PLAIN_PROMPTS.long,
      steps: [{ chunk: 11 }, { repeat: LONG_TIMES }, { say: LONG_WORDS }],
    },
    {
      match: PLAIN_PROMPTS.half,
      steps: [{ say: "half " }, { error: "agent_error", message: "The agent fell over." }],
    },
  ];
  // JSON is YAML.
  return JSON.stringify({ answers });
}

function startPlayingUpstream(nonce: string): ScriptedUpstream {
  const upstream = startScriptedUpstream();
  upstream.replyToModels(modelList("scripted", "scripted-embed"));
  upstream.reply((request) => play(request, nonce));
  return upstream;
}

function upstreamParts(upstream: ScriptedUpstream, nonce: string) {
  return {
    model: "scripted",
    embedder: "scripted-embed",
    nonce,
    prompts: PLAIN_PROMPTS,
    heardCancel: async (_id: string, prompt: string) => {
      const request = upstream.requests.findLast(({ text }) => text.includes(prompt));
      if (request === undefined) throw new Error(`the upstream was never asked: ${prompt}`);
      await request.closed;
    },
  };
}

function play(request: RecordedRequest, nonce: string): Reply {
  if (request.path.endsWith("/embeddings")) return playEmbeddings(request);
  const { messages } = request.body as { messages: { role: string; content: unknown }[] };
  const last = messages.at(-1);
  if (last?.role === "tool") return says(String(last.content));
  const prompt = JSON.stringify(last?.content);
  const asks = (known: string): boolean => prompt.includes(known);
  if (asks(PLAIN_PROMPTS.nonce)) return says(...(nonce.match(/\S+\s*/g) ?? []));
  if (asks(PLAIN_PROMPTS.think)) {
    const thought = chunk({ reasoning_content: "I think so." });
    return sse(thought, textChunk("Yes, indeed."), finishChunk(), usageChunk(7, 5), DONE);
  }
  if (asks(PLAIN_PROMPTS.tool)) {
    const call = [callChunk(0, "", "call_1", "get_weather"), callChunk(0, `{"city":"Oslo"}`)];
    return sse(...call, finishChunk("tool_calls"), usageChunk(7, 5), DONE);
  }
  if (asks(PLAIN_PROMPTS.hold)) {
    return { pieces: [...ssePieces(textChunk("first words ")), { hang: true }] };
  }
  const failure = { error: { message: "The agent fell over." } };
  if (asks(PLAIN_PROMPTS.half)) return sse(textChunk("half "), failure);
  if (asks(PLAIN_PROMPTS.fail)) return json(failure, 500);
  if (asks(PLAIN_PROMPTS.long)) return says(...Array<string>(LONG_TIMES).fill(LONG_WORDS));
  if (asks(PLAIN_PROMPTS.images)) return says(`${imageParts(last?.content)} images`);
  return says("I do not know that one.");
}

function imageParts(content: unknown): number {
  return Array.isArray(content) ? content.filter(({ type }) => type === "image_url").length : 0;
}

function says(...pieces: readonly string[]): Reply {
  return sse(...pieces.map(textChunk), finishChunk(), usageChunk(7, 5), DONE);
}

function playEmbeddings({ body }: RecordedRequest): Reply {
  const { input } = body as { input: string | readonly string[] };
  const data = [input].flat().map((text, index) => ({
    object: "embedding",
    index,
    embedding: [text.length, 0.5, -0.25],
  }));
  return json({
    object: "list",
    model: "scripted",
    data,
    usage: { prompt_tokens: 2, total_tokens: 2 },
  });
}
