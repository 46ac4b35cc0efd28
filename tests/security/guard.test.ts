import { describe, expect, test } from "bun:test";
import { AppError } from "../../src/core/error.ts";
import { createGuard, hostsOf } from "../../src/security/guard.ts";
import {
  AGENT,
  BRIDGE,
  CLIENT,
  CLIENT_KEY,
  CONTROL,
  PORT,
  WRONG,
  aGuard,
  outcome,
  question,
  messageOf,
} from "./guard-support.ts";
import type { Asked } from "./guard-support.ts";

const guard = aGuard();

function bearer(secret: string): { authorization: string } {
  return { authorization: `Bearer ${secret}` };
}

const LET_IN = "allowed client";

describe("the peer", () => {
  const mine = [
    "127.0.0.1",
    "127.8.9.10",
    "::1",
    "::ffff:127.0.0.1",
    "0:0:0:0:0:0:0:1",
    "::FFFF:127.0.0.1",
  ];
  const others = [
    "10.0.0.1",
    "192.168.1.5",
    "172.17.0.1",
    "0.0.0.0",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "::ffff:10.0.0.1",
    "128.0.0.1",
    "126.255.255.255",
    "127.0.0.1.evil.com",
    "127.1",
    "localhost",
    " 127.0.0.1",
    "",
    "unix:",
    undefined,
  ];
  test.each(mine)("%p is this machine", (peer) => expect(outcome(guard, { peer })).toBe(LET_IN));
  test.each(others)("%p is not this machine", (peer) => {
    expect(outcome(guard, { peer })).toBe("forbidden");
  });

  test("of a network that was allowed is let in, its neighbour is not, and this machine still is", () => {
    const open = aGuard({ allowedPeers: ["10.1.0.0/16", "fd00::/8", "192.0.2.7"] });
    const asked = ["10.1.2.3", "::ffff:10.1.2.3", "fd12::1", "192.0.2.7", "127.0.0.1", "::1"];
    expect(asked.map((peer) => outcome(open, { peer }))).toEqual(asked.map(() => LET_IN));
    const strange = ["10.2.0.1", "fe00::1", "192.0.2.8", "::ffff:10.2.0.1"];
    expect(strange.map((peer) => outcome(open, { peer }))).toEqual(strange.map(() => "forbidden"));
  });

  test.each([
    "10.0.0.0/33",
    "fd00::/129",
    "10.0.0/8",
    "10.0.0.0/8/8",
    "ten",
    "10.0.0.0/-1",
    "10.0.0.0/ 8",
    "",
  ])("%p is no network, and the start says so", (network) => {
    expect(() => aGuard({ allowedPeers: [network] })).toThrow(AppError);
  });

  test("is the socket's: headers that name another one count for nothing", () => {
    const headers = {
      "x-forwarded-for": "127.0.0.1",
      "x-real-ip": "127.0.0.1",
      forwarded: "for=127.0.0.1",
    };
    expect(outcome(guard, { peer: "10.0.0.1", headers })).toBe("forbidden");
  });
});

