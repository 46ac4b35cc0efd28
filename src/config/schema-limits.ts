// The settings of how much and how fast: a part of the schema.

import { Type } from "@sinclair/typebox";

import { closed, nullable, whole } from "./builders.ts";

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const MILLISECONDS = [1, 24 * HOUR_MS] as const;
const MOST_REQUESTS = 1_000_000;
const MOST_TOKENS = 1_000_000_000;

function perMinute(description: string, most: number, value: number | null) {
  return Type.Union([Type.Integer({ minimum: 1, maximum: most }), Type.Null()], {
    description,
    default: value,
  });
}

export const rateLimiting = closed(
  {
    requests_per_minute: perMinute(
      "Requests that one client key may send in any 60 seconds. null: no limit.",
      MOST_REQUESTS,
      600,
    ),
    tokens_per_minute: perMinute(
      "Tokens that one client key may use in any 60 seconds, its prompts counted. null: no limit.",
      MOST_TOKENS,
      4_000_000,
    ),
    session_requests_per_minute: perMinute(
      "Requests that one session takes in any 60 seconds, from all keys together. null: no limit.",
      MOST_REQUESTS,
      null,
    ),
    session_tokens_per_minute: perMinute(
      "Tokens that one session takes in any 60 seconds, from all keys together. null: no limit.",
      MOST_TOKENS,
      null,
    ),
  },
  "How fast clients may ask. The defaults are far above what an editor does by itself.",
);

export const limits = closed(
  {
    body_bytes: whole("Largest request body on inference routes.", 10 * MEBIBYTE, [
      KIBIBYTE,
      256 * MEBIBYTE,
    ]),
    control_body_bytes: whole("Largest request body on control routes.", MEBIBYTE, [
      KIBIBYTE,
      16 * MEBIBYTE,
    ]),
    json_depth: whole("Deepest nesting of a JSON body.", 64, [8, 1000]),
    frame_bytes: whole("Largest frame that an agent may send over the bridge.", MEBIBYTE, [
      16 * KIBIBYTE,
      16 * MEBIBYTE,
    ]),
    turn_buffer_bytes: whole(
      "Largest answer that is not streamed, in characters; a larger one fails with the advice to stream it.",
      MEBIBYTE,
      [16 * KIBIBYTE, 64 * MEBIBYTE],
    ),
    max_tokens: nullable(
      Type.Integer({ minimum: 1, maximum: MOST_TOKENS }),
      "Longest answer in tokens; a request for more is lowered to it. null: whatever the client asks for.",
    ),
    reserve_tokens: whole(
      "Tokens set aside for an answer until it ends, where the client says no max_tokens.",
      2_048,
      [1, 1_000_000],
    ),
    turns_in_flight: whole("Turns running at once, over all agents.", 1000, [1, 100_000]),
    turns_per_agent: whole("Turns that one agent runs at once.", 64, [1, 10_000]),
    queue_per_agent: whole(
      "Turns that may wait for room at one agent; the client keys that wait take turns. 0: what finds no room is refused.",
      256,
      [0, 10_000],
    ),
    queue_wait_ms: whole(
      "Longest wait for room. A request that would wait longer, by the measured times of the agent's turns, is refused at once.",
      30_000,
      [1, HOUR_MS],
    ),
    connections: whole(
      "Requests being answered and WebSocket links, together, on each port; beyond that only health is answered. Connections that are silent are not among them: the platform does not show them, and closes each after 30 seconds.",
      2000,
      [16, 100_000],
    ),
    total_buffer_bytes: whole(
      "Memory for request bodies, answers being collected, what bridges have sent ahead and what slow clients have not read, over all requests. Beyond that no new request is taken.",
      256 * MEBIBYTE,
      [16 * MEBIBYTE, 64 * 1024 * MEBIBYTE],
    ),
    first_byte_ms: whole("Longest wait for an agent's first word.", 2 * MINUTE_MS, MILLISECONDS),
    silence_ms: whole("Longest pause inside an answer.", 2 * MINUTE_MS, MILLISECONDS),
    turn_ms: whole("Longest time for a whole turn.", 30 * MINUTE_MS, MILLISECONDS),
    heartbeat_ms: whole("Time between signs of life on a stream that is silent.", 10_000, [
      100,
      MINUTE_MS,
    ]),
    drain_ms: whole("Time that open turns get to end when the server stops.", 10_000, [0, HOUR_MS]),
  },
  "Sizes in bytes unless they say tokens, times in milliseconds.",
);
