// A scripted stand-in for `cursor-agent`: its print mode and its ACP mode as they are publicly documented, played from a
// file. It is not Cursor's program, which cannot be had here; CURSOR_AGENT_BIN is set to a small shell script that runs this with
// FAKE_CURSOR naming the script. fake-cursor.ts is its other end.

import { readFileSync } from "node:fs";
import { connect } from "node:net";
import type { Socket } from "node:net";

/** What the stand-in is told to be and to do. */
export interface CursorScript {
  /** Where it reports to: it tells what it hears, and that it has ended by the end of the connection. */
  readonly port: number;
  readonly version?: string;
  /** An older build knows no `acp`. */
  readonly hasAcp?: boolean;
  /** Of its ACP mode: agent, plan and ask unless said. */
  readonly modes?: readonly string[];
  /** In ACP mode it opens no session, as without a network. */
  readonly isOffline?: boolean;
  readonly isLoggedIn?: boolean;
  /** The text of `--list-models`. */
  readonly models?: string;
  /** The first whose `when` the prompt ends with is played. */
  readonly plays: readonly CursorPlay[];
}

export interface CursorPlay {
  readonly when?: string;
  readonly steps: readonly CursorStep[];
}

export type CursorStep =
  | { readonly say: string }
  | { readonly think: string }
  /** One of its own tools: its kind as Cursor names it, such as `read`, and its arguments. */
  | { readonly tool: string; readonly args: Readonly<Record<string, unknown>> }
  | { readonly usage: { readonly input: number; readonly output: number } }
  /** ACP only: the stop reason. */
  | { readonly stop: "end_turn" | "max_tokens" | "refusal" }
  /** ACP only: a request to the client, of which the answer is said. */
  | { readonly ask: string; readonly params: Readonly<Record<string, unknown>> }
  /** ACP only: asks for permission and says which option was chosen. */
  | { readonly permission: string }
  /** Print mode: a line as it is. */
  | { readonly line: string }
  | { readonly complain: string }
  /** The process ends here. */
  | { readonly exit: number }
  | { readonly killed: true }
  /** The prompt fails, with the process alive: an error result, or an error of the protocol. */
  | { readonly fail: string }
  | { readonly hang: true };

export type CursorReport = (event: string, fields?: Readonly<Record<string, unknown>>) => void;

export interface CursorPart {
  readonly script: CursorScript;
  readonly args: readonly string[];
  readonly report: CursorReport;
}

export const LOGIN_WORDS =
  "Error: Authentication required. Please run 'agent login' first, or set CURSOR_API_KEY environment variable.";

async function main(args: readonly string[]): Promise<void> {
  const file = process.env["FAKE_CURSOR"];
  if (file === undefined) throw new Error("FAKE_CURSOR names no script");
  const script = JSON.parse(readFileSync(file, "utf8")) as CursorScript;
  const socket = await open(script.port);
  const report: CursorReport = (event, fields = {}) => {
    socket.write(`${JSON.stringify({ event, pid: process.pid, ...fields })}\n`);
  };
  report("started", { args, cwd: process.cwd(), env: Object.keys(process.env) });
  const code = await play({ script, args, report });
  await new Promise<void>((resolve) => socket.end(resolve));
  process.exit(code);
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  await new Promise<void>((resolve, reject) =>
    socket.once("connect", resolve).once("error", reject),
  );
  return socket;
}

async function play(part: CursorPart): Promise<number> {
  const { script, args } = part;
  const [first] = args;
  if (first === "--version") return print(`${script.version ?? "2026.10.01-0000000"}\n`);
  if (script.isLoggedIn === false && first !== "acp") {
    return first === "status" ? print("\n Not logged in\n") : complain(`${LOGIN_WORDS}\n`);
  }
  if (first === "status") return print("\n ✓ Logged in as someone@example.com\n");
  if (first === "--list-models") return print(script.models ?? MODELS);
  if (first === "acp") {
    // As the parser of an older build says it.
    if (script.hasAcp === false) return complain("error: unknown command 'acp'\n");
    // Each mode by itself: a process starts quickly.
    return await (await import("./fake-cursor-acp.ts")).playAcp(part);
  }
  return await (await import("./fake-cursor-print.ts")).playPrint(part);
}

const MODELS = `Available models

auto - Auto (current)
gpt-5.2 - GPT-5.2
composer-1 - Composer 1 (default)

Tip: use --model <id> (or /model <id> in interactive mode) to switch.
`;

async function print(text: string): Promise<number> {
  await Bun.write(Bun.stdout, text);
  return 0;
}

async function complain(text: string): Promise<number> {
  await Bun.write(Bun.stderr, text);
  return 1;
}

export function stepsOf(script: CursorScript, prompt: string): readonly CursorStep[] {
  const play = script.plays.find(({ when }) => when === undefined || prompt.endsWith(when));
  return play?.steps ?? [{ say: "I have no play for this." }];
}

if (import.meta.main) await main(process.argv.slice(2));