describe("the Host", () => {
  const good = [
    `127.0.0.1:${PORT}`,
    `localhost:${PORT}`,
    `[::1]:${PORT}`,
    `LOCALHOST:${PORT}`,
    `LocalHost:${PORT}`,
  ];
  const bad: (string | null)[] = [
    null,
    "",
    " ",
    "127.0.0.1",
    "localhost",
    "[::1]",
    "127.0.0.1:80",
    `127.0.0.1:${PORT + 1}`,
    `127.0.0.1:0${PORT}`,
    `127.0.0.1:${PORT}, evil.com`,
    `evil.com, 127.0.0.1:${PORT}`,
    `127.0.0.1:${PORT},127.0.0.1:${PORT}`,
    `a@127.0.0.1:${PORT}`,
    `127.0.0.1:${PORT}@evil.com`,
    `127.0.0.1:${PORT}/`,
    `127.0.0.1:${PORT}#x`,
    `127.0.0.1:${PORT}?x`,
    ` 127.0.0.1:${PORT}`,
    `127.0.0.1:${PORT} `,
    `127.0.0.1.:${PORT}`,
    `localhost.:${PORT}`,
    `127.0.0.1.evil.com:${PORT}`,
    `evil.com:${PORT}`,
    `localhost.evil.com:${PORT}`,
    `127.1:${PORT}`,
    `127.0.0.2:${PORT}`,
    `0.0.0.0:${PORT}`,
    `2130706433:${PORT}`,
    `0x7f.1:${PORT}`,
    `0177.0.0.1:${PORT}`,
    `[::1`,
    `::1:${PORT}`,
    `[::ffff:127.0.0.1]:${PORT}`,
    `[0:0:0:0:0:0:0:1]:${PORT}`,
    `[::1%lo]:${PORT}`,
    `http://127.0.0.1:${PORT}`,
    `127.0.0.1:${PORT}\u0000`,
    `１２７.0.0.1:${PORT}`,
    "__proto__",
    "constructor",
  ];
  test.each(good)("%p is ours", (host) =>
    expect(outcome(guard, { headers: { host } })).toBe(LET_IN),
  );
  test.each(bad)("%p is not ours, on no route of either port", (host) => {
    const routes: Asked[] = [
      {},
      { method: "GET", path: "/" },
      { method: "GET", path: "/health" },
      { method: "OPTIONS" },
      { path: "/control/register", headers: bearer(CONTROL) },
      { path: `/k/${CLIENT}/v1/models`, method: "GET" },
      { port: "bridge", method: "GET", path: "/", isUpgrade: true, headers: bearer(AGENT) },
    ];
    for (const route of routes) {
      const asked = { ...route, headers: { ...route.headers, host } };
      expect(outcome(guard, asked)).toBe("misdirected");
    }
    const mcp: Asked = { port: "bridge", path: "/mcp", headers: { ...bearer(AGENT), host } };
    expect(outcome(guard, mcp)).toBe("forbidden");
  });

  test("of a name that was allowed is ours with the port and without, and no other name becomes so", () => {
    const named = aGuard({
      hosts: hostsOf(PORT, ["Models.Example", "gate.example:443", "fd00::1"]),
    });
    const hosts = [
      "models.example",
      `models.example:${PORT}`,
      "gate.example:443",
      "[fd00::1]",
      `[fd00::1]:${PORT}`,
    ];
    expect(hosts.map((host) => outcome(named, { headers: { host } }))).toEqual(
      hosts.map(() => LET_IN),
    );
    for (const host of [
      "gate.example",
      "models.example:1",
      "x.models.example",
      "models.example.evil.com",
    ]) {
      expect(outcome(named, { headers: { host } })).toBe("misdirected");
    }
  });

  test("may leave out the port 80, and only that", () => {
    expect([...hostsOf(80)].sort()).toEqual(
      ["127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:80", "localhost", "localhost:80"].sort(),
    );
    expect(hostsOf(8080).has("localhost")).toBe(false);
  });

  test("set may be filled after the guard was made, when the port is known", () => {
    const hosts = new Set<string>();
    const early = aGuard({ hosts });
    expect(outcome(early, {})).toBe("misdirected");
    hosts.add(`127.0.0.1:${PORT}`);
    expect(outcome(early, {})).toBe(LET_IN);
  });
});

describe("the Origin on an inference route", () => {
  const editors = [
    "vscode-webview://1s0t2k4h8pd6m",
    "vscode-file://vscode-app",
    "app://obsidian.md",
    "app://-",
    "tauri://localhost",
    "file://",
    "http://localhost",
    "http://localhost:3000",
    "https://localhost:8443",
    "http://127.0.0.1:5173",
    "http://[::1]:3000",
    `http://127.0.0.1:${PORT}`,
  ];
  const strangers = [
    "null",
    "",
    "https://evil.com",
    "http://evil.com",
    `http://127.0.0.1:${PORT}.evil.com`,
    "http://localhost.evil.com",
    "http://localhost@evil.com",
    "http://evil.com@localhost",
    "http://localhost:3000/",
    "http://localhost:3000/path",
    "http://localhost:999999",
    "http://localhost:",
    "http://127.0.0.2:3000",
    "http://0.0.0.0:3000",
    "http://[::ffff:127.0.0.1]:3000",
    "http://192.168.0.1",
    "HTTP://LOCALHOST",
    "ftp://localhost",
    "file:///home/me/evil.html",
    "file://evil",
    "chrome-extension://abcdef",
    "moz-extension://abcdef",
    "vscode-webview",
    "vscode-webview:",
    "vscode-webview://a/b",
    "vscode-webview://a, https://evil.com",
    "xvscode-webview://a",
    "evil://vscode-webview://a",
    "app://a b",
    "app://a\nb",
    "data:text/html,x",
    "about:blank",
    "http://localhost:3000, http://localhost:3000",
    "*",
  ];
  test.each(editors)(
    "%p is an editor or this machine: it may call with a key, and gets CORS",
    (origin) => {
      for (const site of [null, "cross-site", "same-site", "same-origin", "none"]) {
        const verdict = guard(
          question({ headers: { origin, "sec-fetch-site": site, referer: "https://x.com/" } }),
        );
        expect(verdict).toMatchObject({ allow: true, origin, group: "inference" });
      }
      expect(outcome(guard, { headers: { origin, authorization: null } })).toBe("invalid_api_key");
    },
  );

  test.each(strangers)("%p is a stranger, with a key or without", (origin) => {
    expect(outcome(guard, { headers: { origin } })).toBe("forbidden_origin");
    expect(outcome(guard, { headers: { origin, authorization: null } })).toBe("forbidden_origin");
    expect(outcome(guard, { method: "GET", path: "/", headers: { origin } })).toBe(
      "forbidden_origin",
    );
  });

  test("absent is fine: clients that are no browsers send none, and they get no CORS header", () => {
    const verdict = guard(question());
    expect(verdict).toMatchObject({ allow: true });
    expect("origin" in verdict).toBe(false);
  });

  test("can be added whole, with any port, or as the scheme of an editor", () => {
    const open = aGuard({
      allowedOrigins: [
        "https://ide.example",
        "http://dev.box:*",
        "myeditor://*",
        "https://a.b:8443",
      ],
    });
    const good = [
      "https://ide.example",
      "http://dev.box",
      "http://dev.box:3000",
      "myeditor://window-1",
      "https://a.b:8443",
    ];
    expect(good.map((origin) => outcome(open, { headers: { origin } }))).toEqual(
      good.map(() => LET_IN),
    );
    const bad = [
      "http://ide.example",
      "https://ide.example:8443",
      "https://ide.example.evil.com",
      "http://devxbox:3000",
      "http://dev.box:3000.evil.com",
      "https://a.b",
      "myeditor2://x",
    ];
    expect(bad.map((origin) => outcome(open, { headers: { origin } }))).toEqual(
      bad.map(() => "forbidden_origin"),
    );
  });

  test.each([
    "*",
    "http://*",
    "https://*",
    "null",
    "ide.example",
    "https://*.example",
    "https://a/b",
    "https://",
    "http://*:80",
    "",
  ])("%p cannot be allowed, and the start says so", (origin) => {
    expect(() => aGuard({ allowedOrigins: [origin] })).toThrow(AppError);
  });
});

