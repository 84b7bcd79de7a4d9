import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type List, readPages } from './read-pages.ts'

test('readPages() asks for the next page before it goes through one, and holds what is kept only', async () => {
  const seen: string[] = []
  const page = async (limit?: number, token = ''): Promise<List<string>> => {
    seen.push(`page ${token} of ${limit}`)
    return token === 'more'
      ? { metadata: { resourceVersion: '7' }, items: ['c'] }
      : { metadata: { resourceVersion: '7', continue: 'more' }, items: ['a', 'b'] }
  }
  const keep = (item: string) => {
    seen.push(item)
    return item.toUpperCase()
  }
  assert.deepEqual(await readPages(page, keep), { items: ['A', 'B', 'C'], resourceVersion: '7' })
  assert.deepEqual(seen, ['page  of 500', 'page more of 500', 'a', 'b', 'c'])
})

test('readPages() takes a list without items, as an empty one is sent', async () => {
  const page = async () => ({ metadata: { resourceVersion: '3' }, items: null })
  assert.deepEqual(await readPages(page, (item) => item), { items: [], resourceVersion: '3' })
})
