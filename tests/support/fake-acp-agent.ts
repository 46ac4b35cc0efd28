// An agent that speaks ACP on its standard streams, built with the protocol's own SDK, and does what its script says. Run by
// bun as a process of its own. The script is JSON in the file that FAKE_ACP_SCRIPT names; what happens is told on the error
// output, each event a line: `@fake {"event":…}`.

import { createHash } from "node:crypto";
import { readFileSync, writeSync } from "node:fs";
import { Readable, Writable } from "node:stream";

import * as acp from "@agentclientprotocol/sdk/unstable";

export type FakeStep =
  | { readonly say: string }
  | { readonly think: string }
  /** A `session/update` to the letter. */
  | { readonly update: object }
  /** Asks for permission; says which option was chosen, or `cancelled`, unless it is `silent`. */
  | {
      readonly ask: { readonly toolCall: object; readonly options?: readonly object[] };
      readonly silent?: true;
    }
  /** A request beside the protocol; says its answer as JSON, or the code of its error. */
  | { readonly vendor: string; readonly params?: object }
  /** Asks for permission and calls the tool of the first MCP server that the session was given; says its result, images by their size and hash. */
  | { readonly tool: string; readonly arguments: Record<string, unknown> }
  | { readonly usage: object }
  | { readonly stop: string }
  /** What the answer to the prompt has besides. */
  | { readonly answer: object }
  | { readonly fail: string; readonly code?: number }
  /** Nothing more, until it is cancelled; then it may ask for permission all the same. */
  | { readonly hang: true; readonly asks?: object }
  /** The same, and does not hear the cancel. */
  | { readonly deaf: true }
  /** Exits. */
  | { readonly crash: number }
  /** Says the prompt it got, as JSON. */
  | { readonly echo: true }
  /** Says the session's id, mode, model, and how many MCP servers it has. */
  | { readonly state: true }
  /** Says the names of its variables that match. */
  | { readonly variables: string }
  /** Says its working folder. */
  | { readonly folder: true }
  | { readonly stderr: string };

export interface FakeScript {
  /** The first whose `when` the last text of the prompt contains (or is, with `exact`) is played. */
  readonly plays?: readonly {
    readonly when?: string;
    readonly exact?: boolean;
    readonly steps: readonly FakeStep[];
  }[];
  readonly capabilities?: object;
  readonly agentInfo?: object;
  readonly protocolVersion?: number;
  /** Besides its id, in the answer to `session/new`. */
  readonly session?: object;
  /** Until `authenticate` is called with this id. */
  readonly login?: string;
  readonly authMethods?: readonly object[];
  /** Ends at once, with this code, after saying so. */
  readonly crashAtStart?: number;
  /** Never answers `initialize`. */
  readonly mute?: true;
  /** Starts a process that would stay. */
  readonly grandchild?: true;
  /** Ignores SIGTERM. */
  readonly stubborn?: true;
  /** Ends when this many sessions are open. */
  readonly sessionsBeforeCrash?: number;
  readonly refuseMode?: true;
  /** Whatever it is told, this option is as it was. */
  readonly keepsMode?: object;
}

interface Session {
  model: string | undefined;
  mode: string | undefined;
  servers: readonly acp.McpServer[];
  prompts: number;
  cancel: () => void;
}

if (import.meta.main) {
  const file = process.env["FAKE_ACP_SCRIPT"];
  serve(file === undefined ? {} : (JSON.parse(readFileSync(file, "utf8")) as FakeScript));
}

/** Lines of the error output are cut at 1,000 characters: what is told is short. */
function tell(event: string, fields: object = {}): void {
  writeSync(2, `@fake ${JSON.stringify({ event, pid: process.pid, ...fields })}\n`);
}

