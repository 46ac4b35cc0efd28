// Control requests that say all by their path, as they come over a real connection: with an empty body, without one,
// and with one that has no declared size.

import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { SECRETS, anAgent, compose, says } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";

let composed: Composed;
beforeAll(async () => {
  composed = await compose([anAgent(() => says("hi"))]);
});
afterAll(() => composed[Symbol.asyncDispose]());

/** The status that the provider answers with. */
function send(lines: readonly string[], body = ""): Promise<string> {
  const { port } = composed.provider.listening;
  const head = [
    "POST /control/turns/turn_x/cancel HTTP/1.1",
    `Host: 127.0.0.1:${port}`,
    `Authorization: Bearer ${SECRETS.MLP_CONTROL_TOKEN}`,
    ...lines,
  ];
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1");
    socket.on("error", reject);
    socket.on("close", () => resolve(answer.slice("HTTP/1.1 ".length, "HTTP/1.1 404".length)));
    socket.on("data", (data) => {
      answer += String(data);
      // Whoever sent no body is not hung up on.
      if (/\r\n\r\n\{.*\}$/s.test(answer)) socket.destroy();
    });
    socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
  });
}

const CHUNKED = "Transfer-Encoding: chunked";
const JSON_TYPE = "Content-Type: application/json";

describe("cancelling a turn that is not open", () => {
  // 404: the route ran, and there is no such turn.
  const reached: readonly (readonly [name: string, lines: readonly string[], body: string])[] = [
    ["without a body and a type", [], ""],
    ["with a body of no bytes and no type", ["Content-Length: 0"], ""],
    ["with a type and no body", [JSON_TYPE, "Content-Length: 0"], ""],
    ["with an empty object", [JSON_TYPE, "Content-Length: 2"], "{}"],
    ["with an empty object in chunks", [JSON_TYPE, CHUNKED], "2\r\n{}\r\n0\r\n\r\n"],
  ];
  test.each(reached)("%s is heard", async (_, lines, body) => {
    expect(await send(lines, body)).toBe("404");
  });

  test("with a body that has no type is refused, also where no size is declared", async () => {
    expect(await send(["Content-Length: 2"], "{}")).toBe("415");
    expect(await send([CHUNKED], "2\r\n{}\r\n0\r\n\r\n")).toBe("415");
  });

  test("with a body that says something is refused", async () => {
    expect(await send([JSON_TYPE, "Content-Length: 7"], '{"a":1}')).toBe("400");
    expect(await send([JSON_TYPE, CHUNKED], '7\r\n{"a":1}\r\n0\r\n\r\n')).toBe("400");
  });
});
