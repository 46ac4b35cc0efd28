// Which network addresses may connect: this machine always, others only where named. Pure.

import { BlockList, isIP } from "node:net";
import { AppError } from "../core/error.ts";

export type PeerRule = (address: string | undefined) => boolean;

/**
 * Loopback (IPv4, IPv6, IPv4 inside IPv6), and the networks given as `10.0.0.0/8` or single addresses.
 * An address that cannot be read is refused.
 * @throws AppError invalid_request for a network that cannot be read
 */
export function createPeerRule(networks: readonly string[] = []): PeerRule {
  const allowed = new BlockList();
  allowed.addSubnet("127.0.0.0", 8, "ipv4");
  allowed.addAddress("::1", "ipv6");
  for (const network of networks) add(allowed, network);
  return (address) => {
    if (address === undefined) return false;
    // As nearly everybody comes.
    if (address === "127.0.0.1" || address === "::1") return true;
    // A link-local address may carry the name of its interface: `fe80::1%eth0`.
    const [bare = ""] = address.split("%");
    const mapped = /^::ffff:([0-9.]+)$/i.exec(bare)?.[1] ?? bare;
    const family = isIP(mapped);
    if (family === 0) return false;
    return allowed.check(mapped, family === 4 ? "ipv4" : "ipv6");
  };
}

function add(list: BlockList, network: string): void {
  const [address = "", prefix, ...rest] = network.split("/");
  const family = isIP(address);
  const bits = family === 4 ? 32 : 128;
  const length = prefix === undefined ? bits : Number(prefix);
  const isPrefix = /^[0-9]{1,3}$/.test(prefix ?? "0") && length <= bits;
  if (family === 0 || !isPrefix || rest.length > 0) {
    throw new AppError(
      "invalid_request",
      `"${network}" is not a network. Write one such as 10.0.0.0/8 or fd00::/8.`,
      { param: "security.allowed_peers" },
    );
  }
  list.addSubnet(address, length, family === 4 ? "ipv4" : "ipv6");
}
