// The environment of a program that is tried: a home of its own, and nothing of ours or of whoever runs the try.

import { join } from "node:path";

export function bareEnvironment(home: string): Readonly<Record<string, string>> {
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    TMPDIR: join(home, "tmp"),
    XDG_CONFIG_HOME: join(home, ".config"),
    XDG_DATA_HOME: join(home, ".local/share"),
    XDG_CACHE_HOME: join(home, ".cache"),
    XDG_STATE_HOME: join(home, ".local/state"),
    CI: "1",
    NO_COLOR: "1",
    DO_NOT_TRACK: "1",
  };
}
