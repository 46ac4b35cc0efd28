// MCP clients that come to the bridge's own port: each becomes an agent of the hub's sessions, without a link in between.
// A human approves it like any other; a client's own word counts only where the configuration says so.

import { createMcpHttp } from "../agents/mcp/http.ts";
import type { Seat } from "../agents/mcp/chat.ts";
import { AppError } from "../core/error.ts";
import type { Agent, Log } from "../core/ports.ts";
import type { Session, SessionStatus } from "../core/session.ts";
import type { Sessions } from "../engine/sessions.ts";
import type { System } from "./system.ts";
import { VERSION } from "./version.ts";

export interface McpDoorParts {
  readonly sessions: Sessions;
  readonly system: System;
  readonly log: Log;
  readonly bodyBytes: number;
  /** Whether an answer given in the client itself approves its session. Read at each question. */
  readonly trustsConsent: () => boolean;
}

export interface McpDoor {
  handle(request: Request): Promise<Response>;
  /** Sends every client away; resolves when their sessions are ended. */
  close(): Promise<void>;
}

export function openMcpDoor(parts: McpDoorParts): McpDoor {
  const { system, log, bodyBytes } = parts;
  const { clock, random } = system;
  const leaving = new Set<Promise<unknown>>();
  const http = createMcpHttp({
    clock,
    random,
    log,
    bodyBytes,
    version: VERSION,
    takeSeat: (agent) => takeSeat(parts, agent, leaving),
  });
  return {
    handle: (request) => http.handle(request),
    close: async () => {
      http.close();
      await Promise.all(leaving);
    },
  };
}

async function takeSeat(
  parts: McpDoorParts,
  agent: Agent,
  leaving: Set<Promise<unknown>>,
): Promise<Seat> {
  const { sessions, log } = parts;
  const { session } = await sessions.join({ info: agent.info });
  const { sessionId } = session;
  let detach = sessions.attach(sessionId, agent);
  let last: SessionStatus = session.status;
  let hasLeft = false;
  log.info({ sessionId, agentId: agent.info.agentId }, "an MCP client has joined");

  function current(): Session | undefined {
    return sessions.get(sessionId);
  }

  async function consent(isAllowed: boolean): Promise<void> {
    const asked = current();
    if (asked?.status !== "pending") return;
    log.info({ sessionId, isAllowed }, "the MCP client's user has answered for it");
    try {
      if (isAllowed) await sessions.approve(sessionId, { approvalHash: asked.approvalHash });
      else await sessions.deny(sessionId);
    } catch (error) {
      // Somebody else has decided in that moment.
      if (!(error instanceof AppError) || error.code !== "conflict") throw error;
    }
  }

  /** Nobody can come back to this session: its token was told to nobody. What waits may be taken up again. */
  function leave(): void {
    if (hasLeft) return;
    hasLeft = true;
    detach();
    detach = () => undefined;
    const { status } = current() ?? {};
    if (status !== "active" && status !== "suspended") return;
    // What it was asked ends first: as lost, not as revoked.
    const ended = new Promise<void>((resolve) => parts.system.clock.soon(resolve))
      .then(() => sessions.revoke(sessionId))
      .catch((error: unknown) => {
        log.warn({ err: error, sessionId }, "the session of an MCP client could not be ended");
      });
    leaving.add(ended);
    void ended.finally(() => leaving.delete(ended));
  }

  return {
    status: () => {
      last = current()?.status ?? last;
      return last;
    },
    howToApprove: () => `The user does that with: mlp sessions approve ${sessionId}`,
    renewsItself: false,
    ...(parts.trustsConsent() && { consent }),
    leave,
  };
}
