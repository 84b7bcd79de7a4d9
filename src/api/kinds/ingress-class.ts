import { type FieldError, forbidden, notSupported, required, tooLong } from '../field-error.ts'
import type { IngressClass } from '../networking.ts'
import { ingressClasses } from '../resources.ts'
import {
  byteLength,
  checkName,
  isDNS1123Label,
  isDNS1123Subdomain,
  validateDomainPrefixedPath,
} from '../validation/names.ts'
import { validateImmutable } from '../validation/object-meta.ts'
import { defineKind } from './define-kind.ts'
import { validateReference } from './ingress.ts'

type Parameters = NonNullable<NonNullable<IngressClass['spec']>['parameters']>

const at = 'spec.controller'
const maxControllerBytes = 250

// Source: networking/validation, ValidateIngressClass.
export const ingressClass = defineKind<IngressClass>({
  resource: ingressClasses,
  nameRule: isDNS1123Subdomain,
  generationOf: ['spec'],
  validate: ({ spec = {} }) => [
    ...validateController(spec.controller ?? ''),
    ...(spec.parameters ? validateParameters(spec.parameters, 'spec.parameters') : []),
  ],
  validateChange: ({ spec = {} }, old) =>
    validateImmutable(spec.controller, old.spec?.controller, at, ''),
})

function validateController(controller: string): FieldError[] {
  if (controller === '') return [required(at)]
  const long = byteLength(controller) > maxControllerBytes ? [tooLong(at, maxControllerBytes)] : []
  return [...long, ...validateDomainPrefixedPath(controller, at)]
}

function validateParameters(parameters: Parameters, field: string): FieldError[] {
  const { scope, namespace } = parameters
  const errors = validateReference(parameters, field)
  if (scope === undefined) return [...errors, required(`${field}.scope`)]
  switch (scope) {
    case 'Namespace':
      if (namespace === undefined) {
        const detail = "`parameters.scope` is set to 'Namespace'"
        return [...errors, required(`${field}.namespace`, detail)]
      }
      return [...errors, ...checkName(isDNS1123Label, namespace, `${field}.namespace`)]
    case 'Cluster': {
      const detail = "`parameters.scope` is set to 'Cluster'"
      return namespace === undefined ? errors : [...errors, forbidden(`${field}.namespace`, detail)]
    }
    default:
      return [...errors, notSupported(`${field}.scope`, scope, ['Cluster', 'Namespace'])]
  }
}
