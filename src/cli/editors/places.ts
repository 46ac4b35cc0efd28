// Folders that editors keep their settings in. A pure function of the machine, as src/config/paths.ts is for ours.

import { posix, win32 } from "node:path";

import type { Place } from "./editor.ts";

export function inHome(place: Place, ...parts: readonly string[]): string {
  return pathOf(place).join(place.home, ...parts);
}

/** In the folder that a variable names if it does, else in the home folder. */
export function inFolderOf(
  place: Place,
  { variable, otherwise }: { readonly variable: string; readonly otherwise: readonly string[] },
  file: string,
): string {
  const { join, isAbsolute } = pathOf(place);
  const named = place.env[variable];
  return named !== undefined && isAbsolute(named)
    ? join(named, file)
    : join(place.home, ...otherwise, file);
}

export function pathOf({ platform }: Place): typeof posix {
  return platform === "win32" ? win32 : posix;
}
