// What a route tells the documents about itself. Kept in the route's `detail`, where Elysia ignores it; what the
// guard asks of it, how it refuses and in which shape follow from its path: see openapi.ts.

import type { TSchema } from "@sinclair/typebox";
import type { DocumentDecoration } from "elysia";
import type { RefusalSet } from "./refusals.ts";

export interface OperationNotes {
  readonly summary: string;
  readonly tag: string;
  /** Markdown, for what the summary leaves open. */
  readonly description?: string;
  readonly body?: TSchema;
  /** Whether a request without any body is as good. */
  readonly bodyMayBeAbsent?: boolean;
  /** Bodies that a client would really send, by a few words about each. */
  readonly examples?: Readonly<Record<string, object>>;
  /** The schema of the answer in JSON; without it and `text`, an object. */
  readonly answer?: TSchema;
  /** Statuses beside 200 that may carry that answer. */
  readonly answerStatuses?: readonly number[];
  /** The media type and an example of an answer that is no JSON; with `answer`, the request's `Accept` decides. */
  readonly text?: { readonly type: string; readonly example: string };
  /** The media type of the answer when it is streamed. */
  readonly streams?: string;
  /** The stream's own last event is its end: no `[DONE]` follows it. */
  readonly endsItself?: boolean;
  /** What is in one event, or one line, of the stream. */
  readonly item?: TSchema;
  /** Whether an agent runs: then the request's own headers count, and a turn can fail in many ways. */
  readonly turn?: boolean;
  /** Whether it only ever refuses: a route of the dialect for something that is not done here. */
  readonly unserved?: boolean;
  /** Whether a foreign bridge's own token is good for it, too. */
  readonly forBridges?: boolean;
  /** Ways of refusing beside those that every route of its group has. */
  readonly refusals?: readonly RefusalSet[];
}

interface RouteDetail extends DocumentDecoration {
  readonly notes: OperationNotes;
}

/** For a route's `detail`. TypeBox schemas are JSON Schema and go in as they are. */
export function operation(notes: OperationNotes): RouteDetail {
  return { summary: notes.summary, notes };
}

/** The schema under a name of its own, for documents: those of dialects are called the same in each. */
export function named<S extends TSchema>(name: string, schema: S): S {
  return { ...schema, title: name };
}

/** What `operation` put there; `undefined` for a route that is not for clients. */
export function notesOf(detail: object | undefined): OperationNotes | undefined {
  return detail === undefined ? undefined : (detail as Partial<RouteDetail>).notes;
}
