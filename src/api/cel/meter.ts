/**
 * What an evaluation may use up. CEL's costs are upstream's, so that a rule ends where it ends there; work is what
 * functions really do here, since some that cost one unit walk over a whole request.
 */

/** @throws out of an evaluation: the rule must not go on. */
export class LimitExceeded extends Error {
  constructor() {
    super('operation cancelled: actual cost limit exceeded')
    this.name = 'LimitExceeded'
  }
}

/** About a tenth of a second on a slow machine. */
export const WORK_PER_CALL = 1_000_000

export class Meter {
  cost = 0
  work = 0
  readonly #limit: number
  readonly #maxWork: number
  constructor(limit: number, maxWork = WORK_PER_CALL) {
    this.#limit = limit
    this.#maxWork = maxWork
  }
  charge(cost: number): void {
    this.cost += cost
    if (this.cost > this.#limit) throw new LimitExceeded()
  }
  spend(work: number): void {
    this.work += work
    if (this.work > this.#maxWork) throw new LimitExceeded()
  }
}

let current: Meter | undefined

/** Evaluates with this meter: functions reach it by spend(). Evaluations do not wait, so there is one at a time. */
export function metered<T>(meter: Meter, evaluate: () => T): T {
  const before = current
  current = meter
  try {
    return evaluate()
  } finally {
    current = before
  }
}

/** Counts work of the evaluation that runs. @throws LimitExceeded */
export function spend(work: number): void {
  current?.spend(work)
}
