// Addresses as people and programs are told them.

/** Hosts by which only this machine is listened to. */
export const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(["127.0.0.1", "::1", "localhost"]);

/** `scheme://host:port` by which this machine reaches a server that listens on `host`. */
export function addressOf(scheme: "http" | "ws", host: string, port: number): string {
  const everywhere = host === "0.0.0.0" || host === "::" || host === "localhost";
  const name = everywhere ? "127.0.0.1" : host;
  return `${scheme}://${name.includes(":") ? `[${name}]` : name}:${port}`;
}
