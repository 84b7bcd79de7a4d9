import type { Pod, PodAffinityTerm, ScopedResourceSelectorRequirement } from '../core.ts'
import { qosClassOf } from '../kinds/pod-qos.ts'
import type { ResourceQuota } from '../limits.ts'
import type { KubernetesObject } from '../meta.ts'
import { persistentVolumeClaims, pods, type Resource } from '../resources.ts'
import type { PersistentVolumeClaim } from '../volumes.ts'
import { isTakenBy } from './usage.ts'

type Scope = ScopedResourceSelectorRequirement

/** Whether the quota, by the bounds in force, concerns this object. Source: apiserver quota/v1/generic/evaluator.go, Matches. */
export function concerns(
  { spec, status }: ResourceQuota,
  resource: Resource,
  object: KubernetesObject,
): boolean {
  const { scopes = [], scopeSelector } = spec ?? {}
  const all: readonly Scope[] = [
    ...scopes.map((scopeName) => ({ scopeName, operator: 'Exists' }) as Scope),
    ...(scopeSelector?.matchExpressions ?? []),
  ]
  return (
    Object.keys(status?.hard ?? {}).some((name) => isTakenBy(resource, name)) &&
    all.every((scope) => isIn(scope, resource, object))
  )
}

function isIn(scope: Scope, { group, plural }: Resource, object: KubernetesObject): boolean {
  if (group === '' && plural === pods.plural) return isPodIn(scope, object as Pod)
  if (group !== '' || plural !== persistentVolumeClaims.plural) return false
  if (scope.scopeName !== 'VolumeAttributesClass') return false
  return selects(scope, (object as PersistentVolumeClaim).spec?.volumeAttributesClassName)
}

function isPodIn(scope: Scope, { spec }: Pod): boolean {
  switch (scope.scopeName) {
    case 'Terminating':
      return (spec.activeDeadlineSeconds ?? -1) >= 0
    case 'NotTerminating':
      return (spec.activeDeadlineSeconds ?? -1) < 0
    case 'BestEffort':
      return qosClassOf(spec) === 'BestEffort'
    case 'NotBestEffort':
      return qosClassOf(spec) !== 'BestEffort'
    case 'PriorityClass':
      return selects(scope, spec.priorityClassName)
    case 'CrossNamespacePodAffinity':
      return termsOf(spec.affinity).some(
        ({ namespaces = [], namespaceSelector }) => namespaces.length > 0 || namespaceSelector,
      )
    default:
      return false
  }
}

/** As a label selector over one label that an empty name leaves out. */
function selects({ operator, values = [] }: Scope, name = ''): boolean {
  switch (operator) {
    case 'Exists':
      return name !== ''
    case 'DoesNotExist':
      return name === ''
    case 'In':
      return name !== '' && values.includes(name)
    case 'NotIn':
      return name === '' || !values.includes(name)
  }
}

function termsOf(affinity: Pod['spec']['affinity']): readonly PodAffinityTerm[] {
  const { podAffinity, podAntiAffinity } = affinity ?? {}
  return [podAffinity, podAntiAffinity].flatMap((each) => [
    ...(each?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(each?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      ({ podAffinityTerm }) => podAffinityTerm,
    ),
  ])
}
