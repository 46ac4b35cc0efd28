// How long a server takes from being started to its first answer. Knows no target, only a command that serves `/health`.

import type { Stage } from "./processes.ts";

/** Milliseconds from the spawn: to the ready line on stdout, and to the first 200 from `/health`. */
export interface StartUp {
  readonly ready: number;
  readonly answered: number;
}

const PATIENCE_MILLISECONDS = 15_000;

/** A port that was free a moment ago. */
export function freePort(): number {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = server;
  server.stop(true);
  return port;
}

function ask(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open(socket) {
        socket.write(
          `GET /health HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: close\r\n\r\n`,
        );
      },
      data(socket, bytes) {
        resolve(bytes.toString("latin1").startsWith("HTTP/1.1 200"));
        socket.end();
      },
      close: () => resolve(false),
      error: () => resolve(false),
      connectError: () => resolve(false),
    },
  }).catch(() => resolve(false));
  return promise;
}

/** `command` serves `port`, prints a line when it is ready, and ends on SIGTERM. */
export async function measureStartUp(
  stage: Stage,
  command: readonly string[],
  port: number,
  env: Readonly<Record<string, string>> = {},
): Promise<StartUp> {
  const begun = performance.now();
  const server = stage.start("start-up", command, env);
  const ready = server.line().then(() => performance.now() - begun);
  let ended: unknown;
  ready.catch((error: unknown) => {
    ended = error;
  });
  try {
    while (!(await ask(port))) {
      if (ended !== undefined) throw ended;
      if (performance.now() - begun > PATIENCE_MILLISECONDS)
        throw new Error("no answer from /health");
      await Bun.sleep(1);
    }
    const answered = performance.now() - begun;
    return { ready: await ready, answered };
  } finally {
    await stage.stop(server);
  }
}
