import { APIStatusError, type CompleteList } from './api.ts'

/** A page at a time keeps the peak of memory small, here and in the server. */
const PAGE_LIMIT = 500

/** A list or a page of one, as the server sends it. */
export interface List<T> {
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string }
  readonly items: readonly T[] | null
}

type ReadPage<T> = (limit?: number, token?: string) => Promise<List<T>>

/** All pages of a list, through `keep` item by item. Where the snapshot expires between two pages, the whole list at once. */
export async function readPages<T>(
  page: ReadPage<T>,
  keep: (item: T) => T,
): Promise<CompleteList<T>> {
  try {
    return await readFrom(page(PAGE_LIMIT), page, keep)
  } catch (error) {
    if (error instanceof APIStatusError && error.code === 410) return readFrom(page(), page, keep)
    throw error
  }
}

async function readFrom<T>(
  first: Promise<List<T>>,
  page: ReadPage<T>,
  keep: (item: T) => T,
): Promise<CompleteList<T>> {
  const items: T[] = []
  let resourceVersion: string | undefined
  for (let coming: Promise<List<T>> | undefined = first; coming; ) {
    const list: List<T> = await coming
    const token = list.metadata.continue
    // The server makes the next page while this one is gone through.
    coming = token ? page(PAGE_LIMIT, token) : undefined
    coming?.catch(() => {}) // it is awaited above
    resourceVersion ??= list.metadata.resourceVersion ?? ''
    for (const item of list.items ?? []) items.push(keep(item))
  }
  return { items, resourceVersion: resourceVersion ?? '' }
}
