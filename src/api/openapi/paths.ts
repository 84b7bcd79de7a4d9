import type { JSONObject, JSONValue } from '../json.ts'
import { type KindSpec, VERBS, type Verb } from '../kinds/kind-spec.ts'
import { schemaTypeOf } from '../schema/schema.ts'
import { referTo } from './component-schemas.ts'

const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
]

const inQuery = (name: string, type = 'string'): JSONObject => ({
  name,
  in: 'query',
  schema: { type, uniqueItems: true },
})
const inPath = (name: string): JSONObject => ({ ...inQuery(name), in: 'path', required: true })

/** kubectl looks for the last two before it asks for a dry run or for field validation. */
const writeParameters = [
  inQuery('pretty'),
  inQuery('fieldManager'),
  inQuery('dryRun'),
  inQuery('fieldValidation'),
]
const listParameters = [
  ...['allowWatchBookmarks', 'sendInitialEvents', 'watch'].map((name) => inQuery(name, 'boolean')),
  ...['continue', 'fieldSelector', 'labelSelector', 'resourceVersion', 'resourceVersionMatch'].map(
    (name) => inQuery(name),
  ),
  ...['limit', 'timeoutSeconds'].map((name) => inQuery(name, 'integer')),
]
const deleteParameters = [
  inQuery('dryRun'),
  inQuery('gracePeriodSeconds', 'integer'),
  inQuery('propagationPolicy'),
]

/** `api/v1` or `apis/apps/v1`. */
export function groupVersionPath({ resource: { group, version } }: KindSpec): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`
}

/** By method; what the kind does not serve is undefined. */
type Operations = Readonly<Record<string, JSONObject | undefined>>

/** Where a kind is served, and what each address takes and gives. */
export function planPaths(kind: KindSpec): JSONObject {
  const { plural, namespaced } = kind.resource
  const base = `/${groupVersionPath(kind)}`
  const collection = namespaced ? `${base}/namespaces/{namespace}/${plural}` : `${base}/${plural}`
  const item = `${collection}/{name}`
  const scope = namespaced ? [inPath('namespace')] : []
  const named = [inPath('name'), ...scope]
  const { list, get, create, update, patch, delete: remove } = operations(kind)
  const status = kind.subresources.includes('status') ? { get, put: update, patch } : {}
  const paths: readonly (readonly [string, Operations, JSONValue[]])[] = [
    [`${base}/${plural}`, { get: list }, []], // where that is the collection, the next takes its place
    [collection, { get: list, post: create }, scope],
    [item, { get, put: update, patch, delete: remove }, named],
    [`${item}/status`, status, named],
  ]
  return Object.fromEntries(
    paths.flatMap(([path, operations, parameters]) => {
      const served = Object.entries(operations).filter(([, one]) => one !== undefined)
      const rest = parameters.length > 0 ? { parameters } : {}
      return served.length > 0 ? [[path, { ...Object.fromEntries(served), ...rest }]] : []
    }),
  )
}

function operations(kind: KindSpec) {
  const { group, version, kind: name } = kind.resource
  const of = schemaTypeOf({ group, version, kind: name })!.name
  const answer = (type: string): JSONObject => ({
    '200': { description: 'OK', content: { 'application/json': { schema: referTo(type) } } },
  })
  const body = (types: readonly string[], schema: JSONObject): JSONObject => ({
    content: Object.fromEntries(types.map((type) => [type, { schema }])),
  })
  const operation = (action: string, rest: JSONObject, type = of): JSONObject => ({
    ...rest,
    responses: answer(type),
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group, kind: name, version },
  })
  const write = (action: string, requestBody: JSONObject) =>
    operation(action, { parameters: [...writeParameters], requestBody })
  const whole = body(['*/*'], referTo(of))
  const parameters = (list: readonly JSONValue[]): JSONObject => ({ parameters: [...list] })
  const all: Readonly<Partial<Record<Verb, JSONObject>>> = {
    list: operation('list', parameters(listParameters), `${of}List`),
    get: operation('get', {}),
    create: write('post', whole),
    update: write('put', whole),
    patch: write('patch', body(patchTypes, { type: 'object' })),
    delete: operation('delete', parameters(deleteParameters), 'meta.v1.Status'),
  }
  const { verbs = VERBS } = kind
  return Object.fromEntries(verbs.map((verb) => [verb, all[verb]])) as typeof all
}
