// The requests of editors that wait for a chat, and who has taken which. A request is lent to the chat that takes it:
// one that says nothing in time gives it back, unless it had begun to answer. Knows no MCP and no transport.

import { AppError } from "../../core/error.ts";
import type { TurnEvent } from "../../core/event.ts";
import type { Clock } from "../../core/ports.ts";
import { throwIfAborted } from "../abort.ts";
import {
  type Asked,
  createAttendance,
  createPast,
  type End,
  type Found,
  INBOX_SETTINGS,
  type InboxSettings,
  newTicket,
  type News,
  type OpenRequest,
  type Ticket,
  type Waiter,
  waitIn,
} from "./inbox-parts.ts";

export interface Inbox {
  /** Whether somebody is there to take a request soon. */
  readonly present: boolean;
  /** Asks the chat; `onOpen` hears of the request first. @throws AppError too_busy, agent_lost, and what `close` was given */
  ask(
    asked: Asked,
    signal: AbortSignal,
    onOpen?: (request: OpenRequest) => void,
  ): AsyncGenerator<TurnEvent>;
  /** Takes the next request, or waits for one. A signal that aborts gives up the place. */
  wait(ms: number, signal: AbortSignal): Promise<News>;
  /** The chat did not get what `wait` brought: it is the next one's. */
  putBack(news: News): void;
  /** The request that the chat speaks of, kept open by speaking of it. */
  find(id: string): Found;
  close(error: AppError): void;
}

export function createInbox(clock: Clock, settings: InboxSettings = INBOX_SETTINGS): Inbox {
  const open = new Map<string, Ticket>();
  const past = createPast();
  let queue: Ticket[] = [];
  const waiters = new Set<Waiter>();
  let count = 0;
  const attendance = createAttendance(clock, settings.idleWaits);
  let closed: AppError | undefined;
  let stopWatch: (() => void) | undefined;

  function isPresent(): boolean {
    if (closed !== undefined) return false;
    const isAtWork = waiters.size > 0 || [...open.values()].some(({ state }) => state === "lent");
    return isAtWork || attendance.goneFor() < settings.absentMs;
  }

  function lend(ticket: Ticket): News {
    const isFirst = ticket.handouts === 0;
    ticket.state = "lent";
    ticket.handouts += 1;
    attendance.busy();
    setTimer(ticket);
    const { brief, whole } = ticket.asked;
    return { type: "request", id: ticket.id, handout: isFirst ? brief : whole };
  }

  function setTimer(ticket: Ticket): void {
    ticket.stopTimer();
    ticket.stopTimer = clock.timer(settings.leaseMs, () => {
      if (ticket.answer.isOver) return;
      if (ticket.begun || ticket.handouts >= settings.handouts) lose(ticket);
      else giveBack(ticket);
    });
  }

  function giveBack(ticket: Ticket): void {
    ticket.stopTimer();
    ticket.state = "queued";
    queue = [ticket, ...queue];
    serve();
  }

  function lose(ticket: Ticket): void {
    end(ticket, "lost");
    ticket.answer.fail(lostError());
  }

  function end(ticket: Ticket, why: End): void {
    if (ticket.state === "over") return;
    ticket.stopTimer();
    ticket.state = "over";
    open.delete(ticket.id);
    queue = queue.filter((each) => each !== ticket);
    past.add(ticket.id, why, ticket.handouts > 0);
    serve();
  }

  /** Brings what there is to those who wait, first come first served. */
  function serve(): void {
    for (const waiter of waiters) {
      const news = next();
      if (news === undefined) break;
      waiters.delete(waiter);
      waiter.bring(news);
    }
    watch();
  }

  function next(): News | undefined {
    const cancelled = past.nextUntold();
    if (cancelled !== undefined) return { type: "cancelled", id: cancelled };
    const ticket = queue.shift();
    return ticket === undefined ? undefined : lend(ticket);
  }

  /** While requests wait and nobody takes them: whether anybody is there at all. */
  function watch(): void {
    stopWatch?.();
    stopWatch = undefined;
    if (queue.length === 0) return;
    const left = settings.absentMs - attendance.goneFor();
    stopWatch = clock.timer(Math.max(1_000, left), () => {
      if (!isPresent()) for (const ticket of queue) lose(ticket);
      watch();
    });
  }

  async function* ask(
    asked: Asked,
    signal: AbortSignal,
    onOpen: (request: OpenRequest) => void = () => undefined,
  ): AsyncGenerator<TurnEvent> {
    throwIfAborted(signal);
    if (!isPresent()) throw closed ?? lostError();
    if (open.size >= settings.mostOpen) throw fullError();
    count += 1;
    const ticket = newTicket(`r${count}`, asked, settings.answerUnits);
    open.set(ticket.id, ticket);
    queue.push(ticket);
    onOpen(ticket);
    serve();
    let why: End = "cancelled";
    try {
      for await (const event of ticket.answer.events(signal)) {
        if (event.type === "finish") why = "answered";
        yield event;
      }
    } catch (error) {
      // Declined: the chat knows.
      if (!signal.aborted) why = "answered";
      throw error;
    } finally {
      end(ticket, why);
    }
  }

  async function wait(ms: number, signal: AbortSignal): Promise<News> {
    attendance.touch();
    if (closed !== undefined) return { type: "stop" };
    const news = next() ?? (await waitIn(waiters, signal, (leave) => clock.timer(ms, leave)));
    attendance.touch();
    const isIdle = news.type === "idle" && !signal.aborted;
    return isIdle && attendance.isIdleTooLong() ? { type: "stop" } : news;
  }

  function find(id: string): Found {
    attendance.touch();
    const ticket = open.get(id);
    // Answered, but not read to its end.
    if (ticket?.answer.isOver === true) return { type: "over", why: "answered" };
    if (ticket === undefined || ticket.handouts === 0) {
      const why = past.lookUp(id);
      return why === undefined ? { type: "unknown" } : { type: "over", why };
    }
    if (ticket.state === "queued") queue = queue.filter((each) => each !== ticket);
    ticket.state = "lent";
    setTimer(ticket);
    return { type: "open", request: ticket };
  }

  function close(error: AppError): void {
    if (closed !== undefined) return;
    closed = error;
    for (const ticket of open.values()) {
      end(ticket, "lost");
      ticket.answer.fail(error);
    }
    for (const waiter of waiters) waiter.bring({ type: "stop" });
    waiters.clear();
  }

  return {
    get present() {
      return isPresent();
    },
    ask,
    wait,
    putBack: (news) => {
      const ticket = news.type === "request" ? open.get(news.id) : undefined;
      if (news.type === "cancelled") past.add(news.id, "cancelled", true);
      if (ticket === undefined || ticket.begun || ticket.state !== "lent") return;
      // Nobody has seen it.
      ticket.handouts -= 1;
      giveBack(ticket);
    },
    find,
    close,
  };
}

function fullError(): AppError {
  return new AppError("too_busy", "Too many requests wait for this chat. Try again later.");
}

function lostError(): AppError {
  return new AppError(
    "agent_lost",
    "The chat that answers here has gone. Ask it to serve the editor again, then send the message again.",
  );
}
