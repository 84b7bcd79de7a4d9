import type { Client } from './client.ts'
import type { Attempt, Ledger } from './ledger.ts'

export const COLLECTION = '/api/v1/namespaces/default/configmaps'
const OBJECTS_PER_WRITER = 8

let values = 0

/** Creates, updates and deletes objects of its own until the connection breaks or `signal` aborts. */
export async function write(
  writer: number,
  client: Client,
  ledger: Ledger,
  random: () => number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const name = `w${writer}-${Math.floor(random() * OBJECTS_PER_WRITER)}`
    const state = ledger.stateOf(name)
    const isDeletion = state !== undefined && random() < 0.2
    const attempt: Attempt = { name, value: isDeletion ? undefined : `v${++values}` }
    ledger.sent(attempt)
    try {
      const path = state ? `${COLLECTION}/${name}` : COLLECTION
      const method = isDeletion ? 'DELETE' : state ? 'PUT' : 'POST'
      const { code, body } = await client.send(method, path, objectOf(attempt))
      if (code < 300) ledger.confirmed(attempt, Number(body.metadata?.resourceVersion) || undefined)
      // What a server that may have done it answers, is as good as no answer.
      else if (code < 500) throw new UnexpectedAnswer(`${method} ${path}: ${code} ${body.message}`)
      else return
    } catch (error) {
      if (error instanceof UnexpectedAnswer) throw error
      return
    }
  }
}

/** Nobody else writes these objects: a refusal is a mistake of the server's. */
export class UnexpectedAnswer extends Error {}

/** 600 bytes or so more, so that pages of the database fill. */
const PADDING = 'x'.repeat(600)

const objectOf = ({ name, value }: Attempt) =>
  value === undefined
    ? undefined
    : {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, namespace: 'default' },
        data: { value, padding: PADDING },
      }

const MARK = 'mark'

/** Writes what stands for now; nobody checks it. @returns its revision */
export async function makeMark(client: Client): Promise<number> {
  await client.send('DELETE', `${COLLECTION}/${MARK}`)
  const { body } = await client.send('POST', COLLECTION, objectOf({ name: MARK, value: '' }))
  return Number(body.metadata.resourceVersion)
}

/** Follows all objects, from where it stopped, until the connection breaks. */
export async function follow(client: Client, ledger: Ledger, fromRevision: number): Promise<void> {
  const from = Math.max(fromRevision, ledger.lastSeen)
  const query = `watch=true&allowWatchBookmarks=true&resourceVersion=${from}`
  for await (const { type, object } of client.watch(`${COLLECTION}?${query}`)) {
    if (type === 'BOOKMARK') continue
    if (object === undefined || type === 'ERROR')
      throw new Error(`the watch was refused: ${object?.message ?? 'its revision is not there'}`)
    const { name, resourceVersion } = object.metadata
    if (name === MARK) ledger.passed(Number(resourceVersion))
    else
      ledger.heard({
        type,
        name,
        value: object.data.value,
        resourceVersion: Number(resourceVersion),
      })
  }
}

/** What is there now. */
export async function readAll(client: Client) {
  const { code, body } = await client.send('GET', COLLECTION)
  if (code !== 200) throw new Error(`the list was refused: ${code} ${body.message}`)
  const items = body.items as readonly {
    metadata: { name: string; resourceVersion: string }
    data: { value: string }
  }[]
  const listed = new Map(
    items
      .filter(({ metadata: { name } }) => name !== MARK)
      .map(({ metadata: { name, resourceVersion }, data: { value } }) => [
        name,
        { value, resourceVersion: Number(resourceVersion) },
      ]),
  )
  return { listed, revision: Number(body.metadata.resourceVersion) }
}
