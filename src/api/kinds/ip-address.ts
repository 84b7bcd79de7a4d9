import { type FieldError, invalid, required } from '../field-error.ts'
import type { IPAddress } from '../networking.ts'
import { ipAddresses } from '../resources.ts'
import { explainStrictIP } from '../validation/ip-rules.ts'
import { checkName, isDNS1123Subdomain, isPathSegmentName } from '../validation/names.ts'
import { validateImmutable } from '../validation/object-meta.ts'
import { defineKind } from './define-kind.ts'

// Source: networking/validation v1.36, ValidateIPAddress and ValidateIPAddressUpdate.
export const ipAddress = defineKind<IPAddress>({
  resource: ipAddresses,
  shortNames: ['ip'],
  nameRule: explainStrictIP,
  selectableFields: {
    'spec.parentRef.group': ({ spec }) => spec?.parentRef?.group ?? '',
    'spec.parentRef.resource': ({ spec }) => spec?.parentRef?.resource ?? '',
    'spec.parentRef.namespace': ({ spec }) => spec?.parentRef?.namespace ?? '',
    'spec.parentRef.name': ({ spec }) => spec?.parentRef?.name ?? '',
  },
  validate: ({ spec }, old) => (old ? [] : checkParent(spec ?? {})),
  validateChange: ({ spec }, old) => [
    ...checkParent(spec ?? {}),
    ...validateImmutable(spec?.parentRef, old.spec?.parentRef, 'spec.parentRef'),
  ],
})

function checkParent({ parentRef }: IPAddress['spec']): FieldError[] {
  const at = 'spec.parentRef'
  if (!parentRef) return [required(at)]
  const { group = '', namespace = '' } = parentRef
  const named = (['resource', 'name'] as const).flatMap((key) =>
    parentRef[key]
      ? checkName(isPathSegmentName, parentRef[key], `${at}.${key}`)
      : [required(`${at}.${key}`)],
  )
  return [
    ...(group === '' ? [] : checkName(isDNS1123Subdomain, group, `${at}.group`)),
    ...named,
    ...(namespace === ''
      ? []
      : isPathSegmentName(namespace).map((text) => invalid(`${at}.namespace`, namespace, text))),
  ]
}
