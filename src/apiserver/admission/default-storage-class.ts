import type { PersistentVolumeClaim } from '#api/core.ts'
import { persistentVolumeClaims, storageClasses } from '#api/resources.ts'
import type { Admission, StoredObjects } from './admission.ts'
import { chooseDefault } from './choose-default.ts'

const IS_DEFAULT = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
]
/** The older way to name a class. */
const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class'

/** Gives a new claim that names no class the default one. Source: plugin/pkg/admission/storage/storageclass/setdefault. */
export function createDefaultStorageClass(): Admission {
  let stored: StoredObjects | undefined
  return {
    async start(objects) {
      stored = objects
    },
    async admit({ operation, resource, object, subresource }) {
      if (
        operation !== 'CREATE' ||
        resource.plural !== persistentVolumeClaims.plural ||
        subresource
      )
        return { object }
      const claim = object as PersistentVolumeClaim
      if (claim.spec?.storageClassName !== undefined) return { object }
      if (claim.metadata.annotations?.[CLASS_ANNOTATION] !== undefined) return { object }
      const chosen = chooseDefault((await stored?.list(storageClasses)) ?? [], IS_DEFAULT)
      if (chosen === undefined) return { object }
      const admitted: PersistentVolumeClaim = {
        ...claim,
        spec: { ...claim.spec, storageClassName: chosen },
      }
      return { object: admitted }
    },
  }
}
