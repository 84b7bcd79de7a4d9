import { type FieldError, invalid, notSupported, required, tooLong } from '../field-error.ts'
import { storageClasses } from '../resources.ts'
import type { StorageClass } from '../storage.ts'
import { byteLength, isDNS1123Subdomain, isQualifiedName } from '../validation/names.ts'
import { validateImmutable } from '../validation/object-meta.ts'
import { defineKind } from './define-kind.ts'

const MAX_PARAMETERS = 512
const MAX_PARAMETERS_BYTES = 256 * 1024

// Source: storage/validation ValidateStorageClass and -Update.
export const storageClass = defineKind<StorageClass>({
  resource: storageClasses,
  shortNames: ['sc'],
  nameRule: isDNS1123Subdomain,
  validate: (object, old) => (old ? [] : validate(object)),
  validateChange: (object, old) => [
    ...validateImmutable(object.parameters, old.parameters, 'parameters'),
    ...validateImmutable(object.provisioner, old.provisioner, 'provisioner', ''),
    ...validateImmutable(object.reclaimPolicy, old.reclaimPolicy, 'reclaimPolicy'),
    ...validateImmutable(object.volumeBindingMode, old.volumeBindingMode, 'volumeBindingMode'),
  ],
  warnings: () => ['StorageClass: stored, but not enforced: this cluster provisions no volumes'],
})

function validate(object: StorageClass): FieldError[] {
  const { provisioner = '', reclaimPolicy = '', volumeBindingMode = '' } = object
  const policies = ['Delete', 'Retain']
  const modes = ['Immediate', 'WaitForFirstConsumer']
  return [
    ...(provisioner === ''
      ? [required('provisioner')]
      : isQualifiedName(provisioner.toLowerCase()).map((detail) =>
          invalid('provisioner', provisioner.toLowerCase(), detail),
        )),
    ...validateParameters(object.parameters ?? {}),
    ...(reclaimPolicy === '' || policies.includes(reclaimPolicy)
      ? []
      : [notSupported('reclaimPolicy', reclaimPolicy, policies)]),
    ...(modes.includes(volumeBindingMode)
      ? []
      : [notSupported('volumeBindingMode', volumeBindingMode, modes)]),
  ]
}

function validateParameters(parameters: Readonly<Record<string, string>>): FieldError[] {
  const entries = Object.entries(parameters)
  if (entries.length > MAX_PARAMETERS) return [tooLong('parameters', MAX_PARAMETERS)]
  const bytes = entries.reduce((sum, [key, value]) => sum + byteLength(key) + byteLength(value), 0)
  return [
    ...entries.flatMap(([key]) =>
      key === '' ? [invalid('parameters', key, 'field can not be empty.')] : [],
    ),
    ...(bytes > MAX_PARAMETERS_BYTES ? [tooLong('parameters', MAX_PARAMETERS_BYTES)] : []),
  ]
}
