// The bridge's port as strangers meet it: nobody joins, links or decides anything without the secret for it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { createSuite } from "../support/mlp.ts";
import type { Mlp } from "../support/mlp.ts";
import { ask, mark } from "../support/requests.ts";

const suite = createSuite();
let up: Mlp;
/** The bridge's port of the same process, as if it were the server. */
let bridge: Mlp;

beforeAll(async () => {
  up = await suite.start([
    ...["up", "--port", "0", "--bridge-port", "0"],
    ...["--agent", "rehearsal", "--log-level", "debug"],
  ]);
  bridge = { ...up, api: up.bridge.replace(/^ws/, "http") };
});
afterAll(() => suite.close());

/** How an attempt to open a WebSocket ended. */
function dial(url: string, headers: Record<string, string>): Promise<"open" | "refused"> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, { headers });
    socket.addEventListener("open", () => {
      socket.close();
      resolve("open");
    });
    socket.addEventListener("error", () => resolve("refused"));
  });
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe("the upgrade", () => {
  test("is for the agent token and the bridge token only", async () => {
    const { agentToken, bridgeToken, apiKey, controlToken } = up.secrets;
    expect(await dial(up.bridge, bearer(agentToken))).toBe("open");
    expect(await dial(up.bridge, bearer(bridgeToken))).toBe("open");
    for (const token of [apiKey, controlToken, "mlp_wrong-wrong-wrong-wrong"]) {
      expect(await dial(up.bridge, bearer(token))).toBe("refused");
    }
    expect(await dial(up.bridge, {})).toBe("refused");
  });

  test("is never for a token in the address", async () => {
    const { agentToken } = up.secrets;
    expect(await dial(`${up.bridge}/?token=${agentToken}`, {})).toBe("refused");
    expect(await dial(`${up.bridge}/k/${agentToken}/`, {})).toBe("refused");
  });

  test("is for no page of a browser, and for no Host but its own", async () => {
    const { agentToken } = up.secrets;
    for (const origin of [
      "https://evil.example",
      "null",
      "http://localhost:3000",
      "vscode-webview://x",
    ]) {
      expect(await dial(up.bridge, { ...bearer(agentToken), origin })).toBe("refused");
    }
    expect(await dial(up.bridge, { ...bearer(agentToken), host: "evil.example" })).toBe("refused");
  });

  test("is not on the provider's port", async () => {
    const provider = up.api.replace(/^http/, "ws");
    for (const token of [up.secrets.agentToken, up.secrets.bridgeToken, up.secrets.apiKey]) {
      expect(await dial(provider, bearer(token))).toBe("refused");
    }
  });
});

describe("its routes", () => {
  test("sessions are decided on with the control token, and with no other secret", async () => {
    const { controlToken, agentToken, bridgeToken, apiKey } = up.secrets;
    const status = async (key: string | null) =>
      (await ask(bridge, "/control/sessions", { key })).status;
    expect(await status(controlToken)).toBe(200);
    for (const key of [agentToken, bridgeToken, apiKey])
      expect([401, 403]).toContain(await status(key));
    expect(await status(null)).toBe(401);
  });

  test("without a key every route of either port refuses, and no agent runs", async () => {
    const { json } = await ask(up, "/openapi.json");
    const open = new Set(["/", "/health", "/livez", "/readyz"]);
    const routes = Object.entries<object>(json.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => ({ path, method: method.toUpperCase() })),
    );
    expect(routes.length).toBeGreaterThan(20);
    for (const { path, method } of routes.filter(({ path }) => !open.has(path))) {
      const asked = path.replaceAll(/\{\w+\}|\*/g, "any");
      for (const server of [up, bridge]) {
        const body = method === "POST" ? { body: { model: "rehearsal", messages: [] } } : {};
        const answer = await ask(server, asked, { method, key: null, ...body });
        expect({ method, asked, status: answer.status }).toEqual({ method, asked, status: 401 });
      }
    }
    await mark(up);
    const messages = up.log.lines.map(({ msg }) => msg);
    expect(messages.filter((msg) => msg === "rehearsal turn started")).toHaveLength(1);
    expect(messages.filter((msg) => msg === "turn ended")).toHaveLength(1);
  });
});
