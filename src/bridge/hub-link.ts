// One link of a hub, as the hub holds it and as it is shown. Decides nothing.

import type { AgentLink } from "./agent-link.ts";
import type { Connection } from "./connection.ts";
import type { HelloFrame } from "./frame.ts";

export type LinkRole = "agent" | "provider";

export interface HubLink {
  readonly linkId: string;
  readonly role: LinkRole;
  readonly connectedAt: number;
  readonly connection: Connection;
  hello: HelloFrame | undefined;
  agent: AgentLink | undefined;
}

/** For control and health. `connectedAt` is wall-clock time. */
export interface LinkInfo {
  readonly linkId: string;
  readonly role: LinkRole;
  readonly agentId: string | undefined;
  readonly label: string | undefined;
  readonly sessionId: string | undefined;
  readonly connectedAt: number;
  readonly turns: number;
  readonly sent: number;
  readonly received: number;
}

/** In frames. */
export interface Traffic {
  readonly sent: number;
  readonly received: number;
}

/** `sum`, and what went over this link. */
export function addTraffic(sum: Traffic, { connection }: HubLink): Traffic {
  const { sent, received } = connection.stats();
  return { sent: sum.sent + sent, received: sum.received + received };
}

export function linkInfo({
  linkId,
  role,
  connectedAt,
  connection,
  hello,
  agent,
}: HubLink): LinkInfo {
  const { turns, sent, received } = connection.stats();
  return {
    linkId,
    role,
    agentId: hello?.agent_id,
    label: hello?.label,
    sessionId: agent?.session.sessionId,
    connectedAt,
    turns,
    sent,
    received,
  };
}
