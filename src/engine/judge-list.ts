// Several requests judged before the first of them runs: by the model that they would go to now, where there is one.
// Each is judged again when its turn comes, since others may be there by then.

import { AppError } from "../core/error.ts";
import type { Model } from "../core/model.ts";
import type { SessionDirectory } from "../core/ports.ts";
import type { Caller } from "./admit.ts";
import type { Catalog } from "./catalog.ts";
import { chooseSession, fitToModel } from "./choose-session.ts";
import { fieldAt } from "./turn-list.ts";
import type { TurnListDeps, TurnRequests } from "./turn-list.ts";

interface ListJudgeDeps {
  readonly sessions: Pick<SessionDirectory, "list">;
  readonly catalog: Pick<Catalog, "resolve">;
}

/** All of a list are for one model. */
export function createListJudge({ sessions, catalog }: ListJudgeDeps): TurnListDeps["judge"] {
  function modelFor([{ model }]: TurnRequests, caller: Caller): Model | undefined {
    const wanted = { target: catalog.resolve(model), name: model, ...caller };
    try {
      return chooseSession(wanted, sessions.list()).model;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      // Why there is none is told when the first is admitted; a repeated list needs none.
      return undefined;
    }
  }

  return (requests, caller) => {
    const model = modelFor(requests, caller);
    if (model === undefined) return;
    for (const [index, request] of requests.entries()) {
      try {
        fitToModel(request, model);
      } catch (error) {
        throw error instanceof AppError ? refusalAt(index, error) : error;
      }
    }
  };
}

function refusalAt(index: number, error: AppError): AppError {
  const param = fieldAt(error.param, index);
  const details = { ...(param !== undefined && { param }), cause: error };
  return new AppError(error.code, error.message, details);
}
