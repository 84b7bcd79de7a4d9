import type { Namespace, Pod } from '#api/core.ts'
import { equalJSON } from '#api/json.ts'
import type { KubernetesObject } from '#api/meta.ts'
import type { PodLike } from '#api/pod-security/check.ts'
import { evaluatePod, formatDetails, formatReasons } from '#api/pod-security/evaluate-pod.ts'
import {
  compareLevels,
  formatLevel,
  type LevelVersion,
  type Policy,
  readPolicy,
} from '#api/pod-security/policy.ts'
import { namespaces, pods, type Resource } from '#api/resources.ts'
import { forbidden, invalid } from '#api/status.ts'
import type { Admission, AdmissionRequest, StoredObjects } from './admission.ts'
import { followCache } from './follow-cache.ts'

/** What says of itself what else it asks a pod for, besides the whole of it. */
const HARMLESS = new Set([
  'exec',
  'attach',
  'binding',
  'eviction',
  'log',
  'portforward',
  'proxy',
  'status',
])
/** Of a namespace that becomes stricter: more pods are not looked at. */
const MAX_CHECKED = 3000

/**
 * The Pod Security Standards, by the labels of namespaces: nothing is asked of pods where there are none.
 * Source: k8s.io/pod-security-admission v0.36 admission/admission.go.
 */
export function createPodSecurity(): Admission {
  const cache = followCache<Namespace>(namespaces)
  let stored: StoredObjects | undefined

  /** One made a moment ago may not be told of yet. */
  async function policyFor(name: string): Promise<Policy> {
    const known = cache.list().find(({ metadata }) => metadata.name === name)
    const namespace = known ?? (await stored?.get(namespaces, { name }))
    return readPolicy(namespace?.metadata.labels).policy
  }

  async function checkPods(request: AdmissionRequest): Promise<void> {
    const { resource, object, operation, old, subresource = '', warn } = request
    const isPod = resource.plural === pods.plural
    if (isPod ? HARMLESS.has(subresource) : subresource !== '') return
    const { enforce, warn: warned } = await policyFor(object.metadata.namespace ?? '')
    if (warned.level === 'privileged' && (!isPod || enforce.level === 'privileged')) return
    if (isPod && operation === 'UPDATE' && isInsignificant(object as Pod, old as Pod)) return
    const pod = podOf(object)
    if (!pod) return
    if (isPod) refuse(pod, enforce, request)
    const violations = evaluatePod(warned, pod)
    if (violations.length === 0) return
    warn?.(`would violate PodSecurity "${formatLevel(warned)}": ${formatDetails(violations)}`)
  }

  async function checkNamespace({ operation, object, old, warn }: AdmissionRequest): Promise<void> {
    const { policy, errors } = readPolicy(object.metadata.labels)
    const before = readPolicy(old?.metadata.labels)
    if (errors.length > 0 && !equalJSON(errors as never, before.errors as never)) {
      throw invalid(namespaces, object.metadata.name, errors)
    }
    if (operation !== 'UPDATE' || !isStricter(policy.enforce, before.policy.enforce)) return
    const all = (await stored?.list(pods)) ?? []
    const own = all.filter(({ metadata }) => metadata.namespace === object.metadata.name)
    for (const text of describeBreaches(own, policy.enforce, object.metadata.name)) warn?.(text)
  }

  return {
    async start(objects) {
      stored = objects
      await cache.start(objects)
    },
    stop: cache.stop,
    admit: ({ object }) => ({ object }),
    async check(request) {
      const { resource, operation, subresource } = request
      if (operation === 'DELETE') return undefined
      if (resource.plural === namespaces.plural && resource.group === '') {
        if (subresource === undefined) await checkNamespace(request)
      } else if (JUDGED.has(keyOf(resource))) await checkPods(request)
      return undefined
    },
  }
}

const keyOf = ({ group, plural }: Resource) => `${group}/${plural}`

/** Pods, and what makes them. */
const JUDGED = new Set([
  '/pods',
  '/podtemplates',
  '/replicationcontrollers',
  'apps/daemonsets',
  'apps/deployments',
  'apps/replicasets',
  'apps/statefulsets',
  'batch/cronjobs',
  'batch/jobs',
])

interface Maker extends KubernetesObject {
  readonly template?: PodLike
  readonly spec?: {
    readonly template?: PodLike
    readonly jobTemplate?: { readonly spec?: { readonly template?: PodLike } }
  }
}

function podOf(object: KubernetesObject): PodLike | undefined {
  if (object.kind === 'Pod') return object as Pod
  const { template, spec } = object as Maker
  return template ?? spec?.template ?? spec?.jobTemplate?.spec?.template
}

/** @throws StatusError 403 */
function refuse(pod: PodLike, enforce: LevelVersion, { object }: AdmissionRequest): void {
  const violations = evaluatePod(enforce, pod)
  if (violations.length === 0) return
  const why = `violates PodSecurity "${formatLevel(enforce)}": ${formatDetails(violations)}`
  throw forbidden(pods, object.metadata.name, why)
}

/** Of what is judged, an update of a pod can change images only. */
function isInsignificant({ spec }: Pod, { spec: old }: Pod): boolean {
  const lists = ['initContainers', 'containers', 'ephemeralContainers'] as const
  return lists.every((list) => {
    const before = old[list] ?? []
    const now = spec[list] ?? []
    return (
      now.length === before.length &&
      now.every(({ name, image }, i) => name === before[i]?.name && image === before[i]?.image)
    )
  })
}

function isStricter(now: LevelVersion, before: LevelVersion): boolean {
  if (now.level === 'privileged') return false
  if (now.minor !== before.minor) return true
  return compareLevels(now.level, before.level) > 0
}

/** What a namespace's pods do that its new level forbids: those of one controller are alike, so that one of each comes first. */
function describeBreaches(all: readonly Pod[], level: LevelVersion, namespace: string): string[] {
  const checked = oneOfEachFirst(all).slice(0, MAX_CHECKED)
  const names = new Map<string, string[]>()
  for (const pod of checked) {
    const violations = evaluatePod(level, pod)
    if (violations.length === 0) continue
    const reasons = formatReasons(violations)
    names.set(reasons, [...(names.get(reasons) ?? []), pod.metadata.name])
  }
  const lines = [...names].map(([reasons, [...found]]) => {
    const [first = ''] = found.toSorted()
    const others = found.length - 1
    const more = others === 0 ? '' : ` (and ${others} other pod${others === 1 ? '' : 's'})`
    return `${first}${more}: ${reasons}`
  })
  const partly = `new PodSecurity enforce level only checked against the first ${checked.length} of ${all.length} existing pods`
  const head = `existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${formatLevel(level)}"`
  return [
    ...(checked.length < all.length ? [partly] : []),
    ...(lines.length > 0 ? [head, ...lines.toSorted()] : []),
  ]
}

function oneOfEachFirst(all: readonly Pod[]): readonly Pod[] {
  const seen = new Set<string>()
  const isLater = ({ metadata }: Pod): boolean => {
    const uid = metadata.ownerReferences?.find(({ controller }) => controller)?.uid
    if (uid === undefined) return false
    const known = seen.has(uid)
    seen.add(uid)
    return known
  }
  const { first = [], later = [] } = Object.groupBy(all, (pod) =>
    isLater(pod) ? 'later' : 'first',
  )
  return [...first, ...later]
}
