import type { Ingress, IngressClass } from '#api/networking.ts'

/** What an IngressClass names to be served by us: ingress-nginx's own string, so that its manifests work. */
export const CONTROLLER = 'k8s.io/ingress-nginx'

/** The class that the annotation of before IngressClass meant. */
const LEGACY_CLASS = 'nginx'
const LEGACY_CLASS_ANNOTATION = 'kubernetes.io/ingress.class'
const DEFAULT_CLASS_ANNOTATION = 'ingressclass.kubernetes.io/is-default-class'

/** The Ingresses that are ours, oldest first: where two want the same, the older one has it. */
export function selectIngresses(
  ingresses: readonly Ingress[],
  classes: readonly IngressClass[],
): readonly Ingress[] {
  const ours = classes.filter(({ spec }) => spec?.controller === CONTROLLER)
  const names = new Set(ours.map(({ metadata }) => metadata.name))
  const hasDefault = ours.some(
    ({ metadata }) => metadata.annotations?.[DEFAULT_CLASS_ANNOTATION] === 'true',
  )
  return ingresses
    .filter(({ metadata, spec }) => {
      if (spec?.ingressClassName !== undefined) return names.has(spec.ingressClassName)
      const legacy = metadata.annotations?.[LEGACY_CLASS_ANNOTATION]
      return legacy === undefined ? hasDefault : legacy === LEGACY_CLASS
    })
    .toSorted(byAge)
}

function byAge(a: Ingress, b: Ingress): number {
  return (
    compare(a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '') ||
    compare(a.metadata.namespace ?? '', b.metadata.namespace ?? '') ||
    compare(a.metadata.name, b.metadata.name)
  )
}

/** By code unit, so that the order does not depend on a locale. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
