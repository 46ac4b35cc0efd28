// What an editor is to `mlp connect`: where its settings live and which of them are ours, or the steps that a person
// takes where there is no file to write. Pure: nothing here or in the files beside it reads or writes a file.

import type { JsonValue } from "../../core/json.ts";
import { CommandError } from "../failure.ts";

/** The machine, as far as places of files depend on it. */
export interface Place {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  /** The user's home folder. */
  readonly home: string;
}

/** What an editor is pointed at. */
export interface Endpoint {
  /** The server's address, without a slash at its end and without `/v1`. */
  readonly base: string;
  readonly key: string;
  readonly model: string;
  /** Of the model, as the server says it: for editors that ask for a number. */
  readonly contextTokens?: number;
}

/** One step into a settings file: a key, or the element of a list that has this `name`. */
export type Step = string | { readonly name: string };

/** One setting of ours, and where it stands. */
export interface Entry {
  readonly path: readonly Step[];
  readonly value: JsonValue;
}

/** What was there before us, and what is still as we left it. */
export interface Undo {
  /** The file as it was; `undefined` when there was none. */
  readonly original: string | undefined;
  /** Only what is ours by this is taken out. */
  readonly isOurs: (path: readonly Step[], value: JsonValue) => boolean;
}

/** How a kind of file is changed without touching what else is in it. Each throws `SettingsError`. */
export interface Format {
  read(text: string): JsonValue;
  edit(text: string, entries: readonly Entry[]): string;
  /** Puts back what our entries replaced, where they are still ours. */
  remove(text: string, paths: readonly (readonly Step[])[], undo: Undo): string;
}

interface Named {
  /** As on the command line. */
  readonly name: string;
  readonly title: string;
  /** The default for `--model`. */
  readonly model: string;
}

export interface FileEditor extends Named {
  readonly kind: "file";
  /** Where the settings may be: the first that exists is used, the first of all is made. */
  locate(place: Place): readonly string[];
  /** Files that a new settings file would put out of use. */
  olderFiles?(place: Place): readonly string[];
  readonly format: Format;
  /** What a new file begins as. */
  readonly skeleton: string;
  entries(endpoint: Endpoint): readonly Entry[];
  /** What is left for the person to do, in one line. */
  readonly next: string;
}

export interface StepsEditor extends Named {
  readonly kind: "steps";
  /** Lines of text, to be followed by hand. */
  steps(endpoint: Endpoint, place: Place): readonly string[];
  /** How to undo them, in one line. */
  readonly undo: string;
}

export type Editor = FileEditor | StepsEditor;

/** The file cannot be understood, or not be changed without risk. The message does not name the file, nor quote it. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

/** The name that our entries go by in lists and tables of providers. */
export const PROVIDER_ID = "mlp";
export const PROVIDER_TITLE = "MCP Local Provider";

/** Always the default agent, whichever that is. */
export const AGENT_MODEL = "cursor-agent";

/**
 * One of the names in src/engine/catalog.ts. Void decides by the name what a model can do. `gpt-4.1` in it means a
 * window of a million tokens and tools in OpenAI's own form; a name that Void does not know means 4,096 tokens.
 * docs/editors/void.md says more.
 */
export const VOID_MODEL = "cursor-agent-as-gpt-4.1";

/** What the server says of models whose agent does not: the default of `model.context_length`. */
export const CONTEXT_TOKENS = 128_000;
export const OUTPUT_TOKENS = 32_000;

/** Tokens for editors that ask for a number, and have no other way to know it. */
export function contextTokens({ contextTokens = CONTEXT_TOKENS }: Endpoint): number {
  return contextTokens;
}

/** For what speaks OpenAI's dialect. */
export function openaiBase({ base }: Endpoint): string {
  return `${base}/v1`;
}

/** The secret base path, for what speaks Ollama's dialect and sends no key. */
export function secretBase({ base, key }: Endpoint): string {
  if (/^[\w.~*<>-]+$/.test(key)) return `${base}/k/${key}`;
  throw new CommandError(
    "the client key has characters that cannot stand in an address; make another with `mlp keys create`",
  );
}
