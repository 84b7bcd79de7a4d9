import type { Container, Pod } from '#api/core.ts'
import type { LimitRange, LimitRangeItem } from '#api/limits.ts'
import { formatQuantity, parseQuantity } from '#api/quantity.ts'
import { limitRanges, pods } from '#api/resources.ts'
import { forbidden } from '#api/status.ts'
import type { Admission } from './admission.ts'

type ResourceList = Readonly<Record<string, string>>
type List = () => Promise<readonly LimitRange[]>

const ANNOTATION = 'kubernetes.io/limit-ranger'
/** How long ranges are kept that another server may have changed. */
const FRESH_MS = 1000

/** Gives containers their namespace's defaults, and holds them and their pods to its limits. Source: plugin/pkg/admission/limitranger. */
export function createLimitRanger(): Admission {
  let list: List = async () => []
  let known: readonly LimitRange[] | undefined
  let until = 0
  const forget = () => {
    known = undefined
  }

  async function rangesOf(namespace: string | undefined): Promise<readonly LimitRange[]> {
    if (!known || performance.now() >= until) {
      known = await list()
      until = performance.now() + FRESH_MS
    }
    return known.filter(({ metadata }) => metadata.namespace === namespace)
  }

  return {
    async start(objects) {
      list = () => objects.list(limitRanges)
    },
    async admit({ operation, resource, object, subresource }) {
      if (resource.plural === limitRanges.plural) return { object, settle: forget }
      if (resource.plural !== pods.plural || operation !== 'CREATE' || subresource)
        return { object }
      const ranges = await rangesOf(object.metadata.namespace)
      if (ranges.length === 0) return { object }
      const items = ranges.flatMap(({ spec }) => spec?.limits ?? [])
      const pod = withDefaults(object as Pod, items)
      const broken = items.flatMap((item) => checkItem(pod, item))
      if (broken.length === 0) return { object: pod }
      const why = [...new Set(broken)]
      throw forbidden(pods, pod.metadata.name, why.length === 1 ? why[0]! : `[${why.join(', ')}]`)
    },
  }
}

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

function checkItem({ spec }: Pod, item: LimitRangeItem): readonly string[] {
  const all = [...(spec.initContainers ?? []), ...spec.containers].map(usageOf)
  if (item.type === 'Container') return all.flatMap((usage) => checkUsage(usage, item))
  if (item.type !== 'Pod') return []
  return checkUsage(sumOf(spec.containers.map(usageOf)), item)
}

function checkUsage({ requests, limits }: Usage, item: LimitRangeItem): readonly string[] {
  const { type, min = {}, max = {}, maxLimitRequestRatio: ratios = {} } = item
  const found: (string | undefined)[] = []
  for (const [key, least] of sorted(min)) {
    const words = `minimum ${key} usage per ${type} is ${least}`
    const [request, limit] = [requests[key], limits[key]]
    if (request === undefined) found.push(`${words}.  No request is specified`)
    else if (nanos(request) < nanos(least)) found.push(`${words}, but request is ${request}`)
    else if (limit !== undefined && nanos(limit) < nanos(least))
      found.push(`${words}, but limit is ${limit}`)
  }
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

/** A sum of what every container says; what one of them leaves open has none. */
function sumOf(all: readonly Usage[]): Usage {
  const total = (lists: readonly ResourceList[]): ResourceList => {
    const keys = Object.keys(lists[0] ?? {}).filter((key) =>
      lists.every((list) => Object.hasOwn(list, key)),
    )
    return Object.fromEntries(
      keys.map((key) => {
        const sum = lists.reduce((whole, list) => whole + nanos(list[key]!), 0n)
        return [key, formatQuantity({ nanos: sum, format: 'DecimalSI' })]
      }),
    )
  }
  return {
    requests: total(all.map(({ requests }) => requests)),
    limits: total(all.map(({ limits }) => limits)),
  }
}
