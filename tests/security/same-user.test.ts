import { describe, expect, test } from "bun:test";
import { createSameUserCheck } from "../../src/security/same-user.ts";
import type { SocketTable } from "../../src/security/same-user.ts";

const HEAD =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     ";
const HEAD_6 =
  "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";

/** Our port 11434 is 2CAA, the peer's 40000 is 9C40. */
const OURS = "0100007F:2CAA";
const THEIRS = "0100007F:9C40";
const ROOT_LISTENS = `   0: ${OURS} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 615608 1 000000006ed94054 100 0 0 10 0                      `;

interface RowParts {
  readonly from?: string;
  readonly to?: string;
  readonly state?: string;
  readonly uid?: number;
  readonly inode?: number;
}

function row({ from = THEIRS, to = OURS, state = "01", uid = 1000, inode = 88_101 }: RowParts) {
  const owner = `${String(uid).padStart(5)} ${"0".padStart(8)} ${inode}`;
  return `  82: ${from} ${to} ${state} 00000000:00000000 00:00000000 00000000 ${owner} 1 00000000f2a1c000 20 4 30 10 -1                     `;
}

/** Our own end of the same connection: it comes first as often as not. */
const ACCEPTED = row({ from: OURS, to: THEIRS, uid: 1000, inode: 77 });

function table(head: string, ...rows: readonly string[]): string {
  return `${[head, ...rows].join("\n")}\n`;
}

interface Tables {
  readonly four?: string;
  readonly six?: string;
}

function isOurs(
  { four = table(HEAD, ROOT_LISTENS), six = table(HEAD_6) }: Tables,
  socket: { readonly address?: string | undefined; readonly port?: number | undefined } = {},
  uid = 1000,
): boolean {
  const readTable = (name: SocketTable): string => (name === "/proc/net/tcp" ? four : six);
  const check = createSameUserCheck({ uid, readTable });
  return check({ address: "127.0.0.1", port: 40_000, ourPort: 11_434, ...socket });
}

const six = (address: string, port: string) => `${address}:${port}`;
const LOOPBACK_6 = "00000000000000000000000001000000";
const MAPPED_4 = "0000000000000000FFFF00000100007F";

describe("a program of our user", () => {
  test("is known by its end of the connection, wherever in the table that is", () => {
    expect(isOurs({ four: table(HEAD, ROOT_LISTENS, ACCEPTED, row({})) })).toBe(true);
    expect(isOurs({ four: table(HEAD, row({}), ACCEPTED) })).toBe(true);
    expect(isOurs({ four: `${HEAD}\n${row({}).trimEnd()}` })).toBe(true);
  });

  test("may have any loopback address of its own", () => {
    const four = table(HEAD, row({ from: "0A09087F:9C40" }));
    expect(isOurs({ four }, { address: "127.8.9.10" })).toBe(true);
    expect(isOurs({ four }, { address: "127.0.0.1" })).toBe(false);
  });

  test("may speak IPv6", () => {
    const ends = { from: six(LOOPBACK_6, "9C40"), to: six(LOOPBACK_6, "2CAA") };
    expect(isOurs({ six: table(HEAD_6, row(ends)) }, { address: "::1" })).toBe(true);
    expect(isOurs({ six: table(HEAD_6, row({ ...ends, uid: 1001 })) }, { address: "::1" })).toBe(
      false,
    );
  });

  test("may speak IPv4 through a socket of IPv6, however the peer's address is written then", () => {
    const ends = { from: six(MAPPED_4, "9C40"), to: six(MAPPED_4, "2CAA") };
    for (const address of ["127.0.0.1", "::ffff:127.0.0.1", "::FFFF:127.0.0.1"]) {
      expect(isOurs({ six: table(HEAD_6, row(ends)) }, { address })).toBe(true);
      expect(isOurs({ six: table(HEAD_6, row({ ...ends, uid: 0 })) }, { address })).toBe(false);
    }
  });

  test("may be root, if we are, by a socket that somebody holds", () => {
    expect(isOurs({ four: table(HEAD, row({ uid: 0 })) }, {}, 0)).toBe(true);
    expect(isOurs({ four: table(HEAD, row({ uid: 0, inode: 0 })) }, {}, 0)).toBe(false);
  });
});

