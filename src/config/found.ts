// A value that was found somewhere, and where: what every source of settings hands to the loader.

import type { Setting } from "./settings.ts";

export type Origin =
  | { readonly kind: "flag"; readonly name: string }
  | { readonly kind: "environment"; readonly name: string }
  | { readonly kind: "file"; readonly file: string; readonly line: number }
  | { readonly kind: "default" };

/** The value fits the setting's schema. */
export interface Found {
  readonly setting: Setting;
  readonly value: unknown;
  readonly origin: Origin;
}
