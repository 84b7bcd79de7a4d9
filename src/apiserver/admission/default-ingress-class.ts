import type { Ingress } from '#api/networking.ts'
import { ingressClasses, ingresses } from '#api/resources.ts'
import type { Admission, StoredObjects } from './admission.ts'
import { chooseDefault } from './choose-default.ts'

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
      const chosen = chooseDefault((await stored?.list(ingressClasses)) ?? [], [IS_DEFAULT])
      if (chosen === undefined) return { object }
      const admitted: Ingress = {
        ...(object as Ingress),
        spec: { ...spec, ingressClassName: chosen },
      }
      return { object: admitted }
    },
  }
}
