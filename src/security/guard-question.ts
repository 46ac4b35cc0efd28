// What the guard is asked, and who it may answer with. Types only.

export interface GuardQuestion {
  readonly port: "provider" | "bridge";
  readonly method: string;
  /** As it came, without the query. */
  readonly path: string;
  /** The address of the other end of the connection; headers that claim another one count for nothing. */
  readonly peer: string | undefined;
  /** The port of that end. */
  readonly peerPort?: number | undefined;
  /** Repeated headers joined by a comma, as the platform does. */
  header(name: string): string | null;
  readonly isUpgrade: boolean;
}

/**
 * Who was let in, and as what. `keyId` names a client key; `keyless` is a client that needed none by consent; `bridge`
 * names a foreign bridge that registers its sessions.
 */
export interface GuardCaller {
  readonly kind: "public" | "client" | "control" | "bridge" | "agent";
  readonly keyId?: string;
  readonly keyless?: true;
  readonly bridge?: string;
}
