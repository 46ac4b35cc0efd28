// The documents of our ports without a server: their routes are composed as a server composes them, over parts that
// are there in name only.

import type { Config } from "../config/schema.ts";
import type { Sessions } from "../engine/sessions.ts";
import { createPortApps } from "../http/app.ts";
import type { RouteGroup, RouteInfo } from "../http/app.ts";
import type { DocumentDeps } from "../http/routes-documents.ts";
import type { LinkHealth } from "../http/routes-operations.ts";
import { createVisits } from "../http/visit.ts";
import { addressOf } from "./address.ts";
import { bridgeGroups } from "./bridge.ts";
import { documentsOf } from "./documents.ts";
import { routeGroups } from "./provider.ts";
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
  const sessions = inert<Sessions>("sessions");
  const visits = createVisits();
  const link = () => inert<LinkHealth>("link");
  if (port === "bridge")
    return bridgeGroups({ config, system }, { sessions, link, visits, documents });
  return routeGroups(
    {
      config,
      current: () => config,
      system,
      sessions,
      administration: sessions,
      keys: inert("keys"),
      link,
    },
    { engine: inert("engine"), catalog: inert("catalog"), visits, documents },
  );
}

/** Stands for a part that only handlers use, and no handler is ever called here. */
function inert<T extends object>(name: string): T {
  const complain = (): never => {
    throw new Error(`${name} is not there: these routes are only to be described`);
  };
  return new Proxy({} as T, { get: complain, has: complain });
}
