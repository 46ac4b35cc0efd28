import { describe, expect, test } from "bun:test";
import { toBaseUrl } from "../../../src/agents/openai/address.ts";

describe("an upstream's base address", () => {
  test.each([
    ["http://127.0.0.1:1234", "http://127.0.0.1:1234/v1"],
    ["http://127.0.0.1:1234/", "http://127.0.0.1:1234/v1"],
    ["http://127.0.0.1:1234/v1", "http://127.0.0.1:1234/v1"],
    [" http://localhost:8080/v1/ ", "http://localhost:8080/v1"],
    ["http://localhost//v1//", "http://localhost/v1"],
    ["https://host.example/api", "https://host.example/api/v1"],
    ["https://host.example/api/paas/v4", "https://host.example/api/paas/v4"],
    ["https://host.example/v1beta/openai/", "https://host.example/v1beta/openai"],
    ["https://host.example/v1/chat/completions", "https://host.example/v1"],
    ["http://[::1]:1234", "http://[::1]:1234/v1"],
  ])("%s means %s", (address, base) => {
    expect(toBaseUrl(address)).toBe(base);
  });

  test.each([
    "",
    "127.0.0.1:1234",
    "ftp://host/v1",
    "http://u:hunter2@host/v1",
    "http://h/?k=hunter2",
  ])("%j is refused without being repeated", (address) => {
    expect(() => toBaseUrl(address)).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        message: expect.not.stringContaining("hunter2"),
      }),
    );
  });
});
