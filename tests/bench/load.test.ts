// The load generator against servers on loopback: what it counts, what it notices, and where it stops.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type Job, runJob } from "../../bench/load.ts";
import { createStage } from "../../bench/processes.ts";
import { streamShape, wholeShape } from "../../bench/shape.ts";
import { startFloor } from "../../bench/targets.ts";

const CHUNKS = 5;
const { start, deltas, end } = streamShape(CHUNKS);
const STREAM = start + deltas.join("") + end;

function job(url: string, chunks: number | null): Job {
  return {
    url,
    headers: { accept: chunks === null ? "application/json" : "text/event-stream" },
    body: '{"messages":[]}',
    chunks,
    concurrency: 4,
    warmupSeconds: 0,
    maxSeconds: 10,
    maxRequests: 200,
    pids: [process.pid],
  };
}

/** Serves what `answer` says for the n-th request, counting from 1. */
function serve(answer: (count: number) => Response) {
  let count = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch() {
      count += 1;
      return answer(count);
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    count: () => count,
    stop: () => server.stop(true),
  };
}

function failureOf(url: string): Promise<string | undefined> {
  return runJob(job(url, null)).then(
    () => undefined,
    (error: Error) => error.message,
  );
}

describe("the load generator", () => {
  test("sends as many requests as it was told to, and reports each of them", async () => {
    const server = serve(() => new Response(wholeShape()));
    try {
      const report = await runJob(job(server.url, null));
      expect(report.requests).toBe(200);
      expect(report.failures).toBe(0);
      // The one it learns from comes first; no time was given to warming up.
      expect(server.count()).toBe(201);
      expect(report.p50).toBeGreaterThan(0);
      expect(report.p99).toBeGreaterThanOrEqual(report.p50);
      expect(report.cpu).toHaveLength(1);
    } finally {
      await server.stop();
    }
  });

  test("counts every wrong answer as a failure and says what was wrong with the first", async () => {
    const wrong = STREAM.replace("word2", "word9");
    const server = serve((count) => new Response(count % 10 === 0 ? wrong : STREAM));
    try {
      const report = await runJob(job(server.url, CHUNKS));
      expect(report.failures).toBe(20);
      expect(report.requests).toBe(180);
      expect(report.firstFailure).toContain("chunk");
    } finally {
      await server.stop();
    }
  });

  test("goes on with a new connection when the server closes one", async () => {
    const headers = { connection: "close" };
    const server = serve(() => new Response(wholeShape(), { headers }));
    try {
      const report = await runJob(job(server.url, null));
      expect(report).toMatchObject({ requests: 200, failures: 0 });
    } finally {
      await server.stop();
    }
  });

  test("stops early when nothing but failures comes back", async () => {
    const server = serve((count) =>
      count === 1 ? new Response(wholeShape()) : new Response("busy", { status: 503 }),
    );
    try {
      const report = await runJob(job(server.url, null));
      expect(report.requests).toBe(0);
      expect(report.failures).toBeLessThan(60);
      expect(report.firstFailure).toBe("status 503: busy");
    } finally {
      await server.stop();
    }
  });

  test("measures nothing when the first answer is a refusal", async () => {
    const server = serve(() => new Response("no key", { status: 401 }));
    try {
      expect(await failureOf(server.url)).toBe("status 401: no key");
    } finally {
      await server.stop();
    }
  });

  test("measures nothing when nobody listens", async () => {
    const server = serve(() => new Response(""));
    await server.stop();
    expect(await failureOf(server.url)).toBeString();
  });
});

describe("the floor", () => {
  test("answers whole and in chunks, through two processes, without a fault", async () => {
    const stage = createStage();
    try {
      const floor = await startFloor(stage, CHUNKS);
      const [relay, agent] = floor.processes;
      expect(new Set([process.pid, relay?.pid, agent?.pid]).size).toBe(3);
      expect(await runJob(job(floor.url, null))).toMatchObject({ requests: 200, failures: 0 });
      expect(await runJob(job(floor.url, CHUNKS))).toMatchObject({
        requests: 200,
        failures: 0,
        bytes: STREAM.length,
      });
    } finally {
      await stage.close();
    }
  });

  test("leaves no process and no folder behind", async () => {
    const stage = createStage();
    const child = stage.start("relay", [
      process.execPath,
      join(import.meta.dir, "../../bench/floor.ts"),
      "relay",
    ]);
    await child.line();
    await stage.close();
    await stage.close();
    expect(await child.exited).not.toBe(0);
    expect(await Bun.file(join(stage.folder, "relay.log")).exists()).toBe(false);
  });
});
