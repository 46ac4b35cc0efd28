// A stand-in for an OpenTelemetry collector, on loopback: it decodes what is sent over real HTTP.

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: number | string };
}

export interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly status: { readonly code?: number };
}

export interface Collector extends AsyncDisposable {
  readonly url: string;
  readonly spans: SentSpan[];
  readonly services: string[];
  readonly bodies: string[];
  readonly paths: string[];
  /** What is sent to it from then on is not heard. */
  stop(): Promise<void>;
}

export function startCollector(answer: () => Promise<Response> = ok): Collector {
  const seen = { spans: [] as SentSpan[], services: [] as string[], bodies: [] as string[] };
  const paths: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const body = await request.text();
      paths.push(`${request.method} ${new URL(request.url).pathname}`);
      seen.bodies.push(body);
      for (const { resource, scopeSpans } of JSON.parse(body).resourceSpans) {
        const service = resource.attributes.find(({ key }: Attribute) => key === "service.name");
        seen.services.push(service.value.stringValue);
        for (const { spans } of scopeSpans) seen.spans.push(...spans);
      }
      return await answer();
    },
  });
  const stop = async (): Promise<void> => server.stop(true);
  return {
    url: `http://127.0.0.1:${server.port}`,
    ...seen,
    paths,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function ok(): Promise<Response> {
  return Promise.resolve(Response.json({}));
}

export function attributesOf({ attributes }: SentSpan): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, Object.values(value)[0] as unknown]),
  );
}
