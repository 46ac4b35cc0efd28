// What an ACP agent says of itself: started, asked, and ended again. Nothing is prompted.

import type { AcpOptions } from "./acp.ts";
import { ACP_LIMITS } from "./acp.ts";
import { createAcpErrors } from "./errors.ts";
import { startProcess } from "./process.ts";

export interface AcpFindings {
  readonly protocolVersion: number | undefined;
  /** Its modes, by their ids. */
  readonly modes: readonly string[];
  /** How many models it lists; 0 where it lists none. */
  readonly models: number;
  readonly takesImages: boolean;
  readonly takesServers: boolean;
  readonly resumes: boolean;
  /** The ways to log in that it offers. */
  readonly logins: readonly string[];
}

/** @throws AppError saying what to do; nothing is left running in any case */
export async function probeAcp(options: AcpOptions): Promise<AcpFindings> {
  const { command, redact } = options;
  const { startMs } = { ...ACP_LIMITS, ...options.limits };
  const errors = createAcpErrors({ command, redact });
  const { link, abilities, spare } = await startProcess({ ...options, errors, startMs });
  await link.close();
  return {
    protocolVersion: abilities.protocolVersion,
    modes: (spare?.modes?.options ?? []).map(({ id }) => id),
    models: spare?.models?.options.length ?? 0,
    takesImages: abilities.takesImages,
    takesServers: abilities.takesHttpServers,
    resumes: abilities.resumesSessions || abilities.loadsSessions,
    logins: abilities.authMethods.map(({ id }) => id),
  };
}
