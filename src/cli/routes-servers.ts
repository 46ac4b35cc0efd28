// Flags of the commands that serve. Their code is loaded when they are called, so that the others start quickly.

import { buildCommand } from "@stricli/core";

import type { AgentFlags } from "./agent.ts";
import type { BridgeFlags } from "./bridge.ts";
import type { CliContext } from "./context.ts";
import { withContext } from "./context.ts";
import * as Form from "./flag-forms.ts";
import type { McpFlags } from "./mcp.ts";
import type { ServeFlags } from "./serve.ts";
import type { UpFlags } from "./up.ts";

const common = {
  config: Form.text("Configuration file", "file"),
  "log-level": Form.logLevel,
  json: { ...Form.json, brief: "Print one line of JSON when ready" },
} as const;

const host = Form.text("Address to listen on; 127.0.0.1 unless configured", "address");
const port = Form.port("Port to listen on; 11434 unless configured, 0 picks a free one");
const bridgePort = Form.port("Port of the bridge; 8787 unless configured, 0 picks a free one");
const bridge = Form.text(
  "Address of the bridge to join; ws://127.0.0.1:8787 unless configured",
  "url",
);

export const upCommand = buildCommand<UpFlags, [], CliContext>({
  loader: async () => withContext((await import("./up.ts")).up),
  parameters: {
    flags: {
      ...common,
      host,
      port,
      "bridge-port": bridgePort,
      agent: {
        kind: "parsed",
        parse: String,
        optional: true,
        variadic: true,
        brief:
          "Agent to start: rehearsal, cursor, acp:<command line>, openai:<base address>[#model] or none (repeatable)",
        placeholder: "spec",
      },
    },
  },
  docs: { brief: "Start provider, bridge and an agent; what bare mlp does" },
});

export const serveCommand = buildCommand<ServeFlags, [], CliContext>({
  loader: async () => withContext((await import("./serve.ts")).serve),
  parameters: { flags: { ...common, host, port, bridge } },
  docs: { brief: "Start the provider alone; its agents are behind a bridge" },
});

export const bridgeCommand = buildCommand<BridgeFlags, [], CliContext>({
  loader: async () => withContext((await import("./bridge.ts")).bridge),
  parameters: { flags: { ...common, host, port: bridgePort, "bridge-port": bridgePort } },
  docs: { brief: "Start the bridge alone" },
});

export const agentCommand = buildCommand<AgentFlags, string[], CliContext>({
  loader: async () => withContext((await import("./agent.ts")).agent),
  parameters: {
    flags: {
      ...common,
      bridge,
      "base-url": {
        ...Form.text("openai: address of an upstream, with its /v1 (repeatable)", "url"),
        variadic: true,
      },
      model: Form.text("openai, cursor: the one model to offer", "name"),
      command: Form.text("cursor: path of the program, if it is not on PATH", "file"),
      workspace: Form.text("cursor, acp: folder to work in; an empty one without it", "folder"),
      "api-key-env": {
        ...Form.text("openai: variable that holds an upstream's key, one for each", "name"),
        variadic: true,
      },
      script: Form.text("rehearsal: file that says what to answer", "file"),
      label: Form.text("Name that people are shown", "text"),
      "agent-id": Form.text("Name that policies and sessions know the agent by", "id"),
    },
    positional: {
      kind: "array",
      parameter: {
        parse: String,
        brief: "rehearsal, openai, cursor, or acp -- and the command that speaks ACP",
        placeholder: "connector",
      },
    },
  },
  docs: { brief: "Join a bridge as an agent" },
});

export const mcpCommand = buildCommand<McpFlags, [], CliContext>({
  loader: async () => withContext((await import("./mcp.ts")).mcp),
  parameters: {
    flags: {
      config: common.config,
      "log-level": common["log-level"],
      bridge,
      label: Form.text("Name that people are shown", "text"),
      model: Form.text("Name that editors choose it by", "name"),
      "agent-id": Form.text("Name that policies and sessions know the chat by", "id"),
    },
  },
  docs: { brief: "MCP server on stdio: the IDE chat that starts it becomes an agent" },
});
