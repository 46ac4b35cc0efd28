// What has to be true of the image and of its containers: each a sentence that ends in the results.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import manifest from "../../package.json" with { type: "json" };
import { secretOf } from "./engine.ts";
import type { Container, Engine } from "./engine.ts";
import { argumentOf, entriesIn, IMAGE, readImage } from "./image.ts";
import type { Fact } from "./report.ts";
import type { Tools } from "./tools.ts";

export type Check = (sentence: string, body: () => Promise<void>) => Promise<void>;

const API = "http://127.0.0.1:11434";
const USER = "65532:65532";
/** Addresses that stand for other machines (RFC 5737), on the loopback of the container's own network. */
const FRIEND = "192.0.2.10";
const STRANGER = "198.51.100.7";
const EXPOSED = {
  MLP_PROVIDER_ALLOW_REMOTE: "true",
  MLP_SECURITY_ALLOWED_HOSTS: `models.example,${FRIEND}`,
  MLP_SECURITY_ALLOWED_PEERS: "192.0.2.0/24",
};

export async function checkImage(
  tools: Tools,
  check: Check,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const [seen] = JSON.parse(await tools.must("podman", "image", "inspect", IMAGE));
  const config = seen.Config;
  await check("it is built with the Bun of package.json", async () => {
    const { packageManager } = manifest;
    assert.equal(
      argumentOf("BUILD_IMAGE").split("/").at(-1),
      `${packageManager.replace("@", ":")}-slim`,
    );
    assert.equal(Bun.version, packageManager.split("@")[1]);
  });
  await check(
    "it runs `/mlp up` as a user with a number, and checks its health with `/mlp health`",
    async () => {
      assert.equal(config.User, USER);
      assert.deepEqual([...config.Entrypoint, ...config.Cmd], ["/mlp", "up"]);
      assert.deepEqual((config.Healthcheck ?? seen.Healthcheck).Test, ["CMD", "/mlp", "health"]);
      assert.deepEqual(Object.keys(config.Volumes), ["/data"]);
      assert.deepEqual(Object.keys(config.ExposedPorts).toSorted(), ["11434/tcp", "8787/tcp"]);
    },
  );
  await check("it sets the data folder and nothing that relaxes anything", async () => {
    const ours = (config.Env as string[]).filter((one) => one.startsWith("MLP_"));
    assert.deepEqual(ours, ["MLP_HOME=/data"]);
  });
  await check("its labels say where it comes from", async () => {
    for (const name of ["SOURCE", "VERSION", "REVISION", "CREATED"]) {
      assert.equal(config.Labels[`org.opencontainers.image.${name.toLowerCase()}`], labels[name]);
    }
    for (const name of ["title", "description", "licenses"]) {
      assert.ok(config.Labels[`org.opencontainers.image.${name}`]);
    }
  });
  const entries = await readImage(tools);
  await check(
    "it has the executable, the C library, certificates, licences, and no shell",
    async () => {
      const files = entries.filter((entry) => !entry.isFolder);
      const library =
        /^(?:usr\/)?lib(?:64)?\/(?:[a-z0-9_]+-linux-gnu\/)?(?:ld-linux[\w-]*|lib(?:c|m|dl|pthread))\.so\.\d$/;
      const rest = files.map((file) => file.path).filter((path) => !library.test(path));
      assert.ok(files.length > rest.length);
      assert.deepEqual(rest, [
        "LICENSE",
        "etc/nsswitch.conf",
        "etc/ssl/certs/ca-certificates.crt",
        "mlp",
        "usr/share/doc/ca-certificates/copyright",
        "usr/share/doc/libc6/copyright",
      ]);
    },
  );
  await check(
    "nothing in it is its user's but the data folder, which nobody else may enter",
    async () => {
      const own = entries.filter((entry) => entry.owner !== "0:0");
      const facts = own.map(({ path, owner, mode }) => [path, owner, mode.toString(8)]);
      assert.deepEqual(facts, [["data", USER, "700"]]);
      const open = entries.filter((entry) => (entry.mode & 0o6022) !== 0);
      assert.deepEqual(open, []);
    },
  );
}