function serve(script: FakeScript): void {
  if (script.stubborn === true) process.on("SIGTERM", () => tell("sigterm"));
  if (script.grandchild === true) {
    const grandchild = Bun.spawn(["/bin/sh", "-c", "trap '' TERM; while :; do sleep 60; done"], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    tell("grandchild", { grandchild: grandchild.pid });
  }
  if (script.crashAtStart !== undefined) {
    process.stderr.write("cannot start: the moon is in the wrong place\n");
    process.exit(script.crashAtStart);
  }
  const sessions = new Map<string, Session>();
  let isLoggedIn = script.login === undefined;
  let opened = 0;
  tell("started");

  function open(): string {
    opened += 1;
    if (opened > (script.sessionsBeforeCrash ?? Number.POSITIVE_INFINITY)) process.exit(9);
    const id = `fake-${process.pid}-${opened}`;
    adopt(id);
    return id;
  }

  function adopt(id: string): void {
    sessions.set(id, {
      model: undefined,
      mode: undefined,
      servers: [],
      prompts: 0,
      cancel: () => undefined,
    });
  }

  const get = (id: string): Session => {
    const session = sessions.get(id);
    if (session === undefined) throw acp.RequestError.sessionNotFound(id);
    return session;
  };

  const app = acp
    .agent({ name: "fake" })
    .onRequest("initialize", async ({ params }) => {
      tell("initialize", { params });
      if (script.mute === true) await new Promise(() => undefined);
      return {
        protocolVersion: script.protocolVersion ?? 1,
        agentInfo: { name: "fake-acp", version: "1.2.3", ...script.agentInfo },
        agentCapabilities: {
          mcpCapabilities: { http: true },
          promptCapabilities: { image: true },
          sessionCapabilities: { close: {} },
          ...script.capabilities,
        },
        authMethods: (script.authMethods ?? []) as never,
      };
    })
    .onRequest("authenticate", ({ params }) => {
      tell("authenticate", params);
      isLoggedIn = params.methodId === script.login;
      return {};
    })
    .onRequest("session/new", ({ params }) => {
      if (!isLoggedIn) throw acp.RequestError.authRequired();
      const sessionId = open();
      get(sessionId).servers = params.mcpServers;
      tell("new", { sessionId, params });
      return { sessionId, ...script.session };
    })
    .onRequest("session/resume", ({ params }) => {
      tell("resume", { sessionId: params.sessionId });
      adopt(params.sessionId);
      return {};
    })
    .onRequest("session/load", ({ params }) => {
      tell("load", { sessionId: params.sessionId });
      adopt(params.sessionId);
      return {};
    })
    .onRequest("session/close", ({ params }) => {
      tell("close", params);
      sessions.delete(params.sessionId);
      return {};
    })
    .onRequest("session/set_mode", ({ params }) => {
      if (script.refuseMode === true) throw new acp.RequestError(-32_603, "no modes today");
      get(params.sessionId).mode = params.modeId;
      tell("mode", params);
      return {};
    })
    .onRequest("session/set_config_option", ({ params }) => {
      const session = get(params.sessionId);
      if (params.configId === "mode") session.mode = String(params.value);
      else session.model = String(params.value);
      tell("config", params);
      return { configOptions: (script.keepsMode ? [script.keepsMode] : []) as never };
    })
    .onRequest(
      "session/set_model",
      (params) => params as { sessionId: string; modelId: string },
      ({ params }) => {
        get(params.sessionId).model = params.modelId;
        tell("model", params);
        return {};
      },
    )
    .onNotification("session/cancel", ({ params }) => {
      tell("cancel", params);
      sessions.get(params.sessionId)?.cancel();
    })
    .onRequest("session/prompt", async ({ params, client }) => {
      const { sessionId, prompt } = params;
      const session = get(sessionId);
      session.prompts += 1;
      tell("prompt", { sessionId, text: JSON.stringify(prompt).slice(0, 300) });
      const cancelled = new Promise<void>((resolve) => {
        session.cancel = resolve;
      });
      const isCancelled = (): Promise<boolean> =>
        Promise.race([cancelled.then(() => true), Promise.resolve(false)]);
      const update = (body: object): Promise<void> =>
        client.notify("session/update", { sessionId, update: body as acp.SessionUpdate });
      const say = (text: string): Promise<void> =>
        update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text } });
      let stopReason = "end_turn";
      const answer: Record<string, unknown> = {};
      for (const step of stepsFor(script, prompt)) {
        if (await isCancelled()) return { stopReason: "cancelled" };
        if ("say" in step) await say(step.say);
        else if ("think" in step) {
          await update({
            sessionUpdate: "agent_thought_chunk",
            content: { type: "text", text: step.think },
          });
        } else if ("update" in step) await update(step.update);
        else if ("ask" in step) {
          const { outcome } = await client.request("session/request_permission", {
            sessionId,
            toolCall: step.ask.toolCall as acp.ToolCallUpdate,
            options: (step.ask.options ?? PERMISSIONS) as acp.PermissionOption[],
          });
          tell("permission", { outcome });
          const said = outcome.outcome === "selected" ? outcome.optionId : outcome.outcome;
          if (step.silent !== true) await say(said);
        } else if ("vendor" in step) {
          const method: string = step.vendor;
          const answered = await client.request(method, step.params ?? {}).then(
            (result) => JSON.stringify(result),
            (error: unknown) => `error ${(error as acp.RequestError).code}`,
          );
          await say(answered);
        } else if ("tool" in step) {
          const toolCall: object = {
            toolCallId: "tool",
            title: `editor_${step.tool}`,
            kind: "other",
          };
          const { outcome } = await client.request("session/request_permission", {
            sessionId,
            toolCall: toolCall as acp.ToolCallUpdate,
            options: PERMISSIONS as acp.PermissionOption[],
          });
          tell("permission", { outcome });
          await say(await callTool(session.servers[0], step.tool, step.arguments));
        } else if ("usage" in step) answer["usage"] = step.usage;
        else if ("stop" in step) stopReason = step.stop;
        else if ("answer" in step) Object.assign(answer, step.answer);
        else if ("fail" in step) {
          throw new acp.RequestError(step.code ?? -32_603, "Internal error", {
            details: step.fail,
          });
        } else if ("hang" in step) {
          await cancelled;
          if (step.asks !== undefined) {
            const { outcome } = await client.request("session/request_permission", {
              sessionId,
              toolCall: step.asks as acp.ToolCallUpdate,
              options: PERMISSIONS as acp.PermissionOption[],
            });
            tell("permission", { outcome });
          }
          return { stopReason: "cancelled" };
        } else if ("deaf" in step) await new Promise(() => undefined);
        else if ("crash" in step) process.exit(step.crash);
        else if ("echo" in step) await say(JSON.stringify(prompt));
        else if ("state" in step) {
          const { model, mode, prompts } = session;
          const servers = session.servers.length;
          await say(JSON.stringify({ sessionId, model, mode, servers, prompts }));
        } else if ("variables" in step) {
          const names = Object.keys(process.env).filter((name) =>
            new RegExp(step.variables).test(name),
          );
          await say(JSON.stringify(names.sort()));
        } else if ("folder" in step) await say(process.cwd());
        else process.stderr.write(`${step.stderr}\n`);
      }
      return { stopReason: stopReason as acp.StopReason, ...answer };
    });
  app.connect(
    acp.ndJsonStream(
      Writable.toWeb(process.stdout) as WritableStream<Uint8Array>,
      Readable.toWeb(process.stdin),
    ),
  );
}

