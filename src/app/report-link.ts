// Says in the log how a link to a bridge fares; a refusal says what to do about it.

import type { DialState } from "../bridge/dial.ts";
import type { Log } from "../core/ports.ts";

export interface ReportedLink {
  readonly url: string;
  /** The variable that holds the secret which the bridge has to take. */
  readonly secret: "MLP_AGENT_TOKEN" | "MLP_BRIDGE_TOKEN";
  /** Further fields of each line. */
  readonly about?: object;
}

export function reportLink(log: Log, link: ReportedLink): (state: DialState) => void {
  return (state) => {
    const fields = { bridge: link.url, ...link.about, ...state };
    if (state.state === "refused") {
      const what = `the bridge does not take our token: ${link.secret} has to be the bridge's own`;
      log.warn(fields, what);
    } else log.info(fields, "bridge link");
  };
}
