import type { KubernetesObject } from '#api/meta.ts'
import type { Ingress } from '#api/networking.ts'
import { ingressClasses, ingresses } from '#api/resources.ts'
import type { Admission, StoredObjects } from './admission.ts'

const IS_DEFAULT = 'ingressclass.kubernetes.io/is-default-class'
/** The older way to name a class. */
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class'

/** Gives a new Ingress without a class the default one. Source: plugin/pkg/admission/network/defaultingressclass. */
export function createDefaultIngressClass(): Admission {
  let stored: StoredObjects | undefined
  return {
    async start(objects) {
      stored = objects
    },
    async admit({ operation, resource, object, subresource }) {
      if (operation !== 'CREATE' || resource.plural !== ingresses.plural || subresource)
        return { object }
      const { spec, metadata } = object as Ingress
      if (spec?.ingressClassName !== undefined) return { object }
      if (metadata.annotations?.[CLASS_ANNOTATION] !== undefined) return { object }
      const chosen = chooseDefault((await stored?.list(ingressClasses)) ?? [])
      if (chosen === undefined) return { object }
      const admitted: Ingress = {
        ...(object as Ingress),
        spec: { ...spec, ingressClassName: chosen },
      }
      return { object: admitted }
    },
  }
}

/** Of several defaults the newest, then the first by name. */
function chooseDefault(classes: readonly KubernetesObject[]): string | undefined {
  const defaults = classes
    .filter(({ metadata }) => metadata.annotations?.[IS_DEFAULT] === 'true')
    .map(({ metadata: { name, creationTimestamp = '' } }) => ({ name, creationTimestamp }))
  const [first] = defaults.toSorted(
    (a, b) => compare(b.creationTimestamp, a.creationTimestamp) || compare(a.name, b.name),
  )
  return first?.name
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
