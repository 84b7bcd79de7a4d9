import type { Container, Pod } from '#api/core.ts'
import type { LimitRange, LimitRangeItem } from '#api/limits.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { parseQuantity } from '#api/quantity.ts'
import { formatAmounts } from '#api/quota/amounts.ts'
import { podAmounts } from '#api/quota/pod-amounts.ts'
import { limitRanges, persistentVolumeClaims, pods, type Resource } from '#api/resources.ts'
import { forbidden } from '#api/status.ts'
import type { PersistentVolumeClaim } from '#api/volumes.ts'
import type { Admission, AdmissionRequest } from './admission.ts'
import { followCache } from './follow-cache.ts'

type ResourceList = Readonly<Record<string, string>>
const ANNOTATION = 'kubernetes.io/limit-ranger'

/** Gives containers their namespace's defaults, and holds them, their pods and claims of volumes to its limits. Source: plugin/pkg/admission/limitranger. */
export function createLimitRanger(): Admission {
  const ranges = followCache<LimitRange>(limitRanges)

  const itemsFor = ({ metadata: { namespace } }: KubernetesObject) =>
    ranges
      .list()
      .filter(({ metadata }) => metadata.namespace === namespace)
      .flatMap(({ spec }) => spec?.limits ?? [])

  return {
    start: ranges.start,
    stop: ranges.stop,
    async admit({ operation, resource, object, subresource }) {
      if (operation !== 'CREATE' || !isOf(resource, pods) || subresource) return { object }
      return { object: withDefaults(object as Pod, itemsFor(object)) }
    },
    async check(request) {
      const { resource, object } = request
      const broken = new Set(itemsFor(object).flatMap((item) => findBroken(request, item)))
      if (broken.size === 0) return undefined
      const [first = ''] = broken
      const why = broken.size === 1 ? first : `[${[...broken].join(', ')}]`
      throw forbidden(resource, object.metadata.name, why)
    },
  }
}

/** What of a new pod, or of a claim, is outside of its limits. */
function findBroken(
  { operation, resource, object, old, subresource }: AdmissionRequest,
  item: LimitRangeItem,
): readonly string[] {
  if (subresource) return []
  if (isOf(resource, pods)) return operation === 'CREATE' ? checkPod(object as Pod, item) : []
  if (!isOf(resource, persistentVolumeClaims)) return []
  return checkClaim(object as PersistentVolumeClaim, item, old as PersistentVolumeClaim)
}

const isOf = ({ group, plural }: Resource, other: Resource) =>
  group === other.group && plural === other.plural

function withDefaults(pod: Pod, items: readonly LimitRangeItem[]): Pod {
  const ofContainers = items.filter(({ type }) => type === 'Container')
  const limits = Object.assign({}, ...ofContainers.map((item) => item.default)) as ResourceList
  const requests = Object.assign(
    {},
    ...ofContainers.map((item) => item.defaultRequest),
  ) as ResourceList
  const told: string[] = []
  const complete = (kind: string) => (container: Container) => {
    const held = (container.resources ?? {}) as {
      readonly limits?: ResourceList
      readonly requests?: ResourceList
    }
    const missing = (wanted: ResourceList, own: ResourceList = {}) =>
      Object.keys(wanted)
        .filter((key) => !Object.hasOwn(own, key))
        .toSorted()
    const added = {
      request: missing(requests, held.requests),
      limit: missing(limits, held.limits),
    }
    for (const [what, keys] of Object.entries(added))
      if (keys.length > 0) told.push(`${keys.join(', ')} ${what} for ${kind} ${container.name}`)
    if (added.request.length + added.limit.length === 0) return container
    const merged = (wanted: ResourceList, own: ResourceList | undefined) => ({ ...wanted, ...own })
    const resources = {
      ...held,
      ...(Object.keys(limits).length > 0 ? { limits: merged(limits, held.limits) } : {}),
      ...(Object.keys(requests).length > 0 ? { requests: merged(requests, held.requests) } : {}),
    }
    return { ...container, resources }
  }
  const { initContainers } = pod.spec
  const spec = {
    ...pod.spec,
    containers: pod.spec.containers.map(complete('container')),
    ...(initContainers ? { initContainers: initContainers.map(complete('init container')) } : {}),
  }
  if (told.length === 0) return pod
  const annotations = {
    ...pod.metadata.annotations,
    [ANNOTATION]: `LimitRanger plugin set: ${told.join('; ')}`,
  }
  return { ...pod, metadata: { ...pod.metadata, annotations }, spec }
}

