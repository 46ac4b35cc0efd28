// An agent that speaks ACP without the protocol's SDK, and so writes what the SDK would not. Run by bun as a process of its
// own; what it does beside answering is the text of its prompt. It reads one line at a time, and only when it waits.

import { writeSync } from "node:fs";

type Id = string | number;

const JUNK_LINES = 5_000;
const LONGER_THAN_ALLOWED = 33 * 1024 * 1024;

if (import.meta.main) {
  for await (const line of console) answer(JSON.parse(line) as { id?: Id; method?: string });
}

function answer({ id, method, params }: { id?: Id; method?: string; params?: unknown }): void {
  if (method === undefined || id === undefined) return;
  if (method === "initialize") return send({ id, result: { protocolVersion: 1 } });
  if (method === "session/new") return send({ id, result: { sessionId: "s" } });
  if (method !== "session/prompt") return send({ id, result: {} });
  act(JSON.stringify(params));
  say("done");
  send({ id, result: { stopReason: "end_turn" } });
  if (JSON.stringify(params).includes("twice")) send({ id, result: { stopReason: "refusal" } });
  if (JSON.stringify(params).includes("leave")) process.exit(0);
}

function act(asked: string): void {
  if (asked.includes("junk")) {
    for (let line = 0; line < JUNK_LINES; line += 1) write(`[info] line ${line} of a log`);
    for (const line of ["", "[1]", "7", "{}", '{"id":', "\u0000"]) write(line);
  }
  if (asked.includes("strange answers")) {
    for (const id of ["a-secret-of-mine", 0, null]) send({ id, result: {} });
  }
  if (asked.includes("leave")) for (let count = 0; count < 20; count += 1) say("x".repeat(50_000));
  if (asked.includes("too long")) say("x".repeat(LONGER_THAN_ALLOWED));
}

function say(text: string): void {
  const update = { sessionUpdate: "agent_message_chunk", content: { type: "text", text } };
  send({ method: "session/update", params: { sessionId: "s", update } });
}

function send(message: object): void {
  write(JSON.stringify({ jsonrpc: "2.0", ...message }));
}

function write(line: string): void {
  writeSync(1, `${line}\n`);
}
