// Starting one ACP agent: the process, the handshake, a login where a key for it is there, and a first session, which
// tells the models and waits for the first turn.

import { AppError } from "../../core/error.ts";
import type { AcpAbilities } from "./answers.ts";
import { decodeAbilities } from "./answers.ts";
import type { AcpErrors } from "./errors.ts";
import { isLoginMissing, isNotFoundExit } from "./errors.ts";
import type { AcpLink } from "./link.ts";
import { openAcpLink } from "./link.ts";
import type { AcpSession } from "./session.ts";
import { openSession } from "./session.ts";
import type { AcpOptions } from "./acp.ts";
import { childEnvironment } from "../process/environment.ts";
import { startChild } from "../process/child.ts";
import { VENDOR_ANSWERS } from "./vendor.ts";

export interface AcpProcess {
  readonly link: AcpLink;
  readonly abilities: AcpAbilities;
  /** Where its sessions work. */
  readonly cwd: string;
  /** Turns that run in it. */
  uses: number;
  /** It takes no more turns, and ends with its last one. */
  isRetired: boolean;
  /** A session that nothing was said in yet. */
  spare: AcpSession | undefined;
  /** What opening a session took the last time, in milliseconds. */
  openMs: number;
}

const PROTOCOL_VERSION = 1;
const CLIENT = {
  protocolVersion: PROTOCOL_VERSION,
  clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false },
};
/** Logins that a key in the environment is enough for: nobody has to be there. */
const KEY_LOGINS: Readonly<Record<string, string>> = {
  "gemini-api-key": "GEMINI_API_KEY",
  "openai-api-key": "OPENAI_API_KEY",
  "codex-api-key": "CODEX_API_KEY",
};

export type ProcessOptions = AcpOptions & {
  readonly errors: AcpErrors;
  readonly startMs: number;
  /** Aborts when it is not wanted any more. */
  readonly signal?: AbortSignal;
};

/** @throws AppError; nothing is left running then */
export async function startProcess(options: ProcessOptions): Promise<AcpProcess> {
  const { clock, log, errors, version, workspace, startMs, signal } = options;
  const begun = clock.monotonic();
  const child = startOrThrow(options);
  const answers = { ...VENDOR_ANSWERS, ...options.vendorAnswers };
  const link = await openAcpLink({ child, clock, log, errors, answers });
  const stop = (): void => void link.close();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    if (signal?.aborted === true) throw errors.senseless("is being stopped");
    const clientInfo = { name: "mlp", title: "MCP Local Provider", version };
    const answer = await link.request("initialize", { ...CLIENT, clientInfo }, startMs);
    const abilities = decodeAbilities(answer);
    if (abilities.protocolVersion !== PROTOCOL_VERSION) {
      throw errors.senseless("speaks another version of the Agent Client Protocol than 1");
    }
    const process: AcpProcess = {
      link,
      abilities,
      cwd: workspace.path,
      uses: 0,
      isRetired: false,
      spare: undefined,
      openMs: 0,
    };
    process.spare = await firstSession(process, options);
    const ms = Math.round(clock.monotonic() - begun);
    log.info(
      { pid: child.pid, agent: abilities.name, version: abilities.version, ms },
      "agent started",
    );
    return process;
  } catch (error) {
    await link.close();
    if (
      isNotFoundExit(await child.exited) &&
      error instanceof AppError &&
      error.code === "agent_lost"
    ) {
      throw errors.notFound();
    }
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

function startOrThrow(options: ProcessOptions): ReturnType<typeof startChild> {
  const { command, env, extraEnv, clock, log, redact, workspace, errors } = options;
  try {
    return startChild({
      command,
      cwd: workspace.path,
      env: childEnvironment(env, extraEnv),
      clock,
      log,
      redact,
    });
  } catch {
    throw errors.notFound();
  }
}

/** Logs in only when the agent says that it must be. */
async function firstSession(process: AcpProcess, options: ProcessOptions): Promise<AcpSession> {
  const open = () => openSession(process, [], options);
  try {
    return await open();
  } catch (error) {
    if (!isLoginMissing(error)) throw error;
    const methodId = loginFor(process.abilities, options);
    if (methodId === undefined) throw options.errors.login(process.abilities);
    try {
      const loginMs = options.limits?.loginMs ?? options.startMs;
      await process.link.request("authenticate", { methodId }, loginMs);
      return await open();
    } catch (again) {
      if (!isLoginMissing(again)) throw again;
      throw options.errors.login(process.abilities);
    }
  }
}

function loginFor(
  { authMethods }: AcpAbilities,
  { logins = [], env }: AcpOptions,
): string | undefined {
  const ids = authMethods.map(({ id }) => id);
  return (
    logins.find((id) => ids.includes(id)) ??
    ids.find((id) => {
      const variable = Object.hasOwn(KEY_LOGINS, id) ? KEY_LOGINS[id] : undefined;
      return variable !== undefined && (env[variable] ?? "") !== "";
    })
  );
}
