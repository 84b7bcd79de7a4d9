import type { JSONObject } from '../json.ts'
import type { GroupVersionKind } from '../schema/schema.ts'
import { schemaTypeOf } from '../schema/schema.ts'
import { typeNameOf } from './custom-schemas.ts'
import { ANY_TYPE, JSON_TYPE, planOperation } from './operation.ts'
import { connectParameters, patchParameters, pretty, writeParameters } from './parameters.ts'
import { capitalise, type Place, planAddress } from './paths.ts'
import { bodyFor, patchBody } from './verb-plans.ts'

/** The kinds of subresources that are not about the object itself. */
export const subresourceKinds: Readonly<Record<string, GroupVersionKind>> = {
  binding: { group: '', version: 'v1', kind: 'Binding' },
  eviction: { group: 'policy', version: 'v1', kind: 'Eviction' },
  scale: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
  token: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
}
const created = ['binding', 'eviction', 'token']
const connected = ['attach', 'exec', 'portforward', 'proxy']
const streamMethods = ['get', 'post']
const proxyMethods = ['delete', 'get', 'head', 'options', 'patch', 'post', 'put']

/** The addresses of a subresource: mostly one, two for a proxy. */
export function planSubresource(place: Place, name: string): JSONObject {
  const path = `${place.item}/${name}`
  if (connected.includes(name)) return planConnect(place, name, path)
  if (name === 'log') return planLog(place, path)
  const shared = [...place.itemParameters, pretty]
  if (created.includes(name)) {
    return planAddress(path, { post: planBy(place, name, 'create', writeParameters) }, shared)
  }
  if (name === 'finalize') {
    return planAddress(path, { put: planBy(place, name, 'replace', writeParameters) }, shared)
  }
  const methods = {
    get: planBy(place, name, 'read'),
    put: planBy(place, name, 'replace', writeParameters),
    patch: planBy(place, name, 'patch', patchParameters),
  }
  return planAddress(path, methods, shared)
}

const actions = { create: 'post', read: 'get', replace: 'put', patch: 'patch' } as const
const codes = { create: [200, 201, 202], read: [200], replace: [200, 201], patch: [200, 201] }

function planBy(
  { spec, tag, idPrefix, idName }: Place,
  name: string,
  verb: keyof typeof actions,
  parameters: readonly JSONObject[] = [],
): JSONObject {
  const { group, version, kind } = spec.resource
  const other = subresourceKinds[name]
  const of = other ?? { group, version, kind }
  const type = other ? schemaTypeOf(other)!.name : typeNameOf(spec)
  const body = verb === 'patch' ? bodyFor(spec, patchBody) : { schema: type, types: [ANY_TYPE] }
  return planOperation({
    action: actions[verb],
    operationId: `${verb}${idPrefix}${idName}${capitalise(name)}`,
    description: `${capitalise(verb)} the ${name} of a ${kind}.`,
    tag,
    kind: of,
    answer: type,
    codes: codes[verb],
    ...(verb === 'read' ? {} : { body }),
    parameters,
  })
}

function planLog({ spec, tag, idPrefix, idName, itemParameters }: Place, path: string): JSONObject {
  const { group, version, kind } = spec.resource
  const get = planOperation({
    action: 'get',
    operationId: `read${idPrefix}${idName}Log`,
    description: `Read the log of a ${kind}.`,
    tag,
    kind: { group, version, kind },
    answer: 'text',
    answerTypes: ['text/plain', JSON_TYPE],
  })
  return planAddress(path, { get }, [...itemParameters, ...connectParameters.log!])
}

function planConnect(place: Place, name: string, path: string): JSONObject {
  const parameters = [...place.itemParameters, ...connectParameters[name]!]
  const isProxy = name === 'proxy'
  const methods = (suffix: string) =>
    Object.fromEntries(
      (isProxy ? proxyMethods : streamMethods).map((method) => [
        method,
        planStream(place, name, method, suffix),
      ]),
    )
  return {
    ...planAddress(path, methods(''), parameters),
    ...(isProxy
      ? planAddress(`${path}/{path}`, methods('WithPath'), [...parameters, pathParameter])
      : {}),
  }
}

const pathParameter: JSONObject = {
  name: 'path',
  in: 'path',
  description: 'Path of the request to send on.',
  required: true,
  schema: { type: 'string', uniqueItems: true },
}

function planStream(place: Place, name: string, method: string, suffix: string): JSONObject {
  const { spec, tag, idPrefix, idName } = place
  const { group, version, kind } = spec.resource
  const options = `${kind}${name === 'portforward' ? 'PortForward' : capitalise(name)}Options`
  return planOperation({
    action: 'connect',
    operationId: `connect${idPrefix}${capitalise(method)}${idName}${capitalise(name)}${suffix}`,
    description: `Connect to the ${name} of a ${kind}.`,
    tag,
    kind: { group, version, kind: options },
    answer: 'text',
    answerTypes: [ANY_TYPE],
  })
}
