// An ACP agent that works with the tools of the MCP servers it is given, as real ones do: with the protocols' own SDKs, as
// a process of its own. It reads the file that the prompt names, asking for permission first, and says what is in it with
// the word in FAKE_WORD. What happens is told on the error output, each event a line: `@fake {"event":…}`.

import { writeSync } from "node:fs";
import { Readable, Writable } from "node:stream";

import * as acp from "@agentclientprotocol/sdk/unstable";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

interface Session {
  readonly servers: readonly acp.McpServer[];
  readonly stop: AbortController;
}

if (import.meta.main) serve();

function tell(event: string): void {
  writeSync(2, `@fake ${JSON.stringify({ event, pid: process.pid })}\n`);
}

async function connect(server: acp.McpServer | undefined): Promise<Client> {
  if (server === undefined || !("url" in server)) throw new Error("no server over HTTP");
  const headers = Object.fromEntries(server.headers.map(({ name, value }) => [name, value]));
  const client = new Client({ name: "fake", version: "1" });
  await client.connect(
    new StreamableHTTPClientTransport(new URL(server.url), { requestInit: { headers } }),
  );
  return client;
}

function serve(): void {
  const word = process.env["FAKE_WORD"] ?? "";
  const sessions = new Map<string, Session>();
  const app = acp
    .agent({ name: "fake" })
    .onRequest("initialize", () => ({
      protocolVersion: 1,
      agentInfo: { name: "fake-tools", version: "1" },
      agentCapabilities: { mcpCapabilities: { http: true } },
      authMethods: [],
    }))
    .onRequest("session/new", ({ params }) => {
      const sessionId = `tools-${sessions.size}`;
      sessions.set(sessionId, { servers: params.mcpServers, stop: new AbortController() });
      return { sessionId };
    })
    .onNotification("session/cancel", ({ params }) => {
      tell("cancel");
      sessions.get(params.sessionId)?.stop.abort();
    })
    .onRequest("session/prompt", async ({ params, client }) => {
      const { sessionId } = params;
      const { servers, stop } = sessions.get(sessionId)!;
      const update = (body: object): Promise<void> =>
        client.notify("session/update", { sessionId, update: body as acp.SessionUpdate });
      const say = (text: string): Promise<void> =>
        update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text } });
      if (servers.length === 0) {
        await say(`No tools here. ${word}`);
        return { stopReason: "end_turn" as const };
      }
      const call = { toolCallId: "1", title: "editor__read_file", kind: "other" as const };
      const { outcome } = await client.request("session/request_permission", {
        sessionId,
        toolCall: { ...call, status: "pending" as const },
        options: [
          { optionId: "y", name: "Yes", kind: "allow_once" },
          { optionId: "n", name: "No", kind: "reject_once" },
        ],
      });
      if (outcome.outcome !== "selected" || outcome.optionId !== "y") {
        await say("I may not.");
        return { stopReason: "end_turn" as const };
      }
      await say("One moment. ");
      await update({ sessionUpdate: "tool_call", ...call, status: "in_progress" });
      const tools = await connect(servers[0]);
      try {
        const { tools: listed } = await tools.listTools();
        const result = await tools.callTool(
          { name: listed[0]?.name ?? "", arguments: { path: word } },
          undefined,
          { signal: stop.signal, onprogress: () => undefined },
        );
        await update({ sessionUpdate: "tool_call_update", toolCallId: "1", status: "completed" });
        await say(`${JSON.stringify(result.content)} ${word}`);
        return { stopReason: "end_turn" as const };
      } catch (error) {
        if (stop.signal.aborted) return { stopReason: "cancelled" as const };
        throw error;
      } finally {
        await tools.close();
      }
    });
  app.connect(
    acp.ndJsonStream(
      Writable.toWeb(process.stdout) as WritableStream<Uint8Array>,
      Readable.toWeb(process.stdin),
    ),
  );
}