describe("everything but inference", () => {
  const own = `http://127.0.0.1:${PORT}`;
  const routes: readonly (Asked & { readonly name: string })[] = [
    { name: "control", path: "/control/register", headers: bearer(CONTROL) },
    {
      name: "control on the bridge",
      port: "bridge",
      path: "/control/register",
      headers: bearer(CONTROL),
    },
    { name: "the dashboard", method: "GET", path: "/ui", headers: bearer(CONTROL) },
    { name: "metrics", method: "GET", path: "/metrics" },
    { name: "an unknown path", method: "GET", path: "/admin" },
    {
      name: "the bridge",
      port: "bridge",
      method: "GET",
      path: "/",
      isUpgrade: true,
      headers: bearer(AGENT),
    },
    { name: "mcp", port: "bridge", path: "/mcp", headers: bearer(AGENT) },
  ];
  for (const { name, ...route } of routes) {
    test(`is for our own pages only: ${name}`, () => {
      const ask = (headers: Record<string, string>): string =>
        outcome(guard, { ...route, headers: { ...route.headers, ...headers } });
      expect(ask({})).toStartWith("allowed");
      expect(ask({ origin: own })).toStartWith("allowed");
      expect(
        ask({ origin: own, "sec-fetch-site": "same-origin", referer: `${own}/ui` }),
      ).toStartWith("allowed");
      for (const origin of [
        "null",
        "",
        "https://evil.com",
        "vscode-webview://abc",
        "app://obsidian.md",
        "file://",
        "http://localhost:3000",
        `http://localhost:${PORT}`,
        `http://127.0.0.1:${PORT}.evil.com`,
        `http://127.0.0.1:${PORT + 1}`,
      ]) {
        expect(ask({ origin })).toBe("forbidden_origin");
      }
      expect(ask({ origin: own, "sec-fetch-site": "cross-site" })).toBe("forbidden_origin");
      expect(ask({ origin: own, referer: "https://evil.com/" })).toBe("forbidden_origin");
    });

    test(`never gets CORS headers: ${name}`, () => {
      const verdict = guard(question({ ...route, headers: { ...route.headers, origin: own } }));
      expect(verdict.allow).toBe(true);
      expect("origin" in verdict).toBe(false);
    });
  }
});

describe("fetch metadata and Referer without an Origin", () => {
  const signs: readonly [Record<string, string>, boolean][] = [
    [{ "sec-fetch-site": "same-origin" }, true],
    [{ "sec-fetch-site": "none" }, true],
    [{ "sec-fetch-site": "cross-site" }, false],
    [{ "sec-fetch-site": "same-site" }, false],
    [{ "sec-fetch-site": "" }, false],
    [{ "sec-fetch-site": "same-origin, cross-site" }, false],
    [{ "sec-fetch-site": "anything" }, false],
    [{ referer: `http://127.0.0.1:${PORT}/ui/` }, true],
    [{ referer: "http://localhost:3000/chat" }, true],
    [{ referer: "vscode-webview://abc/index.html" }, true],
    [{ referer: "" }, true],
    [{ referer: "https://evil.com/" }, false],
    [{ referer: "http://localhost@evil.com/" }, false],
    [{ referer: `http://127.0.0.1:${PORT}.evil.com/` }, false],
    [{ referer: "not a url" }, false],
    [{ referer: "null" }, false],
    [{ "sec-fetch-mode": "cors", "user-agent": "node" }, true],
  ];
  test.each(signs)("%j on inference", (headers, fine) => {
    expect(outcome(guard, { headers })).toBe(fine ? LET_IN : "forbidden_origin");
  });

  test("an address typed by a human opens the dashboard and what can be read, and never controls anything", () => {
    const headers = { "sec-fetch-site": "none" };
    const control = { ...bearer(CONTROL), ...headers };
    expect(outcome(guard, { method: "GET", path: "/", headers })).toBe("allowed public");
    expect(outcome(guard, { method: "GET", path: "/ui", headers: control })).toBe(
      "allowed control",
    );
    expect(outcome(guard, { path: "/ui/x", headers: control })).toBe("forbidden_origin");
    expect(outcome(guard, { method: "GET", path: "/control/sessions", headers: control })).toBe(
      "forbidden_origin",
    );
  });
});