async function callTool(
  server: acp.McpServer | undefined,
  name: string,
  given: Record<string, unknown>,
): Promise<string> {
  if (server === undefined || !("url" in server)) return "no server";
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const headers = Object.fromEntries(server.headers.map(({ name, value }) => [name, value]));
  const mcp = new Client({ name: "fake-acp", version: "1" });
  await mcp.connect(
    new StreamableHTTPClientTransport(new URL(server.url), { requestInit: { headers } }),
  );
  const { content } = await mcp.callTool({ name, arguments: given });
  await mcp.close();
  return content
    .map((part) => {
      if (part.type === "text") return part.text;
      if (part.type !== "image") return `[${part.type}]`;
      const bytes = Buffer.from(part.data, "base64");
      const hash = createHash("sha256").update(bytes).digest("hex");
      return `[${part.mimeType}, ${bytes.length} bytes, ${hash}]`;
    })
    .join("");
}

const PERMISSIONS = [
  { optionId: "id-c", name: "Always", kind: "allow_always" },
  { optionId: "id-a", name: "No, never", kind: "allow_once" },
  { optionId: "id-d", name: "Never", kind: "reject_always" },
  { optionId: "id-b", name: "Yes, please", kind: "reject_once" },
];

function stepsFor(
  { plays = [] }: FakeScript,
  prompt: readonly acp.ContentBlock[],
): readonly FakeStep[] {
  const last = prompt.findLast((block) => block.type === "text")?.text ?? "";
  const play = plays.find(({ when, exact }) => {
    if (when === undefined) return true;
    return exact === true ? last.endsWith(when) : last.includes(when);
  });
  return play?.steps ?? [{ say: "no play for this" }];
}
