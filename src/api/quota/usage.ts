/** What one object takes of a quota. Source: pkg/quota/v1/evaluator/core and apiserver quota/v1/generic. */
import type { Pod, Service } from '../core.ts'
import { isExtended, isHugePages } from '../kinds/resource-name-validation.ts'
import type { KubernetesObject } from '../meta.ts'
import { persistentVolumeClaims, pods, type Resource, services } from '../resources.ts'
import type { PersistentVolumeClaim } from '../volumes.ts'
import { type Amounts, parseAmounts, whole } from './amounts.ts'
import { podAmounts } from './pod-amounts.ts'

type Named = Pick<Resource, 'group' | 'plural'>

/** Kinds of the core group that are counted by their plain name too. */
const PLAIN = [
  'configmaps',
  'secrets',
  'resourcequotas',
  'replicationcontrollers',
  'persistentvolumeclaims',
  'services',
]

/** What is never counted: events, and what is not stored (kubeapiserver quota/v1/install/registry.go). */
const IGNORED = new Set(['events', 'bindings', 'localsubjectaccessreviews'])

export const isCounted = ({ plural, namespaced }: Resource): boolean =>
  namespaced && !IGNORED.has(plural)

/** `count/deployments.apps`, `count/pods` */
export const countName = ({ group, plural }: Named): string =>
  `count/${plural}${group === '' ? '' : `.${group}`}`

const is = ({ group, plural }: Named, other: Resource) =>
  group === other.group && plural === other.plural

/** @param now Milliseconds since 1970: a pod that should have ended by now takes no resources. */
export function usageOf(resource: Named, object: KubernetesObject, now: number): Amounts {
  const counted = { [countName(resource)]: whole(1) }
  if (is(resource, pods)) {
    const pod = object as Pod
    return isOver(pod, now) ? counted : { ...counted, ...usageOfPod(pod) }
  }
  const plain = resource.group === '' && PLAIN.includes(resource.plural)
  const usage = plain ? { ...counted, [resource.plural]: whole(1) } : counted
  if (is(resource, services)) return { ...usage, ...usageOfService(object as Service) }
  if (is(resource, persistentVolumeClaims))
    return { ...usage, ...usageOfClaim(object as PersistentVolumeClaim) }
  return usage
}

const COMPUTE = new Set(
  ['cpu', 'memory', 'ephemeral-storage'].flatMap((name) => [
    name,
    `requests.${name}`,
    `limits.${name}`,
  ]),
)
const STORAGE_CLASS = '.storageclass.storage.k8s.io/'

/** Whether objects of the resource can take any of what has this name in a quota. */
export function isTakenBy(resource: Named, name: string): boolean {
  if (name === countName(resource)) return true
  if (is(resource, pods)) {
    const base = name.replace(/^requests\./, '')
    return name === 'pods' || COMPUTE.has(name) || isHugePages(base) || isRequestOfExtended(name)
  }
  if (resource.group === '' && name === resource.plural && PLAIN.includes(name)) return true
  if (is(resource, services)) return /^services\.(nodeports|loadbalancers)$/.test(name)
  return (
    is(resource, persistentVolumeClaims) &&
    (name === 'requests.storage' || name.includes(STORAGE_CLASS))
  )
}

const isRequestOfExtended = (name: string) =>
  name.startsWith('requests.') && name.includes('/') && isExtended(name.replace('requests.', ''))

/** How long after its grace a pod that still is there counts, so that its end is what frees its share, not the clock. */
const LEEWAY_MS = 10_000

function isOver({ metadata, status }: Pod, now: number): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return true
  const { deletionTimestamp } = metadata // when the grace ends
  return deletionTimestamp !== undefined && Date.parse(deletionTimestamp) + LEEWAY_MS < now
}

const usageOfPod = ({ spec }: Pod): Amounts =>
  computeUsage(podAmounts(spec, 'requests'), podAmounts(spec, 'limits'))

/** By the names that quotas have for requests and limits. */
export function computeUsage(requests: Amounts, limits: Amounts): Amounts {
  const entries = Object.entries(requests).flatMap(([name, amount]) => {
    const asked = [`requests.${name}`, amount] as const
    if (COMPUTE.has(name) || isHugePages(name)) return [[name, amount] as const, asked]
    return isExtended(name) ? [asked] : []
  })
  const limited = Object.entries(limits)
    .filter(([name]) => COMPUTE.has(name))
    .map(([name, amount]) => [`limits.${name}`, amount] as const)
  return { pods: whole(1), ...Object.fromEntries([...entries, ...limited]) }
}

function usageOfService({ spec }: Service): Amounts {
  const { type, ports = [], allocateLoadBalancerNodePorts = true } = spec
  const isBalanced = type === 'LoadBalancer'
  const asked = ports.filter(({ nodePort = 0 }) => nodePort !== 0)
  const counts = type === 'NodePort' || (isBalanced && allocateLoadBalancerNodePorts)
  const nodePorts = counts ? ports.length : isBalanced ? asked.length : 0
  return {
    'services.nodeports': whole(nodePorts),
    'services.loadbalancers': whole(isBalanced ? 1 : 0),
  }
}

const OLD_CLASS = 'volume.beta.kubernetes.io/storage-class'

function usageOfClaim({ metadata, spec, status }: PersistentVolumeClaim): Amounts {
  const name = metadata.annotations?.[OLD_CLASS] ?? spec?.storageClassName ?? ''
  const asked = parseAmounts(spec?.resources?.requests).storage
  const allocated = parseAmounts(status?.allocatedResources).storage
  const storage = asked && allocated && allocated.nanos > asked.nanos ? allocated : asked
  const ofClass = `${name}${STORAGE_CLASS}`
  return {
    ...(storage ? { 'requests.storage': storage } : {}),
    ...(name === '' ? {} : { [`${ofClass}persistentvolumeclaims`]: whole(1) }),
    ...(name !== '' && storage ? { [`${ofClass}requests.storage`]: storage } : {}),
  }
}
