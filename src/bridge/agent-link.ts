// An agent that has dialled the hub: its hello becomes a request to join, its link an `Agent` that the registry can run
// turns on. Approves nothing and knows no scopes but what the agent wishes for.

import type { Agent, AgentInfo, SessionRegistry } from "../core/ports.ts";
import type { Session } from "../core/session.ts";
import type { Connection } from "./connection.ts";
import type { HelloFrame } from "./frame.ts";
import { knownScopes } from "./invoke.ts";
import { fromModelEntry } from "./session-frame.ts";

export interface AgentLink {
  readonly session: Session;
  /** The rotated token of a resumed session, or the token of one approved at once. */
  readonly token: string | undefined;
  attach(): void;
  /** The models of another hello take the place of the ones before. Throws what `SessionRegistry.attach` throws. */
  offer(hello: HelloFrame): void;
  detach(): void;
}

export interface JoiningAgent {
  readonly sessions: SessionRegistry;
  readonly connection: Connection;
  readonly hello: HelloFrame;
}

/** Throws what `SessionRegistry.join` throws. */
export async function admitAgent({
  sessions,
  connection,
  hello,
}: JoiningAgent): Promise<AgentLink> {
  const info = agentInfo(hello);
  const { session_token: given } = hello;
  const { session, token } = await sessions.join(
    given === undefined ? { info } : { info, token: given },
  );
  const run: Agent["run"] = (turn, signal) => connection.run(turn, signal);
  const agent = { info, run } satisfies Agent;
  let detach: (() => void) | undefined;
  let offered = JSON.stringify(hello.models);
  return {
    session,
    token,
    attach: () => {
      detach = sessions.attach(session.sessionId, agent);
    },
    offer: ({ models }) => {
      const text = JSON.stringify(models);
      if (text === offered) return;
      const changed = { info: { ...info, models: models.map(fromModelEntry) }, run };
      detach = sessions.attach(session.sessionId, changed);
      offered = text;
    },
    detach: () => detach?.(),
  };
}

function agentInfo(hello: HelloFrame): AgentInfo {
  return {
    agentId: hello.agent_id,
    label: hello.label,
    connector: hello.connector ?? "unknown",
    models: hello.models.map(fromModelEntry),
    requestedScopes: knownScopes(hello.requested_scopes),
  };
}
