// Which conversation a request goes on with: recognised by its beginning, by the hash of all that was said, our answer
// included. Keeps one value for each (an agent's own session); the oldest go when there are too many.

import type { Message, Part, Turn } from "../core/turn.ts";

export interface Conversations<T> {
  /** The value of the longest beginning that is known, and the messages that came after it. It is handed out once. */
  take(holder: string, messages: readonly Message[]): Continued<T> | undefined;
  /** `answer` is what was said to `messages`. */
  keep(holder: string, messages: readonly Message[], answer: string, value: T): void;
  /** Forgets those that fit. */
  drop(fits: (value: T) => boolean): void;
  readonly size: number;
}

export interface Continued<T> {
  readonly value: T;
  /** Never empty. */
  readonly rest: readonly Message[];
}

export interface ConversationsOptions<T> {
  readonly sha256: (text: string) => string;
  readonly most: number;
  /** A value that nobody can ask for any more. */
  readonly onDrop: (value: T) => void;
}

/** What is said in answer, as `keep` takes it. */
export interface Said {
  add(text: string): void;
  /** `undefined`: too long to be remembered. An agent may go on for as long as its turn lasts. */
  readonly text: string | undefined;
}

/** In UTF-16 code units. */
const LONGEST_ANSWER = 4 * 1024 * 1024;

export function createSaid(longest = LONGEST_ANSWER): Said {
  let text: string | undefined = "";
  return {
    add: (more) => {
      if (text === undefined) return;
      text = text.length + more.length > longest ? undefined : text + more;
    },
    get text() {
      return text;
    },
  };
}

/** Whose conversation it is: what an agent came to know for one client is not for another who says the same. */
export function holderOf({ sessionId, owner = "" }: Pick<Turn, "sessionId" | "owner">): string {
  return JSON.stringify([sessionId, owner]);
}

export function createConversations<T>(options: ConversationsOptions<T>): Conversations<T> {
  const { sha256, most, onDrop } = options;
  const known = new Map<string, T>();

  /** After each message, in order. */
  function hashes(holder: string, messages: readonly Message[]): readonly string[] {
    let hash = sha256(holder);
    return messages.map((message) => (hash = sha256(`${hash}\n${canonical(message)}`)));
  }

  function take(holder: string, messages: readonly Message[]): Continued<T> | undefined {
    const all = hashes(holder, messages);
    for (let last = messages.length - 2; last >= 0; last -= 1) {
      const hash = all[last] ?? "";
      const value = known.get(hash);
      if (value === undefined || messages[last]?.role !== "assistant") continue;
      known.delete(hash);
      return { value, rest: messages.slice(last + 1) };
    }
    return undefined;
  }

  function keep(holder: string, messages: readonly Message[], answer: string, value: T): void {
    const said: Message = { role: "assistant", content: [{ type: "text", text: answer }] };
    const hash = hashes(holder, [...messages, said]).at(-1) ?? "";
    const twin = known.get(hash);
    known.delete(hash);
    known.set(hash, value);
    if (twin !== undefined) onDrop(twin);
    for (const [oldest, dropped] of known) {
      if (known.size <= most) break;
      known.delete(oldest);
      onDrop(dropped);
    }
  }

  return {
    take,
    keep,
    drop: (fits) => {
      for (const [hash, value] of known) if (fits(value)) known.delete(hash);
    },
    get size() {
      return known.size;
    },
  };
}

/** Reasoning is left out, and an answer's white space at its ends: editors keep neither faithfully. */
function canonical(message: Message): string {
  const parts = joined(message.content);
  if (message.role === "assistant") {
    const calls = (message.toolCalls ?? []).map(({ id, name, arguments: json }) => [
      id,
      name,
      json,
    ]);
    return JSON.stringify(["assistant", parts.map((part) => part.trim()), calls]);
  }
  return JSON.stringify([message.role, parts, message.role === "tool" ? message.toolCallId : ""]);
}

/** Texts that follow each other are one: `"a"` and `[{text: "a"}]` are the same message. */
function joined(content: readonly Part[]): readonly string[] {
  const parts: string[] = [];
  let text = "";
  for (const part of content) {
    if (part.type === "text") text += part.text;
    else parts.push(text, part.type === "image" ? `${part.mediaType} ${part.data}` : part.url);
    if (part.type !== "text") text = "";
  }
  return [...parts, text];
}
