// `mlp openapi` and `mlp asyncapi` print the documents without a server.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";

import { createHome, mlp } from "./support.ts";
import type { FakeHome } from "./support.ts";

let home: FakeHome;
beforeAll(() => {
  home = createHome();
});
afterAll(() => home.remove());

interface Printed {
  readonly openapi?: string;
  readonly asyncapi?: string;
  readonly servers: unknown;
  readonly paths?: Readonly<Record<string, object>>;
}

async function print(argv: readonly string[], env: Record<string, string> = {}): Promise<Printed> {
  const { code, stdout, stderr } = await mlp(argv, { home, env });
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as Printed;
}

describe("the documents", () => {
  test("of the provider and of the bridge have the routes of each, at the configured address", async () => {
    const env = { MLP_PROVIDER_PORT: "4321", MLP_BRIDGE_HOST: "::1" };
    const provider = await print(["openapi"], env);
    expect(provider.openapi).toBe("3.1.0");
    expect(provider.servers).toEqual([{ url: "http://127.0.0.1:4321" }]);
    expect(provider.paths).toContainKeys(["/v1/chat/completions", "/api/chat", "/control/keys"]);
    const bridge = await print(["openapi", "--bridge"], env);
    expect(bridge.servers).toEqual([{ url: "http://[::1]:8787" }]);
    expect(bridge.paths).toContainKeys(["/control/sessions", "/asyncapi.json"]);
    expect(bridge.paths).not.toContainKey("/v1/chat/completions");
  });

  test("of the link have its address as variables", async () => {
    const { asyncapi, servers } = await print(["asyncapi"], { MLP_BRIDGE_PORT: "4321" });
    expect(asyncapi).toBe("3.0.0");
    expect(servers).toMatchObject({
      bridge: { protocol: "ws", variables: { port: { default: "4321" } } },
    });
  });

  test("leave nothing behind", async () => {
    const before = readdirSync(home.path, { recursive: true });
    await print(["openapi"]);
    await print(["asyncapi"]);
    expect(readdirSync(home.path, { recursive: true })).toEqual(before);
  });

  test("need a configuration that is right", async () => {
    const { code, stderr } = await mlp(["openapi"], { home, env: { MLP_BRIDGE_PORT: "x" } });
    expect([code, stderr]).toEqual([2, expect.stringContaining("MLP_BRIDGE_PORT")]);
  });
});
