/** Bytes that are not what their format says: `offset` is where, counted in the part that was being read. */
export class WireError extends Error {
  override readonly name = 'WireError'
  readonly offset: number

  constructor(what: string, offset: number, problem: string) {
    super(`Cannot decode ${what}: ${problem} at byte ${offset}`)
    this.offset = offset
  }
}
