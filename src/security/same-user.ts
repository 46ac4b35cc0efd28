// Whether a connection over loopback comes from a program of our own user, by Linux's tables of TCP sockets. Pure: how a
// table is read is handed in. What this proves, and what it does not, is in SECURITY.md under "Without a key".

/** See proc_net_tcp in the kernel's networking documentation. */
export type SocketTable = "/proc/net/tcp" | "/proc/net/tcp6";

export interface SameUserSettings {
  /** Our own user id. */
  readonly uid: number;
  /** The whole table as it is now. May throw, which proves nothing. */
  readonly readTable: (table: SocketTable) => string;
}

/** As the server sees it: the other end's address and port, and our own port. */
export interface PeerSocket {
  readonly address: string | undefined;
  readonly port: number | undefined;
  readonly ourPort: number;
}

/**
 * How often a table is looked through for a socket that is not in it: the kernel hands it out in pieces while connections
 * come and go, so a row may be left out once, and is never made up. Not more often, since each look takes milliseconds.
 */
const LOOKS = 2;

/**
 * Says whether the socket at the other end was made by our user. Both ends of a loopback connection are in the table; the
 * row that counts is the client's: its own address first, ours second, both ports, state ESTABLISHED. Addresses are those
 * of loopback only, so whatever comes through another network namespace, a bridge or a redirection is not found; and not
 * found is no.
 *
 * Nothing is kept between requests. A port is used again by whoever comes next, and the socket behind it is not for
 * us to see, so an answer is good only for the moment it is asked: while our end is open, the kernel gives its four
 * numbers to no second connection.
 */
export function createSameUserCheck(settings: SameUserSettings): (socket: PeerSocket) => boolean {
  return (socket) => {
    const places = placesOf(socket);
    for (let look = 0; look < LOOKS && places.length > 0; look += 1) {
      for (const { table, ends } of places) {
        const owners = ownersOf(settings.readTable(table), ends);
        if (owners.length > 0) return owners.every((uid) => uid === settings.uid);
      }
    }
    return false;
  };
}

interface Place {
  readonly table: SocketTable;
  /** The client's end, ours, and the state, as a row has them. */
  readonly ends: string;
}

const ESTABLISHED = "01";
/** `::1` and `::ffff:127.0.0.1` as the table writes them: four words, each with its bytes from last to first. */
const LOOPBACK_6 = "00000000000000000000000001000000";
const MAPPED = "0000000000000000FFFF0000";
const LOOPBACK_4 = "0100007F";

/** Where the client's row would be. A client of IPv4 may have made a socket of IPv6, and is in that table then. */
function placesOf({ address, port, ourPort }: PeerSocket): readonly Place[] {
  if (address === undefined || port === undefined) return [];
  const rowEnds = (theirs: string, ours: string): string =>
    `: ${theirs}:${hexPort(port)} ${ours}:${hexPort(ourPort)} ${ESTABLISHED} `;
  if (address === "::1") {
    return [{ table: "/proc/net/tcp6", ends: rowEnds(LOOPBACK_6, LOOPBACK_6) }];
  }
  const theirs = hexLoopback(address.replace(/^::ffff:/i, ""));
  if (theirs === undefined) return [];
  return [
    { table: "/proc/net/tcp", ends: rowEnds(theirs, LOOPBACK_4) },
    { table: "/proc/net/tcp6", ends: rowEnds(MAPPED + theirs, MAPPED + LOOPBACK_4) },
  ];
}

/** `127.0.0.1` as the table writes it on every processor that we run on: `0100007F`. */
function hexLoopback(address: string): string | undefined {
  if (!/^127(?:\.(?:0|[1-9][0-9]{0,2})){3}$/.test(address)) return undefined;
  const bytes = address.split(".").map(Number);
  if (bytes.some((byte) => byte > 255)) return undefined;
  return bytes
    .toReversed()
    .map((byte) => hex(byte, 2))
    .join("");
}

function hexPort(port: number): string {
  return hex(port, 4);
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, "0");
}

/** The user ids of the rows with these ends. Searched as text: there may be thousands of rows, and one is wanted. */
function ownersOf(table: string, ends: string): readonly number[] {
  const owners: number[] = [];
  for (let at = table.indexOf(ends); at >= 0; at = table.indexOf(ends, at + ends.length)) {
    const lineEnd = table.indexOf("\n", at);
    const row = table.slice(at + ends.length, lineEnd < 0 ? undefined : lineEnd);
    // Queues, timer, retransmissions, then the owner. A socket that nobody holds any more has inode 0, and uid 0 with it.
    const [, , , uid = "", , inode = ""] = row.trim().split(/ +/);
    const isWhole = /^[0-9]+$/.test(uid) && /^[1-9][0-9]*$/.test(inode);
    owners.push(isWhole ? Number(uid) : Number.NaN);
  }
  return owners;
}
