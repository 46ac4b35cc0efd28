// The load generator, a process of its own: keep-alive connections on raw sockets, a closed loop (each connection sends its
// next request when its answer is complete), every answer checked. Knows no target, only a URL, a body and what is right.
//   bun bench/load.ts                      jobs as lines of JSON on stdin, reports as lines of JSON on stdout
//   bun bench/load.ts --url http://127.0.0.1:11434 --prompt "hello" [--stream --chunks 64] [--concurrency 16] [--seconds 5]

import { parseArgs } from "node:util";
import { type Connection, createConnection, type Exchange, type Post } from "./connection.ts";
import { expectStream, expectWhole, type Expectation } from "./expect.ts";
import { cpuSeconds, residentMebibytes } from "./proc.ts";
import { quantile } from "./statistics.ts";

/** One measurement. It ends with `maxRequests` or `maxSeconds`, whichever comes first, once every request sent is answered. */
export interface Job extends Post {
  /** How many chunks with content a stream has; null for a whole answer. */
  readonly chunks: number | null;
  readonly concurrency: number;
  readonly warmupSeconds: number;
  readonly maxSeconds: number;
  readonly maxRequests: number;
  /** Processes whose CPU time and memory to read: the servers under test. */
  readonly pids: readonly number[];
}

/** Times in milliseconds. `cpu` in seconds of the measured phase alone, `resident` in MiB at its end, both in the order of `pids`. */
export interface Report {
  readonly requests: number;
  readonly failures: number;
  readonly firstFailure: string | null;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  /** From the request to the first byte of the answer's body. */
  readonly firstByteP50: number;
  /** Of one answer's body. */
  readonly bytes: number;
  readonly cpu: readonly (number | null)[];
  readonly resident: readonly (number | null)[];
  readonly generatorCpu: number;
}

/** Ends a measurement that cannot be one. */
const MAX_FAILURES = 50;
/** How long requests that are under way may take once no more are sent. */
const GRACE_SECONDS = 15;

interface Phase {
  readonly latencies: number[];
  readonly firstBytes: number[];
  readonly failures: string[];
  readonly seconds: number;
}

interface Bounds {
  readonly seconds: number;
  readonly requests: number;
}

/** Keeps every connection busy until a bound is met, then waits for the answers under way. */
function runPhase(
  connections: readonly Connection[],
  expectation: Expectation,
  bounds: Bounds,
): Promise<Phase> {
  const latencies: number[] = [];
  const firstBytes: number[] = [];
  const failures: string[] = [];
  const begun = performance.now();
  const until = begun + bounds.seconds * 1000;
  let sent = 0;
  let busy = connections.length;

  return new Promise((resolve) => {
    // A timer, not a poll: what has not answered by then has failed.
    const grace = setTimeout(
      () => {
        for (const connection of connections) connection.close();
      },
      (bounds.seconds + GRACE_SECONDS) * 1000,
    );

    function rest(): void {
      busy -= 1;
      if (busy > 0) return;
      clearTimeout(grace);
      resolve({ latencies, firstBytes, failures, seconds: (performance.now() - begun) / 1000 });
    }

    function next(connection: Connection): void {
      if (
        sent >= bounds.requests ||
        performance.now() >= until ||
        failures.length >= MAX_FAILURES
      ) {
        rest();
        return;
      }
      sent += 1;
      connection.exchange((result) => {
        const fault = result instanceof Error ? result.message : expectation.fault(result.answer);
        if (fault !== undefined) failures.push(fault);
        else if (!(result instanceof Error)) {
          latencies.push(result.milliseconds);
          firstBytes.push(result.firstByte);
        }
        next(connection);
      });
    }

    for (const connection of connections) next(connection);
  });
}

async function learn(connection: Connection, chunks: number | null): Promise<Expectation> {
  const first = await new Promise<Exchange>((resolve, reject) => {
    connection.exchange((result) => (result instanceof Error ? reject(result) : resolve(result)));
  });
  return chunks === null ? expectWhole(first.answer) : expectStream(first.answer, chunks);
}

/** Throws when the target does not give one right answer, or fails while it warms up: there is nothing to measure then. */
export async function runJob(job: Job): Promise<Report> {
  const connections = Array.from({ length: job.concurrency }, () => createConnection(job));
  try {
    const expectation = await learn(connections[0]!, job.chunks);
    const warmup = await runPhase(connections, expectation, {
      seconds: job.warmupSeconds,
      requests: job.maxRequests,
    });
    if (warmup.failures.length > 0)
      throw new Error(`failed while warming up: ${warmup.failures[0]}`);

    const before = job.pids.map(cpuSeconds);
    const own = process.cpuUsage();
    const phase = await runPhase(connections, expectation, {
      seconds: job.maxSeconds,
      requests: job.maxRequests,
    });
    const used = process.cpuUsage(own);
    const cpu = job.pids.map((pid, index) => {
      const [from, to] = [before[index] ?? null, cpuSeconds(pid)];
      return from === null || to === null ? null : to - from;
    });
    return {
      requests: phase.latencies.length,
      failures: phase.failures.length,
      firstFailure: phase.failures[0] ?? null,
      seconds: phase.seconds,
      p50: quantile(phase.latencies, 0.5),
      p99: quantile(phase.latencies, 0.99),
      firstByteP50: quantile(phase.firstBytes, 0.5),
      bytes: expectation.bytes,
      cpu,
      resident: job.pids.map(residentMebibytes),
      generatorCpu: (used.user + used.system) / 1e6,
    };
  } finally {
    for (const connection of connections) connection.close();
  }
}

async function serveJobs(): Promise<void> {
  for await (const line of console) {
    const report = await runJob(JSON.parse(line) as Job).catch((error: unknown) => ({
      error: error instanceof Error ? error.message : "the measurement failed",
    }));
    process.stdout.write(`${JSON.stringify(report)}\n`);
  }
}

function jobFromFlags(): Job {
  const { values } = parseArgs({
    options: {
      url: { type: "string", default: "http://127.0.0.1:11434" },
      model: { type: "string", default: "cursor-agent" },
      prompt: { type: "string", default: "hello" },
      stream: { type: "boolean", default: false },
      chunks: { type: "string", default: "64" },
      concurrency: { type: "string", default: "16" },
      seconds: { type: "string", default: "5" },
      pid: { type: "string", multiple: true, default: [] },
    },
  });
  const key = process.env["MLP_API_KEY"];
  return {
    url: values.url,
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(values.stream ? { accept: "text/event-stream" } : {}),
    },
    body: JSON.stringify({
      model: values.model,
      stream: values.stream,
      messages: [{ role: "user", content: values.prompt }],
    }),
    chunks: values.stream ? Number(values.chunks) : null,
    concurrency: Number(values.concurrency),
    warmupSeconds: 1,
    maxSeconds: Number(values.seconds),
    maxRequests: 1_000_000,
    pids: values.pid.map(Number),
  };
}

if (import.meta.main) {
  if (process.argv.length > 2)
    process.stdout.write(`${JSON.stringify(await runJob(jobFromFlags()), null, 2)}\n`);
  else await serveJobs();
}