describe("preflights", () => {
  const asks = {
    "access-control-request-method": "POST",
    authorization: null,
    "content-type": null,
  };
  test("of editors are answered on inference routes without a key, secret base paths included", () => {
    for (const path of ["/v1/chat/completions", "/api/chat", "/models", `/k/${CLIENT}/v1/models`]) {
      const headers = { ...asks, origin: "vscode-webview://abc", "sec-fetch-site": "cross-site" };
      expect(guard(question({ method: "OPTIONS", path, headers }))).toMatchObject({
        allow: true,
        preflight: true,
        caller: { kind: "public" },
        origin: "vscode-webview://abc",
      });
    }
  });

  const refused: readonly [string, Asked][] = [
    ["a stranger", { headers: { ...asks, origin: "https://evil.com" } }],
    ["null", { headers: { ...asks, origin: "null" } }],
    ["nobody", { headers: asks }],
    ["an editor that asks for no method", { headers: { origin: "file://", authorization: null } }],
    [
      "an editor that asks for a strange method",
      { headers: { ...asks, origin: "file://", "access-control-request-method": "BREW" } },
    ],
    [
      "an editor on control",
      { path: "/control/sessions", headers: { ...asks, origin: "file://" } },
    ],
    [
      "our own page on control",
      { path: "/control/sessions", headers: { ...asks, origin: `http://127.0.0.1:${PORT}` } },
    ],
    ["an editor on a public route", { path: "/health", headers: { ...asks, origin: "file://" } }],
    ["an editor on an unknown route", { path: "/x", headers: { ...asks, origin: "file://" } }],
    [
      "an editor on the bridge",
      { port: "bridge", path: "/", headers: { ...asks, origin: "file://" } },
    ],
    ["a client with a key and no Origin", {}],
  ];
  test.each(refused)("of %s are refused", (_name, asked) => {
    expect(outcome(guard, { method: "OPTIONS", ...asked })).toBe("forbidden_origin");
  });
});

describe("methods", () => {
  test.each(["TRACE", "CONNECT", "BREW", "get", "PROPFIND", "", "GET "])(
    "%p is not served",
    (method) => {
      expect(outcome(guard, { method, headers: { "content-type": null } })).toBe(
        "method_not_allowed",
      );
    },
  );

  test("HEAD is judged as GET", () => {
    for (const path of ["/", "/health", "/livez", "/readyz"]) {
      const ask = (method: string): string =>
        outcome(guard, { method, path, headers: { authorization: null } });
      expect([ask("GET"), ask("HEAD")]).toEqual(["allowed public", "allowed public"]);
    }
    expect(
      outcome(guard, { method: "HEAD", path: "/api/tags", headers: { authorization: null } }),
    ).toBe("invalid_api_key");
  });

  test.each(["POST", "PUT", "PATCH", "DELETE"])("%s on a public path needs a key", (method) => {
    const json = { "content-type": "application/json" };
    expect(outcome(guard, { method, path: "/", headers: { ...json, authorization: null } })).toBe(
      "invalid_api_key",
    );
    expect(outcome(guard, { method, path: "/", headers: json })).toBe(LET_IN);
  });
});

