// A foreign bridge of ours, dialled to a stand-in of the guides', and what a test watches of it.

import { openBunSocket } from "../../../src/bridge/bun-socket.ts";
import {
  createForeignBridge,
  type ForeignBridge,
  type ForeignBridgeOptions,
} from "../../../src/bridge/foreign-bridge.ts";
import { DEFAULT_TIMES } from "../../../src/bridge/liveness.ts";
import {
  type GuideBridge,
  type GuideForm,
  type Reply,
  startGuideBridge,
} from "../../support/guide-bridge.ts";
import { createFakeRandom } from "../../support/fake-clock.ts";
import { infoOf } from "./agents.ts";
import { createWatch, QUICK, realClock, silent, type Watch } from "./bridge-house.ts";

export const FOREIGN_LIMITS = {
  invokeBytes: 1024 * 1024,
  frameBytes: 1024 * 1024,
  bufferBytes: 1024 * 1024,
  turns: 100,
};

/** Options that a test has no opinion about. */
export function foreignOptions(
  url: string,
  dialect: GuideForm,
  options: Partial<ForeignBridgeOptions> = {},
): ForeignBridgeOptions {
  return {
    name: "elsewhere",
    url,
    dialect,
    label: "test provider",
    info: infoOf({ agentId: "foreign", connector: "bridge" }),
    times: DEFAULT_TIMES,
    connectMs: 10_000,
    delays: QUICK,
    reconnectAttempts: 5,
    limits: FOREIGN_LIMITS,
    clock: realClock,
    random: createFakeRandom(),
    log: silent,
    openSocket: openBunSocket,
    ...options,
  };
}

export interface ForeignHouse {
  readonly bridge: GuideBridge;
  readonly foreign: ForeignBridge;
  /** Each time the link comes and goes. */
  readonly ups: Watch<boolean>;
  close(): Promise<void>;
}

export interface ForeignHouseOptions extends Partial<ForeignBridgeOptions> {
  readonly answer?: (reply: Reply) => void;
  /** What the stand-in wants to be shown. */
  readonly wants?: string;
}

/** Connected when it resolves. */
export async function openForeign(
  form: GuideForm,
  { answer, wants, ...options }: ForeignHouseOptions = {},
): Promise<ForeignHouse> {
  const bridge = startGuideBridge({
    form,
    ...(wants !== undefined && { token: wants }),
    ...(answer !== undefined && { answer }),
  });
  const ups = createWatch<boolean>();
  const foreign = createForeignBridge(
    foreignOptions(bridge.url, form, { ...options, onLink: ups.push }),
  );
  foreign.start();
  await ups.when((isUp) => isUp);
  return {
    bridge,
    foreign,
    ups,
    close: async () => {
      foreign.close();
      await bridge.close();
    },
  };
}
