// One session of an ACP agent: opened, taken up again, and put into the model and the mode that a turn needs.

import type { AcpChoice } from "./answers.ts";
import { currentOf, decodeOpened } from "./answers.ts";
import type { AcpErrors } from "./errors.ts";
import { modeFor } from "./modes.ts";
import type { AcpProcess } from "./process.ts";
import { AppError } from "../../core/error.ts";
import type { Clock } from "../../core/ports.ts";
import { isJsonObject } from "../../core/json.ts";
import type { McpServer } from "../tool-runner.ts";

export interface AcpSession {
  readonly id: string;
  readonly process: AcpProcess;
  readonly models: AcpChoice | undefined;
  readonly modes: AcpChoice | undefined;
  /** The mode that it came with. */
  readonly initialMode: string | undefined;
  model: string | undefined;
  mode: string | undefined;
}

export interface SessionDeps {
  readonly clock: Clock;
  readonly errors: AcpErrors;
  /** How long opening one may take, in milliseconds. */
  readonly startMs: number;
}

const SET_MS = 30_000;

/** @throws AppError */
export async function openSession(
  process: AcpProcess,
  servers: readonly McpServer[],
  { clock, errors, startMs }: SessionDeps,
): Promise<AcpSession> {
  const begun = clock.monotonic();
  const params = { cwd: process.cwd, mcpServers: servers.map(toHttpServer) };
  const answer = await process.link.request("session/new", params, startMs);
  process.openMs = clock.monotonic() - begun;
  const opened = sessionOf(process, answer, undefined);
  if (opened.id === "") throw errors.senseless("opened a session without an id");
  return opened;
}

/** A session of a process that is gone, in the one that took its place. `undefined`: the agent cannot, or lost it. */
export async function reopenSession(
  process: AcpProcess,
  old: AcpSession,
  { startMs }: SessionDeps,
): Promise<AcpSession | undefined> {
  const { resumesSessions, loadsSessions } = process.abilities;
  if (!resumesSessions && !loadsSessions) return undefined;
  const method = resumesSessions ? "session/resume" : "session/load";
  const params = { sessionId: old.id, cwd: process.cwd, mcpServers: [] };
  try {
    // What a loading agent replays is heard by nobody.
    return sessionOf(process, await process.link.request(method, params, startMs), old);
  } catch {
    return undefined;
  }
}

function sessionOf(process: AcpProcess, answer: unknown, old: AcpSession | undefined): AcpSession {
  const opened = decodeOpened(answer);
  const models = opened.models ?? old?.models;
  const modes = opened.modes ?? old?.modes;
  return {
    id: old?.id ?? opened.id,
    process,
    models,
    modes,
    initialMode: old?.initialMode ?? modes?.current,
    model: opened.models?.current,
    mode: opened.modes?.current,
  };
}

function toHttpServer({ name, url, headers }: McpServer): object {
  const list = Object.entries(headers).map(([name, value]) => ({ name, value }));
  return { type: "http", name, url, headers: list };
}

/**
 * The model that the turn asks for, where the agent has a choice of it, and the mode that the scopes allow.
 * @throws AppError when the agent refuses: then nothing may be asked of it
 */
export async function prepareSession(
  session: AcpSession,
  model: string,
  scopes: readonly string[],
): Promise<void> {
  for (const update of session.process.link.missed(session.id)) learn(session, update);
  const { models, modes } = session;
  if (models?.options.some(({ id }) => id === model) === true && session.model !== model) {
    session.model = await set(session, models, model, "session/set_model", "modelId");
  }
  if (modes === undefined) return;
  const mode = modeFor(modes, session.initialMode, scopes);
  if (mode === undefined && session.initialMode !== undefined) throw tooWide();
  if (mode === undefined || mode === session.mode) return;
  session.mode = await set(session, modes, mode, "session/set_mode", "modeId");
  if (session.mode === mode) return;
  const message = "The agent does not work in the mode that its session allows.";
  throw new AppError("agent_error", message);
}

function tooWide(): AppError {
  return new AppError(
    "agent_error",
    "The agent works in a mode in which it asks nobody, and its session does not allow that. Start it in another mode, or approve it with agent:write and agent:exec.",
  );
}

// oxlint-disable-next-line max-params -- two pairs of names, one call each
async function set(
  { id: sessionId, process }: AcpSession,
  { by }: AcpChoice,
  value: string,
  method: string,
  field: string,
): Promise<string> {
  if (by === "method") {
    await process.link.request(method, { sessionId, [field]: value }, SET_MS);
    return value;
  }
  const { configId } = by;
  const params = { sessionId, configId, value };
  const answer = await process.link.request("session/set_config_option", params, SET_MS);
  return currentOf(answer, configId) ?? value;
}

/** An agent may change a session's model and mode by itself, in a turn and between two. */
export function learn(session: AcpSession, update: unknown): void {
  if (!isJsonObject(update)) return;
  const { sessionUpdate: kind, currentModeId } = update;
  if (kind === "current_mode_update" && typeof currentModeId === "string") {
    session.mode = currentModeId;
  }
  if (kind !== "config_option_update") return;
  session.mode = chosenOf(session.modes, update) ?? session.mode;
  session.model = chosenOf(session.models, update) ?? session.model;
}

function chosenOf(choice: AcpChoice | undefined, update: unknown): string | undefined {
  if (choice === undefined || choice.by === "method") return undefined;
  return currentOf(update, choice.by.configId);
}

/** Lets the agent forget it, if it can. */
export function closeSession({ id: sessionId, process }: AcpSession): void {
  const { abilities, link } = process;
  if (!abilities.closesSessions || !link.isOpen) return;
  link.request("session/close", { sessionId }, SET_MS).catch(() => undefined);
}
