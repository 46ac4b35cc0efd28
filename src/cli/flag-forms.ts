// The forms that flags have, as the command parser wants them described.

import { parseDuration } from "./duration.ts";
import { parseLevel, parseLimit, parseNames, parseWhole } from "./flags.ts";

export function text(brief: string, placeholder: string) {
  return { kind: "parsed", parse: String, optional: true, brief, placeholder } as const;
}

export function port(brief: string) {
  return { kind: "parsed", parse: parseWhole, optional: true, brief, placeholder: "port" } as const;
}

export function limit(brief: string) {
  return { kind: "parsed", parse: parseLimit, optional: true, brief, placeholder: "n" } as const;
}

export function names(brief: string) {
  return { kind: "parsed", parse: parseNames, optional: true, brief, placeholder: "a,b" } as const;
}

export function argument(brief: string, placeholder: string) {
  return { parse: String, brief, placeholder } as const;
}

export const json = {
  kind: "boolean",
  default: false,
  withNegated: false,
  brief: "Print JSON for programs",
} as const;

export const url = text("Address of the server, if it is not the one that runs here", "url");

/** In seconds once parsed. */
export const duration = {
  kind: "parsed",
  parse: parseDuration,
  brief: "Time to live, such as 90s, 30m, 8h, 7d",
  placeholder: "time",
} as const;

export const logLevel = {
  kind: "parsed",
  parse: parseLevel,
  optional: true,
  brief: "debug, info, warn, error or silent",
  placeholder: "level",
} as const;