const chat = (content: string, stream = false): unknown => ({
  model: "rehearsal",
  stream,
  messages: [{ role: "user", content }],
});

export async function checkServer(
  { must }: Tools,
  engine: Engine,
  check: Check,
): Promise<readonly Fact[]> {
  const began = performance.now();
  const first = await engine.start("first");
  const readyMs = Math.round(performance.now() - began);
  const key = secretOf(first, "api-key");
  const status = readFileSync(`/proc/${first.pid}/status`, "utf8");
  const line = (name: string): string =>
    new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1]?.replaceAll("\t", " ") ?? "";

  await check(
    "its process is the first of its container, not root, without capabilities",
    async () => {
      assert.equal(line("Uid"), Array(4).fill("65532").join(" "));
      assert.equal(line("Gid"), Array(4).fill("65532").join(" "));
      assert.equal(line("NSpid"), `${first.pid} 1`);
      assert.match(line("CapEff"), /^0+$/);
    },
  );
  await check("`/health` answers, and so does the health check", async () => {
    const health = await engine.ask(first, `${API}/health`);
    assert.equal(health.status, 200);
    assert.equal(JSON.parse(health.text).version, manifest.version);
    await must("podman", "healthcheck", "run", first.name);
  });
  await check("a chat is answered with the key, and refused without", async () => {
    const url = `${API}/v1/chat/completions`;
    const body = chat('/rehearse say "Hello from inside."');
    const answer = await engine.ask(first, url, { secret: key, body });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(JSON.parse(answer.text).choices[0].message.content, "Hello from inside.");
    assert.equal((await engine.ask(first, url, { body })).status, 401);
  });
  await check("a key of `/mlp keys create` opens it", async () => {
    const secret = await engine.exec(first, "/mlp", "keys", "create", "--label", "laptop");
    assert.equal((await engine.ask(first, `${API}/v1/models`, { secret })).status, 200);
  });
  await check("its files are 0600 in folders 0700, on a root that cannot be written", () => {
    const mounts = readFileSync(`/proc/${first.pid}/mountinfo`, "utf8");
    assert.match(mounts, /^\d+ \d+ \S+ \S+ \/ ro[, ]/m);
    return isPrivate(first);
  });
  await check("without settings nothing but loopback reaches it", async () => {
    await engine.addAddress(first, FRIEND);
    for (const port of [11_434, 8_787]) {
      const url = `http://${FRIEND}:${port}/health`;
      await assert.rejects(engine.ask(first, url, { at: FRIEND }), /ended with 7/);
    }
  });
  await check(
    "SIGTERM ends it with 0, and the next container with its volume has the same key",
    async () => {
      assert.equal(await engine.stop(first), 0);
      const second = await engine.start("first");
      assert.equal((await engine.ask(second, `${API}/v1/models`, { secret: key })).status, 200);
      assert.equal(await engine.stop(second), 0);
    },
  );
  return [
    ["from `podman run` to ready", `${readyMs} ms`],
    ["memory when ready", `${Math.round(Number.parseInt(line("VmRSS"), 10) / 1_024)} MiB`],
  ];
}

async function isPrivate({ volume }: Container): Promise<void> {
  const entries = entriesIn(volume);
  assert.ok(entries.some((entry) => !entry.isFolder));
  const odd = entries.filter(
    ({ isFolder, mode, owner }) => owner !== USER || mode !== (isFolder ? 0o700 : 0o600),
  );
  assert.deepEqual(odd, []);
}