describe("the body, before it is read", () => {
  const types: readonly [string | null, boolean][] = [
    ["application/json", true],
    ["application/json; charset=utf-8", true],
    ["application/json;charset=UTF-8", true],
    ['application/json; charset="utf-8"', true],
    ["APPLICATION/JSON", true],
    [" application/json ", true],
    ["application/json; profile=x", true],
    [null, false],
    ["", false],
    ["text/plain", false],
    ["text/plain;charset=UTF-8", false],
    ["text/plain;application/json", false],
    ["text/json", false],
    ["application/json5", false],
    ["application/problem+json", false],
    ["application/jsonx", false],
    ["multipart/form-data; boundary=x", false],
    ["application/json, text/plain", false],
    ["application/json, application/json", false],
    ["application/json; a=b, text/plain", false],
    ["application/json; charset=utf-16", false],
    ["application/json; charset=latin1", false],
    ["application/json; charset=iso-8859-1", false],
    ["application/octet-stream", false],
    ["*/*", false],
  ];
  test.each(types)("of type %p", (type, fine) => {
    for (const method of ["POST", "PUT", "PATCH"]) {
      expect(outcome(guard, { method, headers: { "content-type": type } })).toBe(
        fine ? LET_IN : "unsupported_media_type",
      );
    }
  });

  test("needs no type where there is none", () => {
    for (const method of ["GET", "HEAD", "DELETE"]) expect(outcome(guard, { method })).toBe(LET_IN);
  });

  test("is read as JSON though curl -d calls it a form: with a key in a header, without an Origin, for inference", () => {
    const form = { "content-type": "application/x-www-form-urlencoded" };
    expect(guard(question({ headers: form }))).toMatchObject({ allow: true, formAsJson: true });
    expect(
      guard(question({ headers: { ...form, authorization: null, "x-api-key": CLIENT } })),
    ).toMatchObject({
      formAsJson: true,
      caller: { kind: "client", keyId: "key_1" },
    });
    const strangers: Asked[] = [
      { headers: { ...form, authorization: null } },
      { headers: { ...form, ...bearer(WRONG) } },
      { headers: { ...form, ...bearer(CONTROL) } },
    ];
    expect(strangers.map((asked) => outcome(guard, asked))).toEqual(
      strangers.map(() => "invalid_api_key"),
    );
    const refused: Asked[] = [
      { headers: { ...form, origin: "http://localhost:3000" } },
      { headers: { ...form, origin: `http://127.0.0.1:${PORT}` } },
      { path: `/k/${CLIENT}/v1/chat/completions`, headers: { ...form, authorization: null } },
      { path: `/k/${CLIENT}/v1/chat/completions`, headers: form },
      { path: "/control/register", headers: { ...form, ...bearer(CONTROL) } },
      { path: "/nothing", headers: form },
    ];
    expect(refused.map((asked) => outcome(guard, asked))).toEqual(
      refused.map(() => "unsupported_media_type"),
    );
  });

  const odd: readonly (readonly [string, Record<string, string>])[] = [
    ["a type that is none of ours", { "content-type": "multipart/form-data; boundary=x" }],
    ["an encoding that is not read", { "content-encoding": "br" }],
    ["more than may be read", { "content-length": "10001" }],
    ["a size that is none", { "content-length": "0x10" }],
  ];
  const form = ["a form's type", { "content-type": "application/x-www-form-urlencoded" }] as const;
  test.each([...odd, form])(
    "with %s, tells a stranger of his key only, whatever the route",
    (_, headers) => {
      for (const path of ["/v1/chat/completions", "/v1/audio/transcriptions", "/api/x", "/x"]) {
        for (const authorization of [null, `Bearer ${WRONG}`, `Bearer ${CONTROL}`]) {
          const verdict = guard(question({ path, headers: { ...headers, authorization } }));
          expect(verdict).toMatchObject({ allow: false, error: { code: "invalid_api_key" } });
        }
      }
    },
  );

  test.each(odd)(
    "with %s, is for a route to refuse, if there is one that reads it",
    (_, headers) => {
      for (const path of ["/v1/chat/completions", "/v1/audio/transcriptions", "/api/x", "/x"]) {
        expect(guard(question({ path, headers }))).toMatchObject({
          allow: true,
          unreadable: expect.any(AppError),
        });
      }
    },
  );

  test.each([...odd, form])(
    "with %s, goes nowhere near control, dashboard and bridge",
    (_, headers) => {
      const asked: Asked[] = [
        { path: "/control/register", headers: { ...headers, ...bearer(CONTROL) } },
        { path: "/control/nothing", headers: { ...headers, ...bearer(CONTROL) } },
        { port: "bridge", path: "/mcp", headers: { ...headers, ...bearer(AGENT) } },
        { port: "bridge", path: "/", headers: { ...headers, ...bearer(AGENT) } },
      ];
      for (const each of asked) expect(guard(question(each)).allow).toBe(false);
    },
  );

  test("may be gzip or zstd on /v1 with a key, and nothing else anywhere else", () => {
    for (const encoding of ["gzip", "zstd", "GZIP"]) {
      const headers = { "content-encoding": encoding };
      expect(outcome(guard, { headers })).toBe(LET_IN);
      expect(outcome(guard, { headers: { ...headers, authorization: null } })).toBe(
        "invalid_api_key",
      );
      expect(outcome(guard, { path: "/api/chat", headers })).toBe("unsupported_media_type");
      expect(
        outcome(guard, { path: "/control/register", headers: { ...headers, ...bearer(CONTROL) } }),
      ).toBe("unsupported_media_type");
    }
    for (const encoding of ["br", "deflate", "gzip, gzip", "gzip,zstd", "x-gzip", "", "*"]) {
      expect(outcome(guard, { headers: { "content-encoding": encoding } })).toBe(
        "unsupported_media_type",
      );
    }
    expect(outcome(guard, { headers: { "content-encoding": "identity" } })).toBe(LET_IN);
    expect(outcome(aGuard({ encodings: [] }), { headers: { "content-encoding": "gzip" } })).toBe(
      "unsupported_media_type",
    );
  });

  test("is refused when it says that it is too large, each group having its own limit", () => {
    const ask = (path: string, length: string, secret = CLIENT): string =>
      outcome(guard, { path, headers: { ...bearer(secret), "content-length": length } });
    expect(ask("/v1/chat/completions", "10000")).toBe(LET_IN);
    expect(ask("/v1/chat/completions", "10001")).toBe("payload_too_large");
    expect(ask("/control/register", "1000", CONTROL)).toBe("allowed control");
    expect(ask("/control/register", "1001", CONTROL)).toBe("payload_too_large");
    const large = { "content-length": "10001" };
    expect(messageOf(guard, { headers: large })).toContain(" limits.body_bytes ");
    const control = { path: "/control/register", headers: { ...bearer(CONTROL), ...large } };
    expect(messageOf(guard, control)).toContain(" limits.control_body_bytes ");
    for (const length of ["-1", "1e3", "0x10", "10, 10", " 1", "", "9".repeat(16), "NaN"]) {
      expect(ask("/v1/chat/completions", length)).toBe("invalid_request");
    }
  });
});

