import type { Pod } from '#api/core.ts'
import { SYSTEM_PRIORITY_CLASSES } from '#api/kinds/priority-class.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { pods, priorityClasses } from '#api/resources.ts'
import type { PriorityClass } from '#api/scheduling.ts'
import { forbidden } from '#api/status.ts'
import type { Admission, Admitted, StoredObjects } from './admission.ts'
import { followCache } from './follow-cache.ts'

/** Resolves a pod's priority class to its number, and keeps the default class one. Source: plugin/pkg/admission/priority. */
export function createPriority(): Admission {
  const cache = followCache<PriorityClass>(priorityClasses)
  let stored: StoredObjects | undefined

  /** One made a moment ago, by this server or another, may not be told of yet. */
  const find = async (name: string): Promise<PriorityClass | undefined> =>
    cache.list().find(({ metadata }) => metadata.name === name) ??
    (await stored?.get(priorityClasses, { name }))

  async function admitClass(object: PriorityClass): Promise<Admitted> {
    const other = object.globalDefault
      ? defaultClass((await stored?.list(priorityClasses)) ?? [])
      : undefined
    if (other && other.metadata.name !== object.metadata.name) {
      throw forbidden(
        priorityClasses,
        object.metadata.name,
        `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`,
      )
    }
    return { object }
  }

  return {
    async start(objects) {
      stored = objects
      await cache.start(objects)
    },
    stop: cache.stop,
    async admit({ operation, resource, object, old, subresource }) {
      if (subresource) return { object }
      if (resource.plural === priorityClasses.plural) {
        if (operation !== 'DELETE') return admitClass(object as PriorityClass)
        checkMortal(object)
        return { object }
      }
      if (resource.plural !== pods.plural || operation === 'DELETE') return { object }
      const pod = object as Pod
      if (operation === 'UPDATE') return { object: keepPriority(pod, old as Pod) }
      const { priorityClassName = '' } = pod.spec
      const chosen = priorityClassName ? await find(priorityClassName) : defaultClass(cache.list())
      return { object: withPriority(pod, chosen) }
    },
  }
}

// pkg/registry/scheduling/priorityclass/storage/storage.go
function checkMortal({ metadata: { name } }: KubernetesObject): void {
  if (!SYSTEM_PRIORITY_CLASSES.some(({ metadata }) => metadata.name === name)) return
  const why = 'this is a system priority class and cannot be deleted'
  throw forbidden(priorityClasses, name, why)
}

/** Of several, which only other servers can have made, the lowest. */
const defaultClass = (all: readonly PriorityClass[]) =>
  all
    .filter(({ globalDefault }) => globalDefault)
    .toSorted((a, b) => (a.value ?? 0) - (b.value ?? 0))[0]

function keepPriority(pod: Pod, { spec }: Pod): Pod {
  const kept = {
    ...(spec.priority === undefined ? {} : { priority: spec.priority }),
    ...(spec.preemptionPolicy === undefined ? {} : { preemptionPolicy: spec.preemptionPolicy }),
  }
  return { ...pod, spec: { ...kept, ...pod.spec } }
}

function withPriority(pod: Pod, chosen: PriorityClass | undefined): Pod {
  const { priorityClassName = '', priority: given, preemptionPolicy: policy } = pod.spec
  const refuse = (why: string) => forbidden(pods, pod.metadata.name, why)
  if (priorityClassName !== '' && !chosen) {
    throw refuse(`no PriorityClass with name ${priorityClassName} was found`)
  }
  const computed = chosen?.value ?? 0
  const preemptionPolicy =
    chosen?.preemptionPolicy === 'Never' ? ('Never' as const) : ('PreemptLowerPriority' as const)
  const words = 'priority admission controller computed'
  if (given !== undefined && given !== computed) {
    throw refuse(
      `the integer value of priority (${given}) must not be provided in pod spec; ${words} ${computed} from the given PriorityClass name`,
    )
  }
  if (policy !== undefined && policy !== preemptionPolicy) {
    throw refuse(
      `the string value of PreemptionPolicy (${policy}) must not be provided in pod spec; ${words} ${preemptionPolicy} from the given PriorityClass name`,
    )
  }
  const name = chosen ? { priorityClassName: chosen.metadata.name } : {}
  return { ...pod, spec: { ...pod.spec, ...name, priority: computed, preemptionPolicy } }
}
