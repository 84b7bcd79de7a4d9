/** Work in steps, between which others may have a turn. */
export type Steps<T> = Generator<undefined, T>

/** Lets others have a turn where that is due. */
export type Pace = () => Promise<void> | undefined

export function takeAll<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}

export async function takeInTurns<T>(steps: Steps<T>, pace: Pace): Promise<T> {
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
    const turn = pace()
    if (turn) await turn
  }
}