describe("the key", () => {
  const shown: readonly [string, Record<string, string | null>, boolean][] = [
    ["as a bearer", bearer(CLIENT), true],
    ["as a bearer in any case", { authorization: `bEaReR   ${CLIENT} ` }, true],
    ["as x-api-key", { authorization: null, "x-api-key": CLIENT }, true],
    ["as api-key", { authorization: null, "api-key": CLIENT }, true],
    ["beside a dummy bearer", { authorization: "Bearer ollama", "x-api-key": CLIENT }, true],
    ["beside a dummy x-api-key", { ...bearer(CLIENT), "x-api-key": "none" }, true],
    ["not at all", { authorization: null }, false],
    ["empty", { authorization: "Bearer ", "x-api-key": "" }, false],
    ["wrong", bearer(WRONG), false],
    ["cut short", bearer(CLIENT.slice(0, -1)), false],
    ["too long", bearer(`${CLIENT}c`), false],
    ["in capitals", bearer(CLIENT.toUpperCase()), false],
    ["twice in one header", { authorization: `Bearer ${CLIENT}, Bearer ${CLIENT}` }, false],
    ["bare", { authorization: CLIENT }, false],
    ["as basic", { authorization: `Basic ${btoa(`x:${CLIENT}`)}` }, false],
    ["in a cookie", { authorization: null, cookie: `key=${CLIENT}` }, false],
    ["as another token: control", bearer(CONTROL), false],
    ["as another token: bridge", bearer(BRIDGE), false],
    ["as another token: agent", bearer(AGENT), false],
    ["very long", bearer("x".repeat(100_000)), false],
  ];
  test.each(shown)("shown %s", (_name, headers, fine) => {
    expect(outcome(guard, { headers })).toBe(fine ? LET_IN : "invalid_api_key");
  });

  test("that is wrong is answered exactly like none", () => {
    for (const route of [
      {},
      { path: "/control/register" },
      { path: "/x" },
      { port: "bridge", path: "/" },
    ] as Asked[]) {
      const answers = [null, `Bearer ${WRONG}`, "Bearer x", "Basic eA=="].map((authorization) => {
        const verdict = guard(question({ ...route, headers: { authorization } }));
        return verdict.allow
          ? verdict
          : [verdict.error.code, verdict.error.message, verdict.error.kind.status];
      });
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
      expect(answers[0]).toContain("invalid_api_key");
    }
  });

  test("names its caller by id and never by itself", () => {
    const verdict = guard(question());
    expect(verdict).toMatchObject({ caller: { kind: "client", keyId: "key_1" } });
    expect(JSON.stringify(verdict)).not.toContain(CLIENT);
  });

  test("is needed by everything but the four public paths", () => {
    const paths = [
      "/metrics",
      "/health/deep",
      "/openapi.json",
      "/docs",
      "/v1/models",
      "/api/tags",
      "/api/version",
      "/models",
      "/chat/completions",
      "/completions",
      "/embeddings",
      "/responses",
      "/messages",
      "/fim/completions",
      "/v1/v1/models",
      "/favicon.ico",
      "/robots.txt",
      "/healthz",
      "/health/x",
      "/livez/",
      "/x",
      "/k",
      "/k/",
    ];
    const without = { authorization: null };
    const answers = paths.map((path) => outcome(guard, { method: "GET", path, headers: without }));
    expect(answers).toEqual(
      paths.map((path) => (path === "/livez/" ? "allowed public" : "invalid_api_key")),
    );
    const withKey = paths.map((path) => outcome(guard, { method: "GET", path }));
    expect(withKey).toEqual(paths.map((path) => (path === "/livez/" ? "allowed public" : LET_IN)));
  });
});

