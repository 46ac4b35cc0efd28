// Asks an MCP client's own model (`sampling/createMessage`, protocol versions up to 2025-11-25). Only while the client
// listens: over HTTP a request that is sent before its stream is open is lost without a word.

import type { Server } from "@modelcontextprotocol/server";
import { AppError } from "../../core/error.ts";
import type { Clock } from "../../core/ports.ts";
import { abortError, throwIfAborted, waitOrAbort } from "../abort.ts";
import type { Sampler } from "./agent.ts";
import { samplingEvents, toSampling } from "./sampling.ts";
import type { McpSdk } from "./sdk.ts";

/** Whether the client hears what we send unasked. */
export interface Line {
  readonly isOpen: boolean;
  open(): void;
  shut(): void;
  /** Calls back once, when it opens. Returns the way to stop waiting. */
  onOpen(callback: () => void): () => void;
}

/** How long a client whose stream broke has to open a new one. */
const REOPEN_MS = 10_000;

export function createLine(isOpen = false): Line {
  const waiting = new Set<() => void>();
  let opened = isOpen;
  return {
    get isOpen() {
      return opened;
    },
    open: () => {
      opened = true;
      for (const callback of waiting) callback();
      waiting.clear();
    },
    shut: () => {
      opened = false;
    },
    onOpen: (callback) => {
      waiting.add(callback);
      return () => waiting.delete(callback);
    },
  };
}

export interface SamplerOptions {
  readonly sdk: McpSdk;
  readonly server: Server;
  readonly line: Line;
  /** The client declared `sampling.tools`. */
  readonly withTools: boolean;
  readonly clock: Clock;
}

export function createSampler({ sdk, server, line, withTools, clock }: SamplerOptions): Sampler {
  return async function* (request, deadlineMs, signal) {
    await reach(line, clock, signal);
    const ended = new AbortController();
    const stop = (): void => ended.abort();
    signal.addEventListener("abort", stop, { once: true });
    try {
      throwIfAborted(signal);
      const result = await server.createMessage(toSampling(request, withTools), {
        signal: ended.signal,
        timeout: deadlineMs,
        maxTotalTimeout: deadlineMs,
        resetTimeoutOnProgress: true,
        onprogress: () => undefined,
      });
      throwIfAborted(signal);
      for (const event of samplingEvents(result)) {
        yield event;
        throwIfAborted(signal);
      }
    } catch (error) {
      if (signal.aborted) throw abortError(signal);
      throw failureOf(sdk, error);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  };
}

async function reach(line: Line, clock: Clock, signal: AbortSignal): Promise<void> {
  if (line.isOpen) return;
  await waitOrAbort(signal, (done) => {
    const stops = [clock.timer(REOPEN_MS, done), line.onOpen(done)];
    return () => {
      for (const stop of stops) stop();
    };
  });
  if (!line.isOpen) throw new AppError("agent_lost", "The MCP client that answers here has gone.");
}

function failureOf(sdk: McpSdk, error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (sdk.SdkError.isInstance(error)) {
    if (error.code === sdk.SdkErrorCode.RequestTimeout) {
      return new AppError("agent_timeout", "The MCP client did not answer in time.");
    }
    const isGone =
      error.code === sdk.SdkErrorCode.ConnectionClosed ||
      error.code === sdk.SdkErrorCode.NotConnected;
    if (isGone) return new AppError("agent_lost", "The MCP client that answers here has gone.");
  }
  if (sdk.ProtocolError.isInstance(error)) {
    const why = error.message.slice(0, 300);
    return new AppError("agent_error", `The MCP client refused to answer: ${why}`);
  }
  const message = "The MCP client's answer is not of the protocol's form.";
  return new AppError("agent_error", message, { cause: error });
}
