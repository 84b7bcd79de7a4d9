/*
 * `metadata.managedFields` is half of what a list sends, and most of what there is to parse in it: many small objects. For who does not
 * want them they are cut out of the text before.
 */

/** In place of such an array, until its field goes. */
const CUT = 0
/** As servers write it, with no array in it, as what it holds has none; and what might be mistaken for a cut. */
const CUTTABLE = /"managedFields":(?:0|\[[^[\]"]*(?:"[^"\\]*(?:\\.[^"\\]*)*"[^[\]"]*)*\])/g

interface Item {
  readonly metadata: { readonly managedFields?: unknown }
}

interface ItemList {
  readonly items?: readonly Item[] | null
}

/**
 * Parses a list of objects without their `metadata.managedFields`. Whatever else has that name stays: where anything else was cut out, the
 * whole text is parsed instead.
 *
 * @throws SyntaxError for what is not JSON
 */
export function parseWithoutManagedFields(text: string): unknown {
  let cuts = 0
  const kept = text.replace(CUTTABLE, () => {
    cuts++
    return `"managedFields":${CUT}`
  })
  const short: ItemList = JSON.parse(kept)
  const ofItems = short.items?.filter(({ metadata }) => metadata.managedFields === CUT) ?? []
  const list: ItemList = ofItems.length === cuts ? short : JSON.parse(text)
  return { ...list, items: list.items?.map(withoutManagedFields) }
}

/** The same object where it has none. */
export function withoutManagedFields<T extends Item>(object: T): T {
  if (!('managedFields' in object.metadata)) return object
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata }
}