describe("nobody else is, such as", () => {
  const strangers: Readonly<Record<string, readonly string[]>> = {
    "another user": [row({ uid: 1001 })],
    root: [row({ uid: 0 })],
    "a user whose number begins like ours": [row({ uid: 10_001 })],
    "somebody in no table": [],
    "our own end alone": [ACCEPTED],
    "a client of another port": [row({ to: "0100007F:2CAB" })],
    "another client of ours": [row({ from: "0100007F:9C41" })],
    "a client of our port at another address": [row({ to: "0200007F:2CAA" })],
    "one whose connection has ended: TIME_WAIT": [row({ state: "06", uid: 1000, inode: 0 })],
    "one that has closed its end: FIN_WAIT2": [row({ state: "05" })],
    "one that is still connecting: SYN_SENT": [row({ state: "02" })],
    "two owners of one connection": [row({}), row({ uid: 1001 })],
    "a row that is cut off": [`  82: ${THEIRS} ${OURS} 01 00000000:00000000 00:00000000`],
    "a row without a number for its user": [row({}).replace(" 1000 ", "  abc ")],
  };
  test.each(Object.entries(strangers))("%s", (_name, rows) => {
    expect(isOurs({ four: table(HEAD, ROOT_LISTENS, ...rows) })).toBe(false);
  });

  test.each([
    undefined,
    "",
    "10.0.0.1",
    "::ffff:10.0.0.1",
    "::",
    "::1%lo",
    "fe80::1",
    "127.1",
    "127.0.0.01",
    "127.0.0.256",
    "127.0.0.1 ",
  ])("a peer at %p", (address) => {
    const everywhere = [row({}), row({ from: six(LOOPBACK_6, "9C40"), to: OURS })];
    expect(isOurs({ four: table(HEAD, ...everywhere) }, { address })).toBe(false);
  });

  test("a peer without a port", () => {
    expect(isOurs({ four: table(HEAD, row({})) }, { port: undefined })).toBe(false);
  });
});

describe("the table", () => {
  test("is read anew for each question: what was true of a port need not be", () => {
    let four = table(HEAD, row({}));
    const readTable = (name: SocketTable): string => (name === "/proc/net/tcp" ? four : "");
    const check = createSameUserCheck({ uid: 1000, readTable });
    const socket = { address: "127.0.0.1", port: 40_000, ourPort: 11_434 };
    expect(check(socket)).toBe(true);
    four = table(HEAD, row({ uid: 1001 }));
    expect(check(socket)).toBe(false);
  });

  test("is looked through again when a row is missing, as it may be while others come and go", () => {
    const looks = [table(HEAD), "", table(HEAD, row({}))];
    const check = createSameUserCheck({ uid: 1000, readTable: () => looks.shift() ?? "" });
    expect(check({ address: "127.0.0.1", port: 40_000, ourPort: 11_434 })).toBe(true);
  });

  test("is not looked through again for a stranger, nor for ever", () => {
    let reads = 0;
    const count = (text: string) => () => {
      reads += 1;
      return text;
    };
    const socket = { address: "127.0.0.1", port: 40_000, ourPort: 11_434 };
    const stranger = createSameUserCheck({
      uid: 1000,
      readTable: count(table(HEAD, row({ uid: 7 }))),
    });
    expect([stranger(socket), reads]).toEqual([false, 1]);
    reads = 0;
    const nobody = createSameUserCheck({ uid: 1000, readTable: count("") });
    expect(nobody(socket)).toBe(false);
    expect(reads).toBe(4);
  });
});
