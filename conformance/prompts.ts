// What is asked. The rehearsal agent reads the lines that begin with /rehearse and does exactly that; a model reads the
// sentence above them, and may do something else.

export const SPOKEN = "One two three, and ünïcödé 🎭 too.";
export const THOUGHT = "Let me think about that.";
export const CITY = "Oslo";

/** What a request for structured output asks for, and an answer that fits it. */
export const SCHEMA = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
export const JSON_TEXT = `{"city":"${CITY}"}`;
export const WEATHER = "snow, -3 °C";

export const TOOL = {
  name: "get_weather",
  description: "The weather of a city.",
  parameters: {
    type: "object",
    properties: { city: { type: "string", description: "Its name." } },
    required: ["city"],
  },
} as const;

/** A picture of one pixel, PNG, base64. */
export const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/** Not the same twice: a server may remember that a prompt failed. */
export const unique = (): string => `(${crypto.randomUUID()})`;

export function say(text: string): string {
  return `Answer with exactly this and nothing else: ${text}\n/rehearse say ${JSON.stringify(text)}`;
}

export function count(prompt: number, completion: number): string {
  return `${say(SPOKEN)}\n/rehearse usage ${prompt} ${completion}`;
}

export function think(): string {
  return `Think a moment first.\n/rehearse reasoning ${JSON.stringify(THOUGHT)}\n${say(SPOKEN)}`;
}

/** One call for each city, and then what the tools returned. */
export function callTool(...cities: readonly string[]): string {
  const lines = cities.map((city) => `/rehearse tool ${TOOL.name} {"city":"${city}"}`);
  return [
    `Call the tool ${TOOL.name} for: ${cities.join(", ")}. Then say what it returned.`,
    ...lines,
    "/rehearse results",
  ].join("\n");
}

export function fail(): string {
  return `${unique()}\n/rehearse error agent_error "It fell over."`;
}

export function failHalfway(): string {
  return `${unique()}\n/rehearse say "half "\n/rehearse error agent_error "It fell over."`;
}
