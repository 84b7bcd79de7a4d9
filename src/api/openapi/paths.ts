/**
 * Where kinds are served, and what each address takes and gives.
 * Source: api/openapi-spec/swagger.json v1.35, whose names and structure these are; openapi-v2.test.ts compares.
 */
import type { JSONObject, JSONValue } from '../json.ts'
import { type KindSpec, VERBS } from '../kinds/kind-spec.ts'
import { listTypeNameOf, typeNameOf } from './custom-schemas.ts'
import { planOperation } from './operation.ts'
import { inPath, pretty } from './parameters.ts'
import { planSubresource } from './subresource-paths.ts'
import { bodyFor, verbPlans } from './verb-plans.ts'

/** `api/v1` or `apis/apps/v1`. */
export function groupVersionPath({ resource: { group, version } }: KindSpec): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`
}

/** What the operations on a kind have in common. */
export interface Place {
  readonly spec: KindSpec
  /** Of an object, as in `/api/v1/nodes/{name}`. */
  readonly item: string
  /** Parameters of that address. */
  readonly itemParameters: readonly JSONObject[]
  /** `rbacAuthorization_v1` */
  readonly tag: string
  /** `RbacAuthorizationV1`: the middle of an operationId. */
  readonly idPrefix: string
  /** `NamespacedRole`: its end. */
  readonly idName: string
}

export function planPaths(spec: KindSpec): JSONObject {
  const { kind, plural, namespaced } = spec.resource
  const base = `/${groupVersionPath(spec)}`
  const collection = namespaced ? `${base}/namespaces/{namespace}/${plural}` : `${base}/${plural}`
  const scope = namespaced ? [inPath('namespace', 'Namespace of the objects.')] : []
  const place: Place = {
    spec,
    item: `${collection}/{name}`,
    itemParameters: [inPath('name', `Name of the ${kind}.`), ...scope],
    ...namesOf(spec),
    idName: namespaced ? `Namespaced${kind}` : kind,
  }
  return {
    ...(namespaced ? planEverywhere(place, `${base}/${plural}`) : {}),
    ...planAddress(collection, planVerbs(place, 'collection'), [...scope, pretty]),
    ...planAddress(place.item, planVerbs(place, 'item'), [...place.itemParameters, pretty]),
    ...Object.assign({}, ...spec.subresources.map((name) => planSubresource(place, name))),
  }
}

/** An address; what all its methods take belongs to it and not to them. Nothing where it has no method. */
export function planAddress(
  path: string,
  methods: Readonly<Record<string, JSONObject>>,
  parameters: readonly JSONObject[],
): JSONObject {
  const [first, ...others] = Object.values(methods).map(parametersOf)
  if (!first) return {}
  const shared = first.filter((one) => others.every((list) => list.includes(one)))
  const reduced = Object.entries(methods).map(([name, { parameters: _, ...method }]) => {
    const own = parametersOf(methods[name]!).filter((one) => !shared.includes(one))
    return [name, own.length > 0 ? { ...method, parameters: own } : method]
  })
  return { [path]: { ...Object.fromEntries(reduced), parameters: [...parameters, ...shared] } }
}

const parametersOf = ({ parameters = [] }: JSONObject) => parameters as JSONValue[]

/** Objects of all namespaces: listed, and nothing else. */
function planEverywhere(place: Place, path: string): JSONObject {
  const { kind } = place.spec.resource
  const { get } = planVerbs({ ...place, idName: `${kind}ForAllNamespaces` }, 'collection')
  return get ? planAddress(path, { get }, [pretty]) : {}
}

function planVerbs({ spec, tag, idPrefix, idName }: Place, address: 'collection' | 'item') {
  const { group, version, kind } = spec.resource
  const own = typeNameOf(spec)
  const schemas = { own, list: listTypeNameOf(spec), status: 'meta.v1.Status' } as const
  const served = verbPlans.filter(
    (plan) => plan.address === address && (spec.verbs ?? VERBS).includes(plan.verb),
  )
  const methods = served.map((plan) => {
    const { method, action, id, says, codes, answerTypes, body, parameters } = plan
    return [
      method,
      planOperation({
        action,
        tag,
        operationId: id.replace('*', idPrefix) + idName,
        description: says.replace('*', kind),
        kind: { group, version, kind },
        answer: schemas[plan.answer(kind)],
        ...(codes ? { codes } : {}),
        ...(answerTypes ? { answerTypes } : {}),
        ...(body ? { body: { ...bodyFor(spec, body), schema: body.schema ?? own } } : {}),
        parameters,
      }),
    ] as const
  })
  return Object.fromEntries(methods)
}

function namesOf({ resource: { group, version } }: KindSpec): Pick<Place, 'tag' | 'idPrefix'> {
  const words = (group === '' ? 'core' : group.replace(/\.k8s\.io$/, '')).split('.')
  const name = words.map(capitalise).join('')
  const tag = `${name[0]!.toLowerCase()}${name.slice(1)}_${version}`
  return { tag, idPrefix: name + capitalise(version) }
}

export const capitalise = (word: string) => `${word[0]!.toUpperCase()}${word.slice(1)}`
