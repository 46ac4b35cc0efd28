// What an agent writes that is no message of the protocol, each test with a real process at the other end.

import { join } from "node:path";

import { afterEach, describe, expect, spyOn, test } from "bun:test";

import { collectTurn } from "../../contract/collect-turn.ts";
import { chatRequest, failureOf, runTurn, text, user } from "../support.ts";
import { type FakeAcp, startFake } from "./support.ts";

const BLUNT_AGENT = [process.execPath, join(import.meta.dir, "blunt-child.ts")];

let fake: FakeAcp | undefined;
afterEach(async () => {
  await fake?.close();
  fake = undefined;
});

async function ask(prompt: string): Promise<string> {
  fake ??= startFake({}, { command: BLUNT_AGENT });
  return (await collectTurn(runTurn(fake.acp, chatRequest(prompt)))).text;
}

describe("an agent that goes over to a mode in which it asks nobody", () => {
  test("between two turns of a conversation is put back before the next one", async () => {
    const first = chatRequest("widen later");
    expect(await ask("widen later")).toBe("done");
    // It does so when it opens a session for another conversation.
    expect(await ask("hello")).toBe("done");
    const next = [
      ...first.messages,
      { role: "assistant", content: text("done") } as const,
      user("which mode"),
    ];
    const running = runTurn(fake!.acp, chatRequest(next));
    expect((await collectTurn(running)).text).toBe("default");
  });

  test("before the first turn of a session is put back, too", async () => {
    fake = startFake({}, { command: [...BLUNT_AGENT, "widening"] });
    expect(await ask("which mode")).toBe("default");
  });
});

describe("an agent that writes more than messages", () => {
  test("is heard to its end when it logs to its output and looks at its input later", async () => {
    expect(await ask("junk")).toBe("done");
    expect(await ask("hello")).toBe("done");
  });

  test("is not quoted on our error output for answers to what nobody asked", async () => {
    const printed = spyOn(console, "error").mockImplementation(() => undefined);
    try {
      expect(await ask("strange answers, twice")).toBe("done");
      expect(await ask("hello")).toBe("done");
      expect(printed.mock.calls).toEqual([]);
    } finally {
      printed.mockRestore();
    }
  });

  test("fails its turn with a line that is too long, and the next has an agent again", async () => {
    fake = startFake({}, { command: BLUNT_AGENT });
    const { error } = await failureOf(runTurn(fake.acp, chatRequest("too long")));
    expect([error.code, error.message]).toEqual([
      "agent_error",
      "The stream has a message of more than 33554432 characters.",
    ]);
    expect(await ask("hello")).toBe("done");
  });

  test("is heard to its end when it leaves with its last word", async () => {
    expect(await ask("say much and leave")).toBe(`${"x".repeat(1_000_000)}done`);
  });

  test("and refuses with its last word is quoted, however soon it is gone", async () => {
    fake = startFake({}, { command: BLUNT_AGENT });
    const { error } = await failureOf(
      runTurn(fake.acp, chatRequest("say much, refuse, and leave")),
    );
    expect([error.code, error.message]).toEqual([
      "agent_error",
      "The agent failed. It says: out of credit",
    ]);
  });

  test("and closes its output and stays is ended, and that is said in place of our signal", async () => {
    fake = startFake({}, { command: BLUNT_AGENT });
    const { error } = await failureOf(runTurn(fake.acp, chatRequest("fall silent")));
    expect([error.code, error.message]).toEqual([
      "agent_lost",
      "bun closed its output without an answer, and was ended.",
    ]);
    expect(await ask("hello")).toBe("done");
  });

  test.each([
    ["and nothing else is ended, with a hint at its command", "y", "--acp"],
    [
      "and asks on without taking an answer is ended",
      '{"jsonrpc":"2.0","id":1,"method":"own/thing"}',
      "takes no answers",
    ],
  ])("%s", async (_, line, words) => {
    fake = startFake({}, { command: ["/bin/sh", "-c", `while :; do echo '${line}'; done`] });
    const { error } = await failureOf(runTurn(fake.acp, chatRequest("hello")));
    expect([error.code, error.message]).toEqual([
      "agent_error",
      expect.stringContaining(words),
    ] as never);
  });
});
