import { afterEach, beforeEach, expect, test } from "bun:test";

import type { McpSettings } from "../../src/app/start-mcp.ts";
import { createHome, mlp } from "./support.ts";
import type { FakeHome } from "./support.ts";

let home: FakeHome;
beforeEach(() => {
  home = createHome();
});
afterEach(() => home.remove());

function createApp(onStart: (settings: McpSettings) => void, closed: string[]) {
  return {
    startMcp: (settings: McpSettings) => {
      onStart(settings);
      return Promise.resolve({
        ready: {
          event: "ready" as const,
          api: null,
          bridge: "ws://127.0.0.1:8787",
          dashboard: null,
          agent: null,
          version: "1.2.3",
        },
        notes: {
          chosenAgent: { spec: "mcp", why: "" },
          foundUnsupported: [],
          apiKey: "",
          apiKeyFile: null,
        },
        failed: new Promise<never>(() => undefined),
        reload: () => undefined,
        close: () => Promise.resolve(void closed.push("close")),
        abort: () => Promise.resolve(void closed.push("abort")),
        // The client closes stdin at once.
        ended: Promise.resolve(),
      });
    },
  };
}

test("mcp hands on how the chat is named, leaves stdout to MCP, and ends with its client", async () => {
  let seen: McpSettings | undefined;
  const closed: string[] = [];
  const app = createApp((settings) => (seen = settings), closed);
  const flags = ["--label", "L", "--model", "m", "--agent-id", "a", "--bridge", "ws://127.0.0.1:1"];
  const { code, stdout } = await mlp(["mcp", ...flags], { home, app });
  expect([code, stdout, closed]).toEqual([0, "", ["close"]]);
  expect(seen).toMatchObject({ label: "L", model: "m", agentId: "a" });
  expect(seen?.config.mcp.bridge_url).toBe("ws://127.0.0.1:1");
});

test("mcp takes no --json: there is no line to print", async () => {
  const { code, stderr } = await mlp(["mcp", "--json"], { home });
  expect([code, stderr]).toEqual([2, expect.stringContaining("--json")]);
});
