// Deep health and the metrics: for those with a client key, since they say what the server does and for whom.

import { Elysia } from "elysia";
import { EXPOSITION_TYPE } from "../observe/exposition.ts";
import type { Metrics } from "../observe/metrics.ts";
import { DeepHealthAnswer, MetricsAnswer } from "./health-schema.ts";
import type { Health } from "./health.ts";
import { operation } from "./operation.ts";

/** 503 where the server is unhealthy, with the same document. */
export function healthRoutes(deps: { readonly health: Health }) {
  return new Elysia({ name: "health", normalize: false }).get(
    "/health/deep",
    async ({ set }) => {
      const health = await deps.health.deep();
      if (health.status === "unhealthy") set.status = 503;
      return health;
    },
    {
      detail: operation({
        summary: "How every component is, with the server's figures",
        tag: "Operations",
        answer: DeepHealthAnswer,
        answerStatuses: [503],
        description: "The status is 503, with the same document, while the server is `unhealthy`.",
      }),
    },
  );
}

export function metricsRoutes(deps: { readonly metrics: Pick<Metrics, "text" | "json"> }) {
  return new Elysia({ name: "metrics", normalize: false }).get(
    "/metrics",
    async ({ request }) => {
      if (wantsJson(request.headers.get("accept") ?? "")) return deps.metrics.json();
      const headers = { "content-type": EXPOSITION_TYPE };
      return new Response(await deps.metrics.text(), { headers });
    },
    {
      detail: operation({
        summary: "What was counted and measured, for Prometheus or as JSON",
        tag: "Operations",
        answer: MetricsAnswer,
        text: {
          type: "text/plain",
          example:
            '# TYPE mlp_turns_total counter\nmlp_turns_total{model="cursor-agent",connector="cursor",outcome="done"} 3\n',
        },
        description: "Prometheus text unless `Accept` asks for `application/json`.",
      }),
    },
  );
}

/** JSON for those that name it and do not like text better (RFC 9110, 12.5.1); Prometheus' text for all others. */
export function wantsJson(accept: string): boolean {
  const likings = accept.split(",").map((range) => {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const q = parameters.find((parameter) => parameter.startsWith("q="));
    return { type, q: q === undefined ? 1 : Number(q.slice(2)) || 0 };
  });
  const liking = (...types: readonly string[]): number =>
    Math.max(0, ...likings.filter(({ type }) => types.includes(type)).map(({ q }) => q));
  const json = liking("application/json");
  return json > 0 && json >= liking("text/plain", "application/openmetrics-text");
}