export async function checkEnds(engine: Engine, check: Check): Promise<void> {
  const endDuring = async (name: string, content: string, env: Record<string, string>) => {
    const container = await engine.start(name, { env });
    const question = { secret: secretOf(container, "api-key"), body: chat(content, true) };
    return engine.endDuring(container, `${API}/v1/chat/completions`, question);
  };
  await check("SIGTERM lets an open answer end", async () => {
    const content = '/rehearse delay 100\n/rehearse say "one two three four five six seven eight"';
    const { text, code } = await endDuring("drained", content, {});
    assert.match(text, /eight/);
    assert.match(text, /data: \[DONE\]\s*$/);
    assert.equal(code, 0);
  });
  await check("an answer that does not end in time ends with an error frame", async () => {
    const content = '/rehearse say "I begin"\n/rehearse hang';
    const { text, code } = await endDuring("cut", content, { MLP_LIMITS_DRAIN_MS: "300" });
    assert.match(text, /begin/);
    assert.match(text, /data: \{"error":/);
    assert.equal(code, 0);
  });
}

export async function checkExposure(engine: Engine, check: Check): Promise<void> {
  const needs = {
    MLP_PROVIDER_ALLOW_REMOTE: "provider.allow_remote",
    MLP_SECURITY_ALLOWED_HOSTS: "security.allowed_hosts",
    MLP_SECURITY_ALLOWED_PEERS: "security.allowed_peers",
  };
  for (const host of ["MLP_PROVIDER_HOST", "MLP_BRIDGE_HOST"]) {
    await check(
      `with ${host}=0.0.0.0 it refuses to start, in one line, until all three settings are there`,
      async () => {
        for (const [variable, setting] of Object.entries(needs)) {
          const { code, stdout, stderr } = await engine.run({
            ...EXPOSED,
            [variable]: "",
            [host]: "0.0.0.0",
          });
          assert.deepEqual([code, stdout], [2, ""]);
          assert.match(stderr, /^mlp: Listening on 0\.0\.0\.0 [^\n]*$/);
          const named = Object.values(needs).filter((one) => stderr.includes(one));
          assert.deepEqual(named, [setting]);
        }
      },
    );
  }
  await check("it refuses to start with a key that is too short", async () => {
    const { code, stderr } = await engine.run({ ...EXPOSED, MLP_API_KEY: "short" });
    assert.notEqual(code, 0);
    assert.match(stderr, /^mlp: [^\n]*MLP_API_KEY[^\n]*$/);
  });
  const env = { ...EXPOSED, MLP_PROVIDER_HOST: "0.0.0.0", MLP_BRIDGE_HOST: "0.0.0.0" };
  const exposed = await engine.start("exposed", { env, command: ["up", "--agent", "none"] });
  for (const address of [FRIEND, STRANGER]) await engine.addAddress(exposed, address);
  const ports = [
    { name: "provider", port: 11_434, path: "/v1/models", secret: secretOf(exposed, "api-key") },
    {
      name: "bridge",
      port: 8_787,
      path: "/control/sessions",
      secret: secretOf(exposed, "control-token"),
    },
  ];
  for (const { name, port, path, secret } of ports) {
    await check(
      `with them the ${name} answers those peers, by those names, with the secret, and nobody else`,
      async () => {
        const status = async (host: string, at: string, own?: string): Promise<number> => {
          const question = { at, ...(own !== undefined && { secret: own }) };
          return (await engine.ask(exposed, `http://${host}:${port}${path}`, question)).status;
        };
        assert.equal(await status("models.example", FRIEND, secret), 200);
        assert.equal(await status(FRIEND, FRIEND, secret), 200);
        assert.equal(await status("models.example", FRIEND), 401);
        assert.equal(await status("other.example", FRIEND, secret), 421);
        assert.equal(await status("models.example", STRANGER, secret), 403);
      },
    );
  }
  await check(
    "an agent of another container joins its bridge, is approved, and answers",
    async () => {
      const visitor = await engine.start("visitor", {
        beside: exposed,
        env: { MLP_AGENT_TOKEN: secretOf(exposed, "agent-token") },
        command: ["agent", "rehearsal", "--label", "visitor", "--bridge", `ws://${FRIEND}:8787`],
        ready: '"status":"pending"',
      });
      await engine.exec(exposed, "/mlp", "sessions", "approve", "visitor", "--yes");
      const secret = secretOf(exposed, "api-key");
      const body = chat('/rehearse say "Hello from beside."');
      const url = "http://models.example:11434/v1/chat/completions";
      const answer = await engine.ask(exposed, url, { at: FRIEND, secret, body });
      assert.equal(answer.status, 200, answer.text);
      assert.match(answer.text, /Hello from beside\./);
      await isPrivate(visitor);
      assert.equal(await engine.stop(visitor), 0);
    },
  );
}
