// Requests that single agents make of their client beside the protocol. Each is answered: an agent that gets no answer
// waits for ever. Pure.

/** Method → result. What is not in the table hears that we have no such method. */
export type VendorAnswers = Readonly<Record<string, (params: unknown) => object>>;

/** Nobody sits there to choose: questions are skipped, forms declined, plans not carried out. */
export const VENDOR_ANSWERS: VendorAnswers = {
  "cursor/ask_question": () => ({
    outcome: {
      outcome: "skipped",
      reason: "Nobody can be asked: decide yourself, or ask in text.",
    },
  }),
  "cursor/create_plan": () => ({ outcome: { outcome: "cancelled" } }),
  "cursor/update_todos": () => ({}),
  "cursor/task": () => ({}),
  "cursor/generate_image": () => ({}),
  "elicitation/create": () => ({ action: "decline" }),
  // A notification, by the protocol.
  "session/update": () => ({}),
};
