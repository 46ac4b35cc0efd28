// The editor's tools through the ACP connector to a real process: permission, MCP over loopback, parking, and the end of
// it all; asked over HTTP with OpenAI's client.

import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import OpenAI from "openai";
import { withEditorTools } from "../../../src/agents/tool-bridge/tool-bridge.ts";
import { createSystem } from "../../../src/app/system.ts";
import { SECRETS, compose } from "../../support/composed.ts";
import { startFake } from "../acp/support.ts";

const AGENT_WORD = "acp-nonce-5c10";
const EDITOR_WORD = "editor-nonce-77aa";
const AGENT = join(import.meta.dir, "../../support/acp-tools-child.ts");

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function started() {
  const fake = startFake(
    {},
    {
      command: [process.execPath, AGENT],
      extraEnv: { FAKE_WORD: AGENT_WORD },
      hasTools: true,
    },
  );
  closers.push(fake.close);
  await fake.acp.start();
  const { clock, random } = createSystem();
  const tools = withEditorTools(fake.acp.runner, { clock, random, limits: { gatherMs: 1 } });
  closers.push(tools.close);
  const composed = await compose([{ info: fake.acp.info, run: tools.run }]);
  closers.push(async () => await composed[Symbol.asyncDispose]());
  const client = new OpenAI({ baseURL: `${composed.api}/v1`, apiKey: SECRETS.MLP_API_KEY });
  const ask = async (messages: OpenAI.ChatCompletionMessageParam[]) => {
    const parameters = { type: "object", properties: { path: { type: "string" } } };
    const answer = await client.chat.completions.create({
      model: "cursor-agent",
      messages,
      tools: [{ type: "function", function: { name: "read_file", parameters } }],
    });
    return answer.choices[0]!;
  };
  return { fake, composed, client, ask };
}

const GO: OpenAI.ChatCompletionMessageParam = { role: "user", content: "Read it." };

test("a call goes from an ACP agent to the editor, and its result back into the same prompt", async () => {
  const { ask } = await started();
  const first = await ask([GO]);
  expect(first.finish_reason).toBe("tool_calls");
  expect(first.message.content).toBe("One moment. ");
  const [call] = first.message.tool_calls ?? [];
  if (call?.type !== "function") throw new Error("no call");
  expect(call.function).toEqual({ name: "read_file", arguments: `{"path":"${AGENT_WORD}"}` });
  const { role, content, tool_calls = [] } = first.message;
  const last = await ask([
    GO,
    { role, content, tool_calls },
    { role: "tool", tool_call_id: call.id, content: EDITOR_WORD },
  ]);
  expect(last.finish_reason).toBe("stop");
  expect(last.message.content).toBe(`[{"type":"text","text":"${EDITOR_WORD}"}] ${AGENT_WORD}`);
});

test("without tools it is given no server", async () => {
  const { client } = await started();
  const answer = await client.chat.completions.create({ model: "cursor-agent", messages: [GO] });
  expect(answer.choices[0]?.message.content).toBe(`No tools here. ${AGENT_WORD}`);
});

test("a revoked session cancels the prompt that waits for the editor", async () => {
  const { ask, fake, composed } = await started();
  expect((await ask([GO])).finish_reason).toBe("tool_calls");
  expect(fake.events("cancel")).toEqual([]);
  const { sessions } = composed.bridge;
  await sessions.revoke(sessions.list()[0]!.sessionId);
  expect((await fake.until("cancel")).event).toBe("cancel");
});
