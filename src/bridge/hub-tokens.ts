// The session tokens that a hub tells its agents, each once: which of them came a moment too early, which are on their way,
// and what becomes of those. Knows links by their id and no socket.

/** Who wants to know what becomes of the tokens that agents are told. */
export interface TokenListener {
  /** Its agent keeps it. */
  keepsToken(token: string): void;
  /** Its agent may never have got it. */
  lostToken(token: string): void;
}

export interface HubTokens {
  /** Called before and after the registry is asked whether an agent may join. */
  joining(): void;
  joined(): void;
  /** Sent over this link. `saysKept`: its agent will say when it keeps it; of any other that is taken for granted. */
  told(linkId: string, token: string, saysKept: boolean): void;
  kept(linkId: string, token: string): void;
  /** No link of this hub's is there to tell it to. `isAway`: nor is there another way to its agent. */
  untold(sessionId: string, token: string, isAway: boolean): void;
  /** The token that came before its agent's link did. */
  take(sessionId: string): string | undefined;
  /** Nothing came of telling it. */
  lost(token: string | undefined): void;
  /** The link is no more. */
  gone(linkId: string): void;
}

export function createHubTokens(listener: Partial<TokenListener>): HubTokens {
  /** A session may become active between the registry's answer to a join and our hearing of it. */
  const early = new Map<string, string>();
  let joins = 0;
  /** By link: told, and not known to be kept. */
  const underway = new Map<string, string>();

  function kept(linkId: string, token: string): void {
    if (underway.get(linkId) === token) underway.delete(linkId);
    listener.keepsToken?.(token);
  }

  function lost(token: string | undefined): void {
    if (token !== undefined) listener.lostToken?.(token);
  }

  return {
    joining: () => void (joins += 1),
    joined: () => {
      joins -= 1;
      if (joins === 0) early.clear();
    },
    told: (linkId, token, saysKept) => {
      underway.set(linkId, token);
      if (!saysKept) kept(linkId, token);
    },
    kept,
    untold: (sessionId, token, isAway) => {
      if (joins > 0) early.set(sessionId, token);
      if (isAway) lost(token);
    },
    take: (sessionId) => {
      const token = early.get(sessionId);
      early.delete(sessionId);
      return token;
    },
    lost,
    gone: (linkId) => {
      lost(underway.get(linkId));
      underway.delete(linkId);
    },
  };
}
