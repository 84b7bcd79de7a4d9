import { type Subresource, VERBS, type Verb } from '#api/kinds/kind-spec.ts'
import type { Resource } from '#api/resources.ts'
import { methodNotAllowed, methodNotServed, notFound, unknownPath } from '#api/status.ts'
import type { Answer } from '../http/answer.ts'
import { isTrue } from './list-options.ts'
import type { RESTDeps, RESTRequest } from './request.ts'
import { create } from './verbs/create.ts'
import { remove } from './verbs/delete.ts'
import { deleteCollection } from './verbs/delete-collection.ts'
import { get } from './verbs/get.ts'
import { list } from './verbs/list.ts'
import { patch } from './verbs/patch.ts'
import { update } from './verbs/update.ts'
import { watch } from './watch/watch.ts'

type Handler = (request: RESTRequest, deps: RESTDeps) => Promise<Answer>
type Handlers = Readonly<Partial<Record<Verb, Handler>>>

const collection: Handlers = { list, watch, create, deletecollection: deleteCollection }
const single: Handlers = { get, watch, update, patch, delete: remove }

/** Loaded when first used: most of a server's life goes by without them. */
const subresources: Readonly<Partial<Record<Subresource, () => Promise<Handlers>>>> = {
  status: async () => ({ get, update, patch }),
  scale: async () => (await import('./subresources/scale.ts')).scale,
  log: async () => (await import('./subresources/log.ts')).log,
  binding: async () => (await import('./subresources/binding.ts')).binding,
  eviction: async () => (await import('./subresources/eviction.ts')).eviction,
  approval: async () => (await import('./subresources/approval.ts')).approval,
  token: async () => (await import('./subresources/token.ts')).token,
  exec: async () => (await import('./subresources/stream.ts')).exec,
  attach: async () => (await import('./subresources/stream.ts')).attach,
  ephemeralcontainers: async () =>
    (await import('./subresources/pod-parts.ts')).ephemeralContainers,
  resize: async () => (await import('./subresources/pod-parts.ts')).resize,
  proxy: async () => (await import('./subresources/proxy/proxy.ts')).proxy,
  portforward: async () => (await import('./subresources/stream.ts')).portforward,
  finalize: async () => (await import('./subresources/finalize.ts')).finalize,
}

/** Kinds that are questions or orders, and never stored, by group and plural. */
const reviews: Readonly<Record<string, () => Promise<Handler>>> = {
  '/bindings': async () => (await import('./subresources/binding.ts')).bindingByName.create,
  'authentication.k8s.io/tokenreviews': async () =>
    (await import('./reviews/token-review.ts')).reviewToken,
  'authentication.k8s.io/selfsubjectreviews': async () =>
    (await import('./reviews/token-review.ts')).reviewSelf,
  'authorization.k8s.io/subjectaccessreviews': async () =>
    (await import('./reviews/access-review.ts')).reviewSubject,
  'authorization.k8s.io/localsubjectaccessreviews': async () =>
    (await import('./reviews/access-review.ts')).reviewSubject,
  'authorization.k8s.io/selfsubjectaccessreviews': async () =>
    (await import('./reviews/access-review.ts')).reviewSelfAccess,
  'authorization.k8s.io/selfsubjectrulesreviews': async () =>
    (await import('./reviews/access-review.ts')).reviewSelfRules,
}

/** Asked of what runs, and never stored. */
const components: Readonly<Partial<Record<Verb, () => Promise<Handler>>>> = {
  get: async () => (await import('./component-statuses.ts')).getComponent,
  list: async () => (await import('./component-statuses.ts')).listComponents,
}

export const servedSubresources = Object.keys(subresources) as readonly Subresource[]

/** The verb of a request, as RBAC calls it; undefined for methods that mean nothing here. A proxied program's query is its own. */
export function verbOf(
  method: string,
  hasName: boolean,
  query: URLSearchParams,
  subresource?: string,
): Verb | undefined {
  switch (method) {
    case 'GET':
      if (hasName) return 'get' // one object is watched by a field selector
      return subresource !== 'proxy' && isTrue(query.get('watch')) ? 'watch' : 'list'
    case 'HEAD':
      // Only a proxied program may know more of it.
      return subresource === 'proxy' ? 'get' : undefined
    case 'POST':
      return 'create'
    case 'PUT':
      return 'update'
    case 'PATCH':
      return 'patch'
    case 'DELETE':
      return hasName ? 'delete' : 'deletecollection'
    default:
      return undefined
  }
}

/** @throws StatusError 404, 405 */
export async function findHandler(
  {
    spec,
    name,
    namespace,
    subresource,
  }: Pick<RESTRequest, 'spec' | 'name' | 'namespace' | 'subresource'>,
  verb: Verb | undefined,
): Promise<Handler> {
  const review = verb === 'create' && reviews[`${spec.resource.group}/${spec.resource.plural}`]
  if (review && subresource === undefined && name === '') return review()
  const { resource, verbs = VERBS } = spec
  const ask = verb && resource.kind === 'ComponentStatus' && isCore(resource) && components[verb]
  if (ask && subresource === undefined) return ask()
  if (resource.custom && subresource && !spec.subresources.some((one) => one === subresource))
    throw notFound(resource, name)
  const handlers = await findHandlers(spec.subresources, name, subresource)
  // Across namespaces one may only read and watch.
  const isAcross = resource.namespaced && namespace === undefined
  const handler = verb && handlers[verb]
  // A definition that goes hides some verbs of its kind, which are answered all the same: finalizers must be taken.
  const isWhole = subresource !== undefined || resource.custom !== undefined
  const isOffered = verb && (isWhole || verbs.includes(verb))
  if (handler && isOffered && !(isAcross && (verb === 'create' || verb === 'deletecollection')))
    return handler
  throw resource.custom ? methodNotAllowed(resource, verb ?? 'this method') : methodNotServed()
}

const isCore = ({ group }: Resource) => group === ''

async function findHandlers(
  offered: readonly Subresource[],
  name: string,
  subresource: string | undefined,
): Promise<Handlers> {
  if (subresource === undefined) return name === '' ? collection : single
  const known = offered.find((each) => each === subresource)
  const load = known && subresources[known]
  if (!load) throw unknownPath()
  return load()
}
