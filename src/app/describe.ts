// The documents of our ports without a server: their routes are composed as a server composes them, over parts that
// are there in name only.

import type { Config } from "../config/schema.ts";
import { createPortApps } from "../http/app.ts";
import type { RouteGroup, RouteInfo } from "../http/app.ts";
import type { DocumentDeps } from "../http/routes-documents.ts";
import { createVisits } from "../http/visit.ts";
import { addressOf } from "./address.ts";
import { bridgeGroups } from "./bridge.ts";
import { documentsOf } from "./documents.ts";
import { routeGroups } from "./provider-routes.ts";
import { createSystem } from "./system.ts";

/** As `mlp up` with this configuration would serve them on the port, at its configured address. */
export function describePort(port: "provider" | "bridge", config: Config): DocumentDeps {
  let routes: readonly RouteInfo[] = [];
  const { host, port: number } = config[port];
  const documents = documentsOf({
    port,
    config,
    routes: () => routes,
    server: addressOf("http", host, number),
  });
  ({ routes } = createPortApps({
    visits: createVisits(),
    log: inert("log"),
    onRefusal: () => undefined,
    groups: groupsOf(port, config, documents),
  }).plain);
  return documents;
}

function groupsOf(
  port: "provider" | "bridge",
  config: Config,
  documents: DocumentDeps,
): readonly RouteGroup[] {
  const system = createSystem();
  const sessions = inert("sessions");
  const visits = createVisits();
  const link = () => inert("link");
  if (port === "bridge") {
    const mcp = () => inert("mcp");
    return bridgeGroups({ config, system }, { sessions, link, visits, documents, mcp });
  }
  return routeGroups(
    {
      config,
      current: () => config,
      system,
      log: inert("log"),
      sessions,
      administration: sessions,
      keys: inert("keys"),
      trail: inert("trail"),
      link,
    },
    {
      engine: inert("engine"),
      kept: inert("kept"),
      buffers: inert("buffers"),
      onLateRefusal: inert("onLateRefusal"),
      onStreamEnd: inert("onStreamEnd"),
      catalog: inert("catalog"),
      metrics: inert("metrics"),
      health: inert("health"),
      visits,
      documents,
    },
  );
}

/** Stands for a part that only handlers use, and no handler is ever called here. */
function inert(name: string): never {
  const complain = (): never => {
    throw new Error(`${name} is not there: these routes are only to be described`);
  };
  return new Proxy({}, { get: complain, has: complain }) as never;
}
