// The AsyncAPI 3.0 document of the bridge link, made of the frames' schemas and of the machine's own numbers. Pure.
// It is written from the hub's side: what it receives and what it sends, on the links of agents and of providers.

import { exchangesOf, PEERS, SUMMARIES, titled } from "./asyncapi-exchanges.ts";
import type { Exchange, Peer } from "./asyncapi-exchanges.ts";
import { CLOSE } from "./effect.ts";
import { FRAME_EXAMPLES } from "./frame-examples.ts";
import { FRAMES, PROTOCOL_VERSION } from "./frame.ts";
import type { FrameType, WireLimits } from "./frame.ts";
import type { LinkTimes } from "./liveness.ts";

export interface AsyncApiSettings {
  readonly version: string;
  /** Where the hub is, unless the reader knows better. */
  readonly host: string;
  readonly port: number;
  readonly limits: WireLimits;
  readonly times: LinkTimes;
}

const CLOSE_MEANINGS: Readonly<Record<keyof typeof CLOSE, string>> = {
  normal: "the peer is done",
  goingAway: "shutdown; every turn was told so first",
  binary: "a binary message",
  policy: "too many pings, a reply for a turn of another link, or a socket that dropped a frame",
  tooLarge: "a frame over the limit",
  tryLater: "too many links, or no room: come back later",
  protocol:
    "against the protocol: no JSON, an unknown frame or field, a wrong order, an id used twice at once",
  forbidden: "role and secret disagree, or the agent was refused, denied, revoked or cut off",
  timeout: "no greeting in time, or no answer to a ping",
  replaced: "a newer link of the same session took its place: do not dial again",
};

const CHANNELS: Readonly<Record<Peer, { readonly token: string; readonly description: string }>> = {
  agent: {
    token: "agentToken",
    description:
      "The link of an agent's runner. It answers turns, and can neither approve nor register nor ask.",
  },
  provider: {
    token: "bridgeToken",
    description: "The link of a provider. It opens turns, and hears of every session.",
  },
};

export function asyncApiDocument(settings: AsyncApiSettings): object {
  const exchanges = PEERS.flatMap(exchangesOf);
  return {
    asyncapi: "3.0.0",
    id: "urn:mlp:bridge:v1",
    info: {
      title: "MCP Local Provider: bridge link",
      version: settings.version,
      description: describe(settings),
      license: { name: "MIT" },
    },
    defaultContentType: "application/json",
    servers: { bridge: server(settings) },
    channels: Object.fromEntries(PEERS.map((peer) => [`${peer}Link`, channel(peer, exchanges)])),
    operations: Object.fromEntries(exchanges.map((each) => [each.name, operation(each)])),
    components: {
      messages: Object.fromEntries(TYPES.map((type) => [type, message(type)])),
      securitySchemes: {
        agentToken: bearer(
          "The agent token, of `MLP_AGENT_TOKEN` or the file `secrets/agent-token`.",
        ),
        bridgeToken: bearer(
          "The bridge token, of `MLP_BRIDGE_TOKEN` or the file `secrets/bridge-token`.",
        ),
      },
    },
    "x-close-codes": Object.fromEntries(closeCodes()),
    "x-limits": settings.limits,
  };
}

const TYPES = Object.keys(FRAMES) as readonly FrameType[];

function server({ host, port }: AsyncApiSettings): object {
  return {
    host: "{host}:{port}",
    pathname: "/",
    protocol: "ws",
    protocolVersion: "13",
    description:
      "Text messages only; one JSON object in each. Behind a proxy with TLS it is `wss`.",
    variables: { host: { default: host }, port: { default: String(port) } },
    security: PEERS.map(schemeOf),
  };
}

function channel(peer: Peer, exchanges: readonly Exchange[]): object {
  const here = exchanges.filter((each) => each.peer === peer);
  const types = TYPES.filter((type) =>
    here.some(({ says, answers }) => says.includes(type) || answers?.includes(type) === true),
  );
  return {
    address: "/",
    title: `Link of ${peer === "agent" ? "an agent" : "a provider"}`,
    description: `${CHANNELS[peer].description} The secret of the upgrade makes the link one of this kind; \`hello.role\` has to agree.`,
    servers: [{ $ref: "#/servers/bridge" }],
    messages: Object.fromEntries(
      types.map((type) => [type, { $ref: `#/components/messages/${type}` }]),
    ),
    bindings: {
      ws: {
        method: "GET",
        headers: {
          type: "object",
          properties: { authorization: { type: "string", pattern: "^[Bb]earer +\\S+$" } },
          required: ["authorization"],
        },
        bindingVersion: "0.1.0",
      },
    },
  };
}

function operation({ summary, peer, from, says, answers }: Exchange): object {
  const channel = { $ref: `#/channels/${peer}Link` };
  const refs = (types: readonly FrameType[]) =>
    types.map((type) => ({ $ref: `#/channels/${peer}Link/messages/${type}` }));
  return {
    action: from === "hub" ? "send" : "receive",
    channel,
    summary,
    tags: [{ name: from }],
    security: [schemeOf(peer)],
    messages: refs(says),
    ...(answers !== undefined && { reply: { channel, messages: refs(answers) } }),
  };
}

function message(type: FrameType): object {
  const example = FRAME_EXAMPLES[type];
  return {
    name: type,
    title: titled(type.replaceAll("_", " ")),
    summary: SUMMARIES[type],
    payload: FRAMES[type],
    examples: [{ name: type, payload: example }],
  };
}

function schemeOf(peer: Peer): object {
  return { $ref: `#/components/securitySchemes/${CHANNELS[peer].token}` };
}

function bearer(description: string): object {
  return {
    type: "http",
    scheme: "bearer",
    description: `${description} In the header \`authorization\` of the upgrade, never in the address; 401 without.`,
  };
}

function closeCodes(): readonly (readonly [number, string])[] {
  const names = Object.keys(CLOSE) as readonly (keyof typeof CLOSE)[];
  return names.map((name) => [CLOSE[name], CLOSE_MEANINGS[name]] as const);
}

function describe({ limits, times }: AsyncApiSettings): string {
  const codes = closeCodes().map(([code, meaning]) => `| ${code} | ${meaning} |`);
  return [
    `Protocol \`mlp.v${PROTOCOL_VERSION}\`: how agents, the hub and providers talk. A provider asks the hub, the hub asks an agent.`,
    "Every object is closed: an unknown field is against the protocol, except inside the JSON Schemas that tools and response formats carry (64 deep at most).",
    "A frame of the wrong shape that names a turn ends that turn; any other closes the link.",
    "",
    "**Limits**, as `welcome` states them: " +
      `${limits.invoke_bytes} bytes for a frame that asks, ${limits.answer_bytes} for any other, ` +
      `${limits.turns} turns open on a link, ${limits.credit_bytes} bytes of chunks in a turn before \`flow\` gives more. ` +
      "The sender checks: a frame over the limit closes the link.",
    "",
    "**Times**: " +
      `\`hello\` within ${times.helloMs} ms, a ping every ${times.pingMs} ms, a sign of life within ${times.pongMs} ms of it; ` +
      `${times.pingBurst} pings from a peer at once, then one every ${times.pingRefillMs} ms.`,
    "",
    "| close code | when |",
    "| --- | --- |",
    ...codes,
  ].join("\n");
}
