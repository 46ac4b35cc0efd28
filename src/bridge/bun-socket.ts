// Bun's WebSocket client as the socket that dial.ts wants: the only file of the bridge that opens one.

import type { OpenSocket } from "./dial.ts";

/** Compression stays off: it would cost more than it saves on a loopback, and its memory per link. */
export const openBunSocket: OpenSocket = (url, headers, events) => {
  const socket = new WebSocket(url, { headers: { ...headers }, perMessageDeflate: false });
  let open = false;
  let over = false;
  let status: number | undefined;

  socket.addEventListener("open", () => {
    open = true;
    events.open();
  });
  socket.addEventListener("message", (event) => events.message(event.data));
  for (const sign of ["ping", "pong"] as const) {
    socket.addEventListener(sign, () => events.alive?.());
  }
  socket.addEventListener("error", (event) => {
    status = refusalStatus(event);
  });
  socket.addEventListener("close", (event) => {
    if (over) return;
    over = true;
    if (open) events.closed(event.code, event.reason);
    else events.failed(status);
  });

  return {
    send(text) {
      if (socket.readyState !== WebSocket.OPEN) return 0;
      socket.send(text);
      return text.length + 1;
    },
    getBufferedAmount: () => socket.bufferedAmount,
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
    ping: () => {
      if (socket.readyState === WebSocket.OPEN) socket.ping();
    },
  };
};

/** Bun says which status refused the upgrade only in the message: "Expected 101 status code: 401". */
function refusalStatus(event: Event): number | undefined {
  const message: unknown = "message" in event ? event.message : undefined;
  if (typeof message !== "string") return undefined;
  const digits = /status code: (\d{3})$/.exec(message.trim())?.[1];
  return digits === undefined ? undefined : Number(digits);
}
