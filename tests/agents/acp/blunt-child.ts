// An agent that speaks ACP without the protocol's SDK, and so writes what the SDK would not. Run by bun as a process of its
// own; what it does beside answering is the text of its prompt. It reads one line at a time, and only when it waits.

import { closeSync, writeSync } from "node:fs";

type Id = string | number;

const JUNK_LINES = 5_000;
const LONGER_THAN_ALLOWED = 33 * 1024 * 1024;
const WIDE = "bypassPermissions";
const MODES = {
  currentModeId: "default",
  availableModes: ["default", WIDE].map((id) => ({ id, name: id })),
};

/** By the session's id. */
const modes = new Map<string, string>();
let session = "";
let isToWiden = process.argv.includes("widening");

if (import.meta.main) {
  for await (const line of console) answer(JSON.parse(line) as { id?: Id; method?: string });
}

function answer({ id, method, params }: { id?: Id; method?: string; params?: unknown }): void {
  if (method === undefined || id === undefined) return;
  if (method === "initialize") return send({ id, result: { protocolVersion: 1 } });
  if (method === "session/new") {
    const sessionId = `s${modes.size}`;
    modes.set(sessionId, MODES.currentModeId);
    session ||= sessionId;
    const opened = { id, result: { sessionId, modes: MODES } };
    return send(opened, ...(isToWiden ? [widen(session)] : []));
  }
  const { sessionId = "", modeId = "" } = params as { sessionId?: string; modeId?: string };
  if (method === "session/set_mode") modes.set(sessionId, modeId);
  if (method !== "session/prompt") return send({ id, result: {} });
  session = sessionId;
  const asked = JSON.stringify(params);
  // It stays: its input is open.
  if (asked.includes("fall silent")) return closeSync(1);
  act(asked);
  if (asked.includes("refuse")) {
    send({ id, error: { code: -32_603, message: "out of credit" } });
    process.exit(0);
  }
  say(asked.includes("which mode") ? (modes.get(sessionId) ?? "none") : "done");
  isToWiden = asked.includes("widen later");
  send({ id, result: { stopReason: "end_turn" } });
  if (asked.includes("twice")) send({ id, result: { stopReason: "refusal" } });
  if (asked.includes("leave")) process.exit(0);
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
  send({ method: "session/update", params: { sessionId: session, update } });
}

/** A session's mode, by itself, to one in which it asks nobody. */
function widen(sessionId: string): object {
  isToWiden = false;
  modes.set(sessionId, WIDE);
  const update = { sessionUpdate: "current_mode_update", currentModeId: WIDE };
  return { method: "session/update", params: { sessionId, update } };
}

/** In one piece. */
function send(...messages: readonly object[]): void {
  write(messages.map((message) => JSON.stringify({ jsonrpc: "2.0", ...message })).join("\n"));
}

function write(line: string): void {
  writeSync(1, `${line}\n`);
}
