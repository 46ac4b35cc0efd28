// The MCP clients that are there, by the unguessable name that each got: bounded, and sent away when they have been silent
// for long. Knows no protocol.

import type { Clock } from "../../core/ports.ts";

export interface Guest {
  /** Monotonic milliseconds of the last sign of life; `undefined` while something is open. */
  readonly idleSince: () => number | undefined;
  close(): void;
}

export interface Guests<G extends Guest> {
  readonly isFull: boolean;
  readonly size: number;
  get(name: string): G | undefined;
  add(name: string, guest: G): void;
  /** Closes it, too. */
  remove(name: string): void;
  close(): void;
}

export interface GuestsOptions {
  readonly clock: Clock;
  readonly most: number;
  readonly idleMs: number;
}

export function createGuests<G extends Guest>({ clock, most, idleMs }: GuestsOptions): Guests<G> {
  const guests = new Map<string, { readonly guest: G; stopTimer: () => void }>();

  function watch(name: string, ms: number): () => void {
    return clock.timer(ms, () => {
      const entry = guests.get(name);
      if (entry === undefined) return;
      const since = entry.guest.idleSince();
      const left = since === undefined ? idleMs : since + idleMs - clock.monotonic();
      if (left <= 0) remove(name);
      else entry.stopTimer = watch(name, left);
    });
  }

  function remove(name: string): void {
    const entry = guests.get(name);
    if (!guests.delete(name)) return;
    entry?.stopTimer();
    entry?.guest.close();
  }

  return {
    get isFull() {
      return guests.size >= most;
    },
    get size() {
      return guests.size;
    },
    get: (name) => guests.get(name)?.guest,
    add: (name, guest) => {
      guests.set(name, { guest, stopTimer: watch(name, idleMs) });
    },
    remove,
    close: () => {
      for (const name of guests.keys()) remove(name);
    },
  };
}
