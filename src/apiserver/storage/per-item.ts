import type { StoredItem } from './store.ts'

/**
 * Remembers what was read from a stored item for one purpose (a kind, a set of columns) for as long as both are there. Items never change:
 * a write makes a new one. What is kept must be small beside the item's text, and must not hold on to what was parsed.
 */
export function perItem<Purpose extends object, Item extends Pick<StoredItem, 'value'>, Found>(
  read: (item: Item, purpose: Purpose) => Found,
): (item: Item, purpose: Purpose) => Found {
  const known = new WeakMap<Purpose, WeakMap<Item, Found>>()
  return (item, purpose) => {
    let ofPurpose = known.get(purpose)
    if (!ofPurpose) {
      ofPurpose = new WeakMap()
      known.set(purpose, ofPurpose)
    }
    let found = ofPurpose.get(item)
    if (found === undefined) {
      found = read(item, purpose)
      ofPurpose.set(item, found)
    }
    return found
  }
}
