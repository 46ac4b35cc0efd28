// `security.keyless: same_user`: on which machines it can hold, and the check that the guard of the provider's port asks.

import { readFileSync } from "node:fs";
import { AppError } from "../core/error.ts";
import type { Config } from "../config/schema.ts";
import type { GuardQuestion } from "../security/guard.ts";
import { LOOPBACK_HOSTS } from "./address.ts";
import { createSameUserCheck } from "../security/same-user.ts";
import type { SocketTable } from "../security/same-user.ts";

/** What the proof needs of a machine. */
export interface Machine {
  readonly platform: string;
  /** Our user; `undefined` where there are none. */
  readonly uid: number | undefined;
  /** A file of the kernel, whole. */
  readonly read: (path: string) => string;
}

export function thisMachine(): Machine {
  return {
    platform: process.platform,
    uid: process.getuid?.(),
    read: (path) => readFileSync(path, "latin1"),
  };
}

const TABLE: SocketTable = "/proc/net/tcp";

/** @throws AppError invalid_request, in one line, where it is asked for and cannot be kept */
export function checkKeyless({ security, provider }: Config, machine = thisMachine()): void {
  if (security.keyless === "off") return;
  const { platform, uid } = machine;
  if (platform !== "linux" || uid === undefined) {
    throw refused(`works on Linux only, and this is ${platform}`);
  }
  if (!LOOPBACK_HOSTS.has(provider.host)) {
    throw refused(`holds on this machine only, and provider.host is ${provider.host}`);
  }
  if (uid === overflowUid(machine)) {
    throw refused(
      `cannot be kept for the user id ${uid}, by which the kernel shows strangers in here too`,
    );
  }
  try {
    machine.read(TABLE);
  } catch {
    throw refused(`needs ${TABLE}, which cannot be read here`);
  }
}

/** What users who have no id in our user namespace are shown as. */
function overflowUid({ read }: Machine): number {
  try {
    return Number(read("/proc/sys/kernel/overflowuid").trim());
  } catch {
    return 65_534;
  }
}

function refused(why: string): AppError {
  return new AppError(
    "invalid_request",
    `security.keyless: same_user ${why}. Set it to off, and give each editor a key.`,
    { param: "security.keyless" },
  );
}

/** Whether a request to our port comes from a program of our user. A table that cannot be read proves nothing. */
export function sameUserRule(
  ourPort: number,
  machine = thisMachine(),
): (question: GuardQuestion) => boolean {
  const { uid, read } = machine;
  if (uid === undefined) return () => false;
  // Without IPv6 the second table is not there, and nobody in it.
  const readTable = (table: SocketTable): string => {
    try {
      return read(table);
    } catch {
      return "";
    }
  };
  const isOurs = createSameUserCheck({ uid, readTable });
  return ({ peer, peerPort }) => isOurs({ address: peer, port: peerPort, ourPort });
}
