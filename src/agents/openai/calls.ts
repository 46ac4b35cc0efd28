// Puts an upstream's tool calls into our grammar: one after the other, whatever order their fragments come in.
// The first call streams; what comes while it is unfinished waits, within bounds.

import { AppError } from "../../core/error.ts";
import type { TurnEvent } from "../../core/event.ts";
import { isJsonObject, parseJson } from "../../core/json.ts";

/** A piece of a call. `key` says which one; id and name come with its first fragment, some servers repeat them. */
export interface CallFragment {
  readonly key: number;
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

export interface CallSequencer {
  /** Text or reasoning: emitted in its place. */
  text(event: TurnEvent): readonly TurnEvent[];
  fragment(fragment: CallFragment): readonly TurnEvent[];
  /** Whatever still waits. Throws `AppError` `agent_error` for arguments that are no JSON object. */
  end(): readonly TurnEvent[];
  /** Whether there was any call. */
  readonly called: boolean;
}

interface Call {
  readonly id: string;
  /** As the server has it; "" where it gave none. */
  readonly givenId: string;
  name: string;
  arguments: string;
  state: "open" | "held" | "closed";
  /** Whether its arguments have begun to be emitted. */
  flowing: boolean;
}

export interface SequencerOptions {
  readonly callId: () => string;
  /** Arguments and held text together, in UTF-16 code units. */
  readonly maxLength: number;
}

export function createCallSequencer({ callId, maxLength }: SequencerOptions): CallSequencer {
  const calls = new Map<number, Call>();
  const ids = new Set<string>();
  let held: (TurnEvent | Call)[] = [];
  let open: Call | undefined;
  let length = 0;

  function grow(text: string): void {
    length += text.length;
    if (length > maxLength) throw agentError("The upstream's tool calls are too large.");
  }

  /** Whether something else may be emitted now: nothing waits, and the open call is complete. */
  function settle(): boolean {
    if (held.length > 0) return false;
    if (open === undefined) return true;
    if (!isWhole(open.arguments)) return false;
    open.state = "closed";
    open = undefined;
    return true;
  }

  function text(event: TurnEvent): readonly TurnEvent[] {
    if (settle()) return [event];
    if ("text" in event) grow(event.text);
    held.push(event);
    return [];
  }

  function begin({ key, id, name }: CallFragment): readonly TurnEvent[] {
    const free = settle() && name !== "";
    const unique = id === "" || ids.has(id) ? callId() : id;
    ids.add(unique);
    const state = free ? "open" : "held";
    const call: Call = {
      id: unique,
      givenId: id,
      name,
      arguments: "",
      state,
      flowing: false,
    };
    calls.set(key, call);
    if (!free) {
      held.push(call);
      return [];
    }
    open = call;
    return [{ type: "tool-call-start", id: call.id, name }];
  }

  function fragment(fragment: CallFragment): readonly TurnEvent[] {
    const known = calls.get(fragment.key);
    const isNew = known === undefined || isAnother(known, fragment);
    const started = isNew ? begin(fragment) : [];
    const call = calls.get(fragment.key);
    if (call === undefined) return started;
    if (call.name === "") call.name = fragment.name;
    grow(fragment.arguments);
    if (call.state === "closed") {
      if (fragment.arguments.trim() === "") return started;
      throw agentError("The upstream went on with a tool call that was complete.");
    }
    call.arguments += fragment.arguments;
    return call.state === "open" ? [...started, ...flow(call, fragment.arguments)] : started;
  }

  function end(): readonly TurnEvent[] {
    if (open !== undefined) check(open);
    open = undefined;
    const rest = held;
    held = [];
    return rest.flatMap(eventsOf);
  }

  return {
    text,
    fragment,
    end,
    get called() {
      return calls.size > 0;
    },
  };
}

/**
 * Some servers number every call 0, or not at all, and tell them apart by id; some give no ids either: then another name
 * begins another call, and so does an object after a whole one.
 */
function isAnother(call: Call, { id, name, arguments: text }: CallFragment): boolean {
  if (name === "" || call.name === "") return false;
  if (id !== "" && call.givenId !== "") return id !== call.givenId;
  return name !== call.name || (text.trimStart().startsWith("{") && isWhole(call.arguments));
}

function isWhole(text: string): boolean {
  return isJsonObject(parseJson(text));
}

/**
 * What may be emitted now that `latest` has come. Nothing is before the object opens: `null` and `""`, which some
 * servers send for none, then mean `{}`. The arguments so far are looked at only until then: they may grow long.
 */
function flow(call: Call, latest: string): readonly TurnEvent[] {
  if (latest.trim() === "" && !call.flowing) return [];
  const text = call.flowing ? latest : call.arguments;
  call.flowing ||= text.trimStart().startsWith("{");
  if (!call.flowing || text === "") return [];
  return [{ type: "tool-call-delta", id: call.id, arguments: text }];
}

function eventsOf(held: TurnEvent | Call): readonly TurnEvent[] {
  if ("type" in held) return [held];
  check(held);
  return [{ type: "tool-call-start", id: held.id, name: held.name }, ...flow(held, held.arguments)];
}

function check({ name, arguments: text }: Call): void {
  if (name === "") throw agentError("The upstream sent a tool call without a name.");
  if (["", "null", '""'].includes(text.trim()) || isWhole(text)) return;
  throw agentError("The upstream's answer ended within the arguments of a tool call.");
}

function agentError(message: string): AppError {
  return new AppError("agent_error", message);
}