interface Usage {
  readonly requests: ResourceList
  readonly limits: ResourceList
}

const usageOf = ({ resources }: Container): Usage => {
  const { requests = {}, limits = {} } = (resources ?? {}) as Partial<Usage>
  return { requests, limits }
}

function checkPod({ spec }: Pod, item: LimitRangeItem): readonly string[] {
  const all = [...spec.containers, ...(spec.initContainers ?? [])].map(usageOf)
  if (item.type === 'Container') return all.flatMap((usage) => checkUsage(usage, item))
  if (item.type !== 'Pod') return []
  const { overhead: _overhead, ...own } = spec // is not the user's to bound
  const sum = (what: 'requests' | 'limits') => formatAmounts(podAmounts(own, what))
  return checkUsage({ requests: sum('requests'), limits: sum('limits') }, item)
}

/** Only what is asked for is held to limits, and on an update only what changes of it. */
function checkClaim(
  { spec }: PersistentVolumeClaim,
  item: LimitRangeItem,
  old: PersistentVolumeClaim | undefined,
): readonly string[] {
  if (item.type !== 'PersistentVolumeClaim') return []
  const requests = spec?.resources?.requests ?? {}
  const held = old?.spec?.resources?.requests ?? {}
  const isKept = (key: string) =>
    requests[key] !== undefined &&
    held[key] !== undefined &&
    nanos(requests[key]) === nanos(held[key])
  const below = sorted(item.min ?? {}).map(([key, least]) =>
    isKept(key) ? undefined : checkLeast(key, least, { requests, limits: {} }, item.type),
  )
  const above = sorted(item.max ?? {}).map(([key, most]) => {
    const words = `maximum ${key} usage per ${item.type} is ${most}`
    const request = requests[key]
    if (isKept(key)) return undefined
    if (request === undefined) return `${words}.  No request is specified`
    return nanos(request) > nanos(most) ? `${words}, but request is ${request}` : undefined
  })
  return [...below, ...above].filter((text) => text !== undefined)
}

function checkLeast(
  key: string,
  least: string,
  { requests, limits }: Usage,
  type: string,
): string | undefined {
  const words = `minimum ${key} usage per ${type} is ${least}`
  const [request, limit] = [requests[key], limits[key]]
  if (request === undefined) return `${words}.  No request is specified`
  if (nanos(request) < nanos(least)) return `${words}, but request is ${request}`
  return limit !== undefined && nanos(limit) < nanos(least)
    ? `${words}, but limit is ${limit}`
    : undefined
}

function checkUsage({ requests, limits }: Usage, item: LimitRangeItem): readonly string[] {
  const { type, min = {}, max = {}, maxLimitRequestRatio: ratios = {} } = item
  const found: (string | undefined)[] = []
  for (const [key, least] of sorted(min))
    found.push(checkLeast(key, least, { requests, limits }, type))
  for (const [key, most] of sorted(max)) {
    const words = `maximum ${key} usage per ${type} is ${most}`
    const [request, limit] = [requests[key], limits[key]]
    if (limit === undefined) found.push(`${words}.  No limit is specified`)
    else if (nanos(limit) > nanos(most)) found.push(`${words}, but limit is ${limit}`)
    else if (request !== undefined && nanos(request) > nanos(most))
      found.push(`${words}, but request is ${request}`)
  }
  for (const [key, ratio] of sorted(ratios)) {
    const words = `${key} max limit to request ratio per ${type} is ${ratio}, but`
    const [request, limit] = [nanos(requests[key] ?? '0'), nanos(limits[key] ?? '0')]
    const share = Number(limit) / Number(request)
    if (request === 0n) found.push(`${words} no request is specified or request is 0`)
    else if (limit === 0n) found.push(`${words} no limit is specified or limit is 0`)
    else if (share > Number(nanos(ratio)) / 1e9)
      found.push(`${words} provided ratio is ${share.toFixed(6)}`)
  }
  return found.filter((text) => text !== undefined)
}

const sorted = (list: ResourceList) => Object.entries(list).toSorted(([a], [b]) => (a < b ? -1 : 1))

function nanos(text: string): bigint {
  const parsed = parseQuantity(text)
  return 'error' in parsed ? 0n : parsed.nanos
}
