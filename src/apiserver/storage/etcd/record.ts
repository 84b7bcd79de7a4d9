import type { KeyValue } from '#etcd/messages.ts'
import { HeldItem } from '../held-item.ts'
import type { StoredItem } from '../store.ts'

/**
 * How items lie in etcd: below a prefix of their own, and each value with the write's name in its first line. A
 * transaction whose answer was lost is known by it again, and never taken for somebody else's with the same value.
 */
export interface Records {
  /** Everything of the store lies from here… */
  readonly start: string
  /** …up to before this key. */
  readonly end: string
  /** Written to hear of it: see freshness.ts. */
  readonly marker: string
  /** Who compacted last (upstream's compact_rev_key). */
  readonly compaction: string
  keyOf(key: string): string
  isItem(found: KeyValue): boolean
  itemOf(found: KeyValue): StoredItem
}

/** @param prefix `/fairlead/c1` */
export function createRecords(prefix: string): Records {
  const start = prefix.endsWith('/') ? prefix : `${prefix}/`
  const registry = `${start}registry`
  return {
    start,
    end: endOfPrefix(start),
    marker: `${start}marker`,
    compaction: `${start}compact_rev_key`,
    keyOf: (key) => registry + key,
    isItem: ({ key }) => key.startsWith(registry),
    itemOf: ({ key, value, createRevision, modRevision }) =>
      new HeldItem({
        key: key.slice(registry.length),
        value: value.slice(value.indexOf('\n') + 1),
        modRevision,
        createRevision,
      }),
  }
}

export const encodeValue = (write: string, value: string): string => `${write}\n${value}`

export const writeOf = ({ value }: KeyValue): string =>
  value.slice(0, Math.max(0, value.indexOf('\n')))

/** As clientv3.GetPrefixRangeEnd, for text. */
export function endOfPrefix(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
}
