import type { JSONObject, JSONValue } from '../json.ts'
import type { KindSpec } from '../kinds/kind-spec.ts'
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

/** Where a kind is served, and what each address takes and gives. */
export function planPaths(kind: KindSpec): JSONObject {
  const { plural, namespaced } = kind.resource
  const base = `/${groupVersionPath(kind)}`
  const collection = namespaced ? `${base}/namespaces/{namespace}/${plural}` : `${base}/${plural}`
  const item = `${collection}/{name}`
  const scope = namespaced ? [inPath('namespace')] : []
  const operate = operations(kind)
  return {
    ...(namespaced ? { [`${base}/${plural}`]: { get: operate.list } } : {}),
    [collection]: { get: operate.list, post: operate.post, parameters: [...scope] },
    [item]: {
      get: operate.get,
      put: operate.put,
      patch: operate.patch,
      delete: operate.delete,
      parameters: [inPath('name'), ...scope],
    },
    ...(kind.subresources.includes('status')
      ? {
          [`${item}/status`]: {
            get: operate.get,
            put: operate.put,
            patch: operate.patch,
            parameters: [inPath('name'), ...scope],
          },
        }
      : {}),
  }
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
  return {
    list: operation('list', parameters(listParameters), `${of}List`),
    get: operation('get', {}),
    post: write('post', whole),
    put: write('put', whole),
    patch: write('patch', body(patchTypes, { type: 'object' })),
    delete: operation('delete', parameters(deleteParameters), 'meta.v1.Status'),
  }
}
