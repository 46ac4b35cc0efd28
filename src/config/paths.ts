// Where every file of ours lives. A pure function of the environment, so that a client finds what a server left.
// The working folder never plays a part: a server started in a hostile folder must not read its files.

import { posix, win32 } from "node:path";

import { AppError } from "../core/error.ts";

export interface Paths {
  /** The YAML file that is read when none is named. */
  readonly configFile: string;
  readonly state: string;
  readonly database: string;
  /** One `*.json` per running server: where it is, for the client commands. */
  readonly run: string;
  /** One file per secret, see security/secrets.ts. */
  readonly secrets: string;
}

export interface PathsInput {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  /** The user's home folder. */
  readonly home: string;
}

/** Throws `AppError` `invalid_request` when MLP_HOME is not absolute. */
export function findPaths(input: PathsInput): Paths {
  const { join, isAbsolute } = input.platform === "win32" ? win32 : posix;
  const home = input.env["MLP_HOME"];
  if (home !== undefined && home !== "") {
    if (!isAbsolute(home)) {
      throw new AppError("invalid_request", "MLP_HOME: expected an absolute path");
    }
    return place(join, { config: home, state: home, run: join(home, "run") });
  }
  // The XDG specification: a path that is not absolute is to be ignored.
  const xdg = (name: string): string | undefined => {
    const value = input.env[name];
    return value !== undefined && isAbsolute(value) ? join(value, "mlp") : undefined;
  };
  const fallback = platformFolders(input, join);
  const state = xdg("XDG_STATE_HOME") ?? fallback.state;
  return place(join, {
    config: xdg("XDG_CONFIG_HOME") ?? fallback.config,
    state,
    run: xdg("XDG_RUNTIME_DIR") ?? join(state, "run"),
  });
}

type Join = (...parts: string[]) => string;

interface Folders {
  readonly config: string;
  readonly state: string;
}

function platformFolders({ env, platform, home }: PathsInput, join: Join): Folders {
  if (platform === "darwin") {
    const folder = join(home, "Library", "Application Support", "mlp");
    return { config: folder, state: folder };
  }
  if (platform === "win32") {
    return {
      config: join(env["APPDATA"] || join(home, "AppData", "Roaming"), "mlp"),
      state: join(env["LOCALAPPDATA"] || join(home, "AppData", "Local"), "mlp"),
    };
  }
  return { config: join(home, ".config", "mlp"), state: join(home, ".local", "state", "mlp") };
}

function place(join: Join, folders: Folders & { readonly run: string }): Paths {
  return {
    configFile: join(folders.config, "config.yaml"),
    state: folders.state,
    database: join(folders.state, "mlp.db"),
    run: folders.run,
    secrets: join(folders.state, "secrets"),
  };
}