describe("the secret base path", () => {
  const none = { authorization: null };
  test("leads to the model routes, and is gone from the path", () => {
    const paths: readonly [string, string][] = [
      [`/k/${CLIENT}/v1/chat/completions`, "/v1/chat/completions"],
      [`/k/${CLIENT}/api/chat`, "/api/chat"],
      [`/k/${CLIENT}/chat/completions`, "/v1/chat/completions"],
      [`/k/${CLIENT}/v1/v1//chat/completions/`, "/v1/chat/completions"],
      [`/k/${CLIENT}//v1//models/`, "/v1/models"],
      [`//k/${CLIENT}/v1/models`, "/v1/models"],
      [`/k/${CLIENT}/`, "/"],
      [`/k/${CLIENT}`, "/"],
    ];
    for (const [path, inner] of paths) {
      const verdict = guard(question({ method: "GET", path, headers: none }));
      expect(verdict).toMatchObject({
        allow: true,
        path: inner,
        caller: { kind: "client", keyId: "key_1" },
      });
      expect(JSON.stringify(verdict)).not.toContain(CLIENT);
    }
  });

  test("leads to the papers about the routes, which a browser could not ask for else", () => {
    const typed = { ...none, "sec-fetch-site": "none", "sec-fetch-mode": "navigate" };
    for (const paper of ["/docs", "/redoc", "/openapi.json", "/asyncapi.json"]) {
      const ask = (headers: Record<string, string | null>): string =>
        outcome(guard, { method: "GET", path: `/k/${CLIENT}${paper}`, headers });
      expect(ask(typed)).toBe(LET_IN);
      expect(ask({ ...typed, "sec-fetch-site": "cross-site" })).toBe("forbidden_origin");
      expect(ask({ ...typed, origin: "https://evil.example" })).toBe("forbidden_origin");
    }
  });

  test("leads nowhere else", () => {
    const ask = (inner: string, headers: Record<string, string | null> = none): string =>
      outcome(guard, { method: "GET", path: `/k/${CLIENT}${inner}`, headers });
    expect(ask("/control/sessions")).toBe("forbidden");
    expect(ask("/control/sessions", bearer(CONTROL))).toBe("forbidden");
    for (const inner of [
      "/metrics",
      "/health",
      "/health/deep",
      "/docs/x",
      "/ui",
      "/x",
      `/k/${CLIENT}/v1/models`,
    ]) {
      expect(ask(inner)).toBe("not_found");
    }
    for (const inner of [
      "/../control/sessions",
      "/v1/../../control/sessions",
      "/%2e%2e/control/sessions",
    ]) {
      expect(ask(inner)).toBe("invalid_request");
    }
  });

  test("with a wrong key leads nowhere, whatever the headers say, and is no path of the bridge", () => {
    for (const key of [WRONG, CONTROL, "x", "%", "%00", "a".repeat(2_000), CLIENT.toUpperCase()]) {
      const ask = (headers: Record<string, string | null>): string =>
        outcome(guard, { method: "GET", path: `/k/${key}/v1/models`, headers });
      expect(ask(none)).toBe("invalid_api_key");
      expect(ask(bearer(CLIENT))).toBe("invalid_api_key");
    }
    expect(
      outcome(guard, { port: "bridge", method: "GET", path: `/k/${CLIENT}/`, headers: none }),
    ).toBe("invalid_api_key");
  });

  test("finds a key that had to be percent-encoded", () => {
    const odd = aGuard({
      keys: { find: (secret) => (secret === "pass/word+1234567890" ? CLIENT_KEY : undefined) },
    });
    const path = `/k/${encodeURIComponent("pass/word+1234567890")}/v1/models`;
    expect(outcome(odd, { method: "GET", path, headers: none })).toBe(LET_IN);
  });
});

describe("control", () => {
  test("is for the control token: other secrets are known and refused, unknown ones are nobody", () => {
    for (const port of ["provider", "bridge"] as const) {
      const ask = (headers: Record<string, string | null>): string =>
        outcome(guard, { port, path: "/control/sessions/session_1/approve", headers });
      expect(ask(bearer(CONTROL))).toBe("allowed control");
      expect([CLIENT, BRIDGE, AGENT].map((secret) => ask(bearer(secret)))).toEqual([
        "forbidden",
        "forbidden",
        "forbidden",
      ]);
      expect(ask(bearer(WRONG))).toBe("invalid_api_key");
      expect(ask({ authorization: null })).toBe("invalid_api_key");
    }
  });

  test("on the bridge's port is all there is beside joining and health", () => {
    const ask = (path: string, secret: string | null): string =>
      outcome(guard, {
        port: "bridge",
        method: "GET",
        path,
        headers: { authorization: secret && `Bearer ${secret}` },
      });
    expect(["/health", "/livez", "/readyz"].map((path) => ask(path, null))).toEqual([
      "allowed public",
      "allowed public",
      "allowed public",
    ]);
    expect(ask("/v1/models", CLIENT)).toBe("forbidden");
    expect(ask("/metrics", null)).toBe("invalid_api_key");
    expect(ask("/metrics", CONTROL)).toBe("allowed control");
  });
});

describe("joining the bridge", () => {
  const join: Asked = { port: "bridge", method: "GET", path: "/", isUpgrade: true };
  test("takes its role from the secret", () => {
    expect(outcome(guard, { ...join, headers: bearer(AGENT) })).toBe("allowed agent");
    expect(outcome(guard, { ...join, headers: bearer(BRIDGE) })).toBe("allowed bridge");
  });

  test("is refused with any other secret, without one, and with one anywhere but in the header", () => {
    const bad: Asked[] = [
      { headers: { authorization: null } },
      { headers: bearer(CLIENT) },
      { headers: bearer(CONTROL) },
      { headers: bearer(WRONG) },
      { headers: { authorization: null, "x-api-key": AGENT } },
      { headers: { authorization: null, "sec-websocket-protocol": AGENT } },
      { path: `/k/${AGENT}/`, headers: { authorization: null } },
      { path: `/${AGENT}`, headers: { authorization: null } },
    ];
    expect(bad.map((asked) => outcome(guard, { ...join, ...asked }))).toEqual(
      bad.map(() => "invalid_api_key"),
    );
  });

  test("names the token that is meant, and nothing else", () => {
    for (const headers of [{ authorization: null }, bearer(CLIENT), bearer(WRONG)]) {
      expect(messageOf(guard, { ...join, headers })).toBe(
        "The bridge token or the agent token is required. Send it as: Authorization: Bearer <key>",
      );
      expect(messageOf(guard, { port: "bridge", path: "/mcp", headers })).toBe(
        "The agent token is required. Send it as: Authorization: Bearer <key>",
      );
    }
  });

  test("needs its own path and port: elsewhere the tokens open nothing", () => {
    expect(
      outcome(guard, { ...join, port: "provider", path: "/v1/models", headers: bearer(AGENT) }),
    ).toBe("invalid_api_key");
    expect(outcome(guard, { ...join, path: "/x", headers: bearer(AGENT) })).toBe("forbidden");
  });

  test("of /mcp is for agents", () => {
    const mcp: Asked = { port: "bridge", path: "/mcp" };
    expect(outcome(guard, { ...mcp, headers: bearer(AGENT) })).toBe("allowed agent");
    expect(outcome(guard, { ...mcp, headers: bearer(BRIDGE) })).toBe("invalid_api_key");
    expect(outcome(guard, { ...mcp, headers: bearer(CLIENT) })).toBe("invalid_api_key");
  });
});

