import type { StoredItem } from './store.ts'

/**
 * An item whose value is kept as its bytes, outside of the heap of JavaScript: garbage collections pass it over, and lists copy it as it is.
 * Its text is made at each reading.
 */
export class HeldItem implements StoredItem {
  readonly key: string
  /** UTF-8. */
  readonly bytes: Buffer
  readonly modRevision: number
  readonly createRevision: number

  constructor({ key, value, modRevision, createRevision }: StoredItem) {
    this.key = key
    this.bytes = held(value)
    this.modRevision = modRevision
    this.createRevision = createRevision
  }

  get value(): string {
    return this.bytes.toString()
  }
}

/** Of any item: its value's UTF-8. */
export const bytesOf = (item: Pick<StoredItem, 'value'>): Buffer =>
  item instanceof HeldItem ? item.bytes : Buffer.from(item.value)

/** In memory of its own: a piece of node's pool would keep all of that. */
function held(value: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(value))
  bytes.write(value)
  return bytes
}
