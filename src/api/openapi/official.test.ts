/** Our OpenAPI v2 document compared with the one that upstream publishes, but for its words. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { suite, test } from 'node:test'
import { isJSONObject, type JSONObject, type JSONValue } from '../json.ts'
import { kinds } from '../kinds/kinds.ts'
import { loadDescriptions } from '../schema/descriptions.ts'
import { schemaType, schemaTypeNames } from '../schema/schema.ts'
import { planComponentSchemas } from './component-schemas.ts'
import { toDefinitions, toPathsV2 } from './downgrade.ts'
import { planPaths } from './paths.ts'
import { planRootDocument, rootPaths } from './root-documents.ts'

const shared = process.env.FAIRLEAD_SHARED ?? resolve(import.meta.dirname, '../../../../shared')
const file = resolve(shared, 'data/kubernetes-openapi-v2.json')

/** Content types that kube-apiserver speaks and we do not, and a parameter of a feature in alpha. */
const foreignTypes = /yaml$|protobuf(;stream=watch)?$|cbor(-seq)?$/
const foreignParameters = ['shardSelector']

suite('the official API description', () => {
  if (!existsSync(file)) {
    console.error(
      `NOT RUN: the comparison needs ${file} (FAIRLEAD_SHARED names its parent's parent)`,
    )
    return
  }
  const official = JSON.parse(readFileSync(file, 'utf8')) as JSONObject

  test('defines every type as we do', () => {
    const roots = schemaTypeNames().filter((name) => schemaType(name).gvk)
    const descriptions = loadDescriptions()
    const ours = toDefinitions(planComponentSchemas(roots, { descriptions, groupVersions: [] }))
    const names = Object.keys(ours)
    assert.ok(names.length > 400)
    for (const name of names) {
      const theirs = comparable((official.definitions as JSONObject)[name]!)
      const mine = comparable(ours[name]!)
      if (name.endsWith('.DeleteOptions')) {
        // Theirs names each group version there ever was.
        delete (theirs as JSONObject)['x-kubernetes-group-version-kind']
        delete (mine as JSONObject)['x-kubernetes-group-version-kind']
      }
      assert.deepEqual(mine, theirs, name)
    }
  })

  test('describes every address as we do', () => {
    for (const kind of kinds) {
      for (const [path, planned] of Object.entries(toPathsV2(planPaths(kind)))) {
        const found = (official.paths as JSONObject)[path]
        assert.ok(found, path)
        const [ours, theirs] = [planned, resolveParameters(found)].map((each) =>
          comparable(each),
        ) as JSONObject[]
        if (kind.verbs) assert.deepEqual(spread(ours!), pick(spread(theirs!), ours!), path)
        else assert.deepEqual(ours, theirs, path)
      }
    }
  })

  test('describes what lies above the group versions as we do', () => {
    const places = rootPaths(kinds)
    assert.ok(places.length > 15)
    for (const place of places) {
      const { paths, schemas } = planRootDocument(place, kinds)!
      for (const [path, planned] of Object.entries(toPathsV2(paths))) {
        const withoutTypes = (found: JSONValue) => {
          const { consumes: _, produces: __, ...get } = (found as JSONObject).get as JSONObject
          return comparable(get)
        }
        const found = (official.paths as JSONObject)[path]
        assert.ok(found, path)
        assert.deepEqual(withoutTypes(planned), withoutTypes(found), path)
      }
      for (const [name, schema] of Object.entries(toDefinitions(schemas)))
        assert.deepEqual(
          comparable(schema),
          comparable((official.definitions as JSONObject)[name]!),
          name,
        )
    }
  })

  /** `{$ref: '#/parameters/…'}` → what stands there. */
  function resolveParameters(value: JSONValue): JSONValue {
    if (Array.isArray(value)) return value.map(resolveParameters)
    if (!isJSONObject(value)) return value
    if (typeof value.$ref === 'string' && value.$ref.startsWith('#/parameters/')) {
      return (official.parameters as JSONObject)[value.$ref.slice('#/parameters/'.length)]!
    }
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, resolveParameters(item)]),
    )
  }
})

/** A kind that is only read has fewer methods: each is compared with all that it takes. */
function spread({ parameters = [], ...methods }: JSONObject): JSONObject {
  const all = Object.entries(methods).map(([name, method]) => {
    const { parameters: own = [], ...rest } = method as JSONObject
    const list = [...(own as JSONValue[]), ...(parameters as JSONValue[])]
    return [name, { ...rest, parameters: comparable(list) }]
  })
  return Object.fromEntries(all)
}

const pick = (object: JSONObject, like: JSONObject): JSONObject =>
  Object.fromEntries(Object.entries(object).filter(([key]) => key in like))

/** Without words, and lists whose order means nothing in order. */
function comparable(value: JSONValue, key = ''): JSONValue {
  if (Array.isArray(value)) {
    const items = value.filter((item) => !isForeign(key, item)).map((item) => comparable(item))
    const isOrdered = key === 'x-kubernetes-list-map-keys'
    return isOrdered
      ? items
      : items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  }
  if (!isJSONObject(value)) return value
  const isWords = (name: string, item: JSONValue) =>
    name === 'description' && typeof item === 'string' && !('code' in value)
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, item]) => !isWords(name, item))
      .map(([name, item]) => [name, comparable(item, name)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

function isForeign(key: string, item: JSONValue): boolean {
  if (key === 'consumes' || key === 'produces')
    return foreignTypes.test(item as string) && item !== 'application/apply-patch+yaml'
  if (key !== 'parameters' || !isJSONObject(item)) return false
  return foreignParameters.includes(item.name as string)
}
