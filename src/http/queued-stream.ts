// A streamed answer whose turn waits for room: it begins without one, so that the wait is no dead socket, and says how
// long it may be. Knows no dialect: a comment where the framing has comments, a sign of life where it has not.

import type { Clock } from "../core/ports.ts";
import type { AdmittedTurn, QueuedTurn } from "../engine/engine.ts";
import { failedEnd } from "../engine/repeats.ts";
import type { Sink, TurnEnd } from "../engine/run-turn.ts";
import { sseComment } from "../wire/sse.ts";

export interface QueuedAnswer {
  readonly place: QueuedTurn;
  readonly admitting: Promise<AdmittedTurn>;
  readonly clock: Clock;
  /** The content type of the stream. */
  readonly streamType: string;
  readonly heartbeat: () => string;
}

/** How long a refusal may still be a status, in milliseconds. */
const STATUS_MS = 1_000;
const NOTICE_MS = 2_000;
const SECOND_MS = 1_000;

/** Whether nothing is decided after a moment: then the answer begins. */
export function waitsLonger(admitting: Promise<unknown>, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const stopTimer = clock.timer(STATUS_MS, () => resolve(true));
    const decided = (): void => {
      stopTimer();
      resolve(false);
    };
    admitting.then(decided, decided);
  });
}

/** Runs the turn as soon as it has room. `say` writes to the client. Never rejects. */
export async function runWhenAdmitted(
  answer: QueuedAnswer,
  sink: Sink,
  say: (text: string) => void,
): Promise<TurnEnd> {
  const stopTelling = tellPlace(answer, say);
  try {
    const turn = await answer.admitting;
    stopTelling();
    return await turn.run(sink);
  } catch (error) {
    stopTelling();
    return failedEnd(error, true);
  }
}

/** At once, and again whenever it has changed. */
function tellPlace(answer: QueuedAnswer, say: (text: string) => void): () => void {
  let told = "";
  let stopTimer = (): void => undefined;

  function tell(): void {
    const text = placeOf(answer.place);
    if (text === undefined) return;
    if (answer.streamType.startsWith("text/event-stream")) {
      if (text !== told) say(sseComment(text));
    } else if (told === "") say(answer.heartbeat());
    told = text;
    stopTimer = answer.clock.timer(NOTICE_MS, tell);
  }

  tell();
  return () => stopTimer();
}

/** `queued 3, about 12 s`; without the time where nothing is known of it. */
function placeOf(place: QueuedTurn): string | undefined {
  const standing = place.standing();
  if (standing === undefined) return undefined;
  const { position, estimatedWaitMs } = standing;
  if (estimatedWaitMs === undefined) return `queued ${position}`;
  return `queued ${position}, about ${Math.ceil(estimatedWaitMs / SECOND_MS)} s`;
}