describe("paths", () => {
  const bad = [
    "",
    "v1/models",
    "*",
    "http://127.0.0.1/v1/models",
    "/v1/../control/sessions",
    "/./control/sessions",
    "/v1/..",
    "/%2e%2e/control/sessions",
    "/v1/%2E%2E/control",
    "/%63ontrol/sessions",
    "/contro%6c/sessions",
    "/control%2fsessions",
    "/%2fcontrol/sessions",
    "/v1\\..\\control",
    "/v1/models?key=x",
    "/v1/models#x",
    "/v1/%",
    "/v1/%ff",
    "/v1/a b",
    "/v1/\u0000",
    "/v1/ü",
    `/${"a".repeat(5_000)}`,
    "/%75i",
    "/m%65trics",
    "/%68ealth",
  ];
  test.each(bad)("%p is no path, or two at once", (path) => {
    expect(outcome(guard, { method: "GET", path })).toBe("invalid_request");
  });

  test("that differ only in slashes are one, and the route is told which", () => {
    const paths = ["/v1/models", "//v1/models", "/v1//models", "/v1/models/", "///v1///models///"];
    for (const path of paths) {
      expect(guard(question({ method: "GET", path }))).toMatchObject({
        allow: true,
        path: "/v1/models",
        group: "inference",
      });
    }
    expect(
      guard(question({ method: "GET", path: "//control//sessions", headers: bearer(CLIENT) })),
    ).toMatchObject({
      allow: false,
      group: "control",
    });
  });

  test("with an encoded model name stay as they are", () => {
    const path = "/v1/models/anthropic%2Fclaude%204";
    expect(guard(question({ method: "GET", path }))).toMatchObject({
      allow: true,
      path,
      group: "inference",
    });
  });

  test("that only begin like a known one are not that one", () => {
    expect(guard(question({ method: "GET", path: "/controls" })).group).toBe("unknown");
    expect(guard(question({ method: "GET", path: "/v1x/models" })).group).toBe("unknown");
    expect(guard(question({ method: "GET", path: "/CONTROL/sessions" })).group).toBe("unknown");
  });
});

describe("the owner's consent to serve without a key", () => {
  const open = aGuard({ keyless: () => true });
  const none = { authorization: null };
  test("lets in a client that shows no key, and marks it", () => {
    expect(open(question({ headers: none }))).toMatchObject({
      caller: { kind: "client", keyless: true },
    });
  });

  test("never covers browsers, wrong keys, other routes, or a doubt", () => {
    const refused: Asked[] = [
      { headers: { ...none, origin: "http://localhost:3000" } },
      { headers: { ...none, origin: "vscode-webview://x" } },
      { headers: { ...none, "sec-fetch-site": "none" } },
      { headers: { ...none, referer: "http://localhost:3000/" } },
      { headers: bearer(WRONG) },
      { method: "GET", path: "/metrics", headers: none },
      { path: "/control/register", headers: none },
      { path: "/x", headers: none },
      { path: `/k/${WRONG}/v1/chat/completions`, headers: none },
    ];
    expect(refused.map((asked) => outcome(open, asked))).toEqual(
      refused.map(() => "invalid_api_key"),
    );
    expect(outcome(aGuard({ keyless: () => false }), { headers: none })).toBe("invalid_api_key");
    const broken = aGuard({
      keyless: () => {
        throw new Error("lookup failed");
      },
    });
    expect(outcome(broken, { headers: none })).toBe("internal");
  });
});

describe("trouble inside", () => {
  test("is a refusal without a detail of it", () => {
    const broken = createGuard({
      hosts: hostsOf(PORT),
      tokens: { control: CONTROL, bridge: BRIDGE, agent: AGENT },
      keys: {
        find: () => {
          throw new Error("the database has a secret");
        },
      },
      limits: { bodyBytes: 1, controlBodyBytes: 1 },
    });
    const verdict = broken(question({ method: "GET" }));
    if (verdict.allow) throw new Error("it was let in");
    expect(verdict.error.code).toBe("internal");
    expect(verdict.error.message).not.toContain("secret");
  });
});
