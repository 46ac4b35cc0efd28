// What is said when a port cannot be had: why, and by which flag or setting another is chosen.

import { expect, spyOn, test } from "bun:test";

import { AppError } from "../../src/core/error.ts";
import { listen } from "../../src/http/listen.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };

function complaint(name: "provider" | "bridge", host: string, port: number): string {
  try {
    listen({ name, host, port, gateFor: () => () => new Response(null), log });
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).code).toBe("conflict");
    return (error as AppError).message;
  }
  return "no complaint";
}

test("a port that is taken: the choice of each port is named", async () => {
  const other = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("mine") });
  const port = other.port ?? 0;
  const taken = `Port ${port} of 127.0.0.1 is taken. Stop what is using it, or choose another port with`;
  expect(complaint("provider", "127.0.0.1", port)).toBe(`${taken} --port or provider.port.`);
  expect(complaint("bridge", "127.0.0.1", port)).toBe(`${taken} --bridge-port or bridge.port.`);
  await other.stop(true);
});

test("an address that this machine does not have (one for documentation, RFC 5737)", () => {
  const missing = "Cannot listen on 192.0.2.1:0: this machine has no such address.";
  expect(complaint("provider", "192.0.2.1", 0)).toBe(
    `${missing} Choose one that it has with --host or provider.host.`,
  );
  expect(complaint("bridge", "192.0.2.1", 0)).toBe(
    `${missing} Choose one that it has with bridge.host.`,
  );
});

test("a port that only others may open, and a failure that nobody foresaw", () => {
  const serve = spyOn(Bun, "serve");
  const failing = (code: string) =>
    serve.mockImplementation(() => {
      throw Object.assign(new Error("no"), { code });
    });
  try {
    failing("EACCES");
    expect(complaint("provider", "::1", 80)).toBe(
      "Cannot listen on [::1]:80: it needs rights that this user does not have. Choose a port above 1023 with --port or provider.port.",
    );
    failing("EMFILE");
    expect(complaint("bridge", "10.0.0.1", 80)).toContain("10.0.0.1:80 (EMFILE).");
  } finally {
    serve.mockRestore();
  }
});
