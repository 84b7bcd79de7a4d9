import { type FieldError, invalid, required } from '../field-error.ts'
import type { ServiceCIDR } from '../networking.ts'
import { serviceCIDRs } from '../resources.ts'
import { familyOfCIDR, validateStrictCIDR } from '../validation/ip-rules.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'

const at = 'spec.cidrs'
const fixed = 'field is immutable'

// Source: networking/validation v1.36, ValidateServiceCIDR and ValidateServiceCIDRUpdate.
export const serviceCIDR = defineKind<ServiceCIDR>({
  resource: serviceCIDRs,
  subresources: ['status'],
  nameRule: isDNS1123Subdomain,
  validate: ({ spec }, old) => (old ? [] : checkCIDRs(spec?.cidrs ?? [])),
  validateChange: ({ spec }, old) => checkChange(spec?.cidrs ?? [], old.spec?.cidrs ?? []),
})

function checkCIDRs(cidrs: readonly string[]): FieldError[] {
  if (cidrs.length === 0) return [required(at, 'at least one CIDR required')]
  // Upstream prints its internal struct.
  if (cidrs.length > 2) return [invalid(at, { CIDRs: cidrs }, 'may only hold up to 2 values')]
  const [first, second] = cidrs.map(familyOfCIDR)
  return [
    ...cidrs.flatMap((cidr, index) => validateStrictCIDR(cidr, `${at}[${index}]`)),
    ...(cidrs.length === 2 && first !== undefined && first === second
      ? [
          invalid(
            at,
            cidrs,
            'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
          ),
        ]
      : []),
  ]
}

/** Nothing may change, but a network of the other family may come. */
function checkChange(now: readonly string[], before: readonly string[]): FieldError[] {
  const changed = (cidr: string, index: number) =>
    cidr === now[index] ? [] : [invalid(`${at}[${index}]`, now[index], fixed)]
  if (now.length === before.length) return before.flatMap(changed)
  if (before.length === 1 && now.length === 2) {
    return [...before.flatMap(changed), ...checkCIDRs(now)]
  }
  return [invalid(at, now, fixed)]
}
