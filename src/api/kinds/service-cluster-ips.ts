/** Rules of clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy. Source: core/validation v1.36. */
import { familyOf } from '#ip/ip.ts'
import type { Service, ServiceSpec } from '../core.ts'
import { duplicate, type FieldError, invalid, notSupported, required } from '../field-error.ts'
import { parseIPSloppy, validateLegacyIP } from '../validation/ip-rules.ts'
import { findRepeats } from '../validation/repeats.ts'

const at = 'spec.clusterIPs'
const families = ['IPv4', 'IPv6'] as const
const policies = ['PreferDualStack', 'RequireDualStack', 'SingleStack']

/** Headless: the only cluster IP is `None`. */
export function isHeadless({ clusterIPs = [] }: ServiceSpec): boolean {
  return clusterIPs.length === 1 && clusterIPs[0] === 'None'
}

export function validateClusterIPs({ spec }: Service, old?: Service): FieldError[] {
  if (spec.type === 'ExternalName') return []
  const { clusterIPs = [] } = spec
  const existing = old?.spec.clusterIPs ?? []
  const addresses = clusterIPs.flatMap((ip, index) => {
    if (index > 0 || ip !== 'None') return validateLegacyIP(ip, `${at}[${index}]`, existing)
    return clusterIPs.length > 1
      ? [invalid(at, clusterIPs, "'None' must be the first and only value")]
      : []
  })
  return [
    ...checkPair(spec),
    ...checkFamilies(spec),
    ...addresses,
    ...(clusterIPs.length > 2 ? [invalid(at, clusterIPs, 'may only hold up to 2 values')] : []),
    // Wrong addresses would make what follows misleading.
    ...(addresses.length > 0 ? [] : checkStacks(spec)),
  ]
}

function checkPair({ clusterIP = '', clusterIPs = [] }: ServiceSpec): FieldError[] {
  if (clusterIP === '') {
    return clusterIPs.length === 0
      ? []
      : [invalid(at, clusterIPs, 'must be empty when `clusterIP` is not specified')]
  }
  if (clusterIPs.length === 0) return [required(at)]
  return clusterIPs[0] === clusterIP
    ? []
    : [invalid(at, clusterIPs, 'first value must match `clusterIP`')]
}

function checkFamilies({ ipFamilies = [], ipFamilyPolicy }: ServiceSpec): FieldError[] {
  const isRepeat = findRepeats(ipFamilies, (family) => family)
  return [
    ...ipFamilies.flatMap((family, index) => {
      const field = `spec.ipFamilies[${index}]`
      return [
        ...(families.includes(family) ? [] : [notSupported(field, family, families)]),
        ...(isRepeat[index] ? [duplicate(field, family)] : []),
      ]
    }),
    ...(ipFamilyPolicy === undefined || policies.includes(ipFamilyPolicy)
      ? []
      : [notSupported('spec.ipFamilyPolicy', ipFamilyPolicy, policies)]),
  ]
}

function checkStacks(spec: ServiceSpec): FieldError[] {
  const { clusterIPs = [], ipFamilies = [] } = spec
  const stacks = clusterIPs.map((ip) => {
    const address = parseIPSloppy(ip)
    return address && `IPv${familyOf(address)}`
  })
  const oneEach = clusterIPs.length <= 1 || new Set(stacks).size === 2
  const mismatches = isHeadless(spec)
    ? []
    : stacks.flatMap((stack, index) => {
        const family = ipFamilies[index]
        if (!family || family === stack || !families.includes(family)) return []
        const detail = `expected an ${family} value as indicated by \`ipFamilies[${index}]\``
        return [invalid(`${at}[${index}]`, clusterIPs[index], detail)]
      })
  return [
    ...(oneEach
      ? []
      : [invalid(at, clusterIPs, 'may specify no more than one IP for each IP family')]),
    ...mismatches,
  ]
}

/** The primary address and family stay; the secondary may come, or go with SingleStack. */
export function validateClusterIPChange({ spec }: Service, { spec: old }: Service): FieldError[] {
  if (spec.type === 'ExternalName' || old.type === 'ExternalName') return []
  const headless = isHeadless(spec)
  if (headless && isHeadless(old)) return []
  return [
    ...checkChange(spec, 'clusterIPs', spec.clusterIPs ?? [], old.clusterIPs ?? []),
    ...(headless || isHeadless(old)
      ? []
      : checkChange(spec, 'ipFamilies', spec.ipFamilies ?? [], old.ipFamilies ?? [])),
  ]
}

function checkChange(
  spec: ServiceSpec,
  key: 'clusterIPs' | 'ipFamilies',
  now: readonly string[],
  before: readonly string[],
): FieldError[] {
  const singular = key === 'clusterIPs' ? 'clusterIP' : 'ipFamily'
  const fixed = 'may not change once set'
  if (now.length === before.length) {
    return before.flatMap((value, index) => {
      const field = `spec.${key}[${key === 'clusterIPs' ? index : 0}]`
      return value === now[index] ? [] : [invalid(field, now, fixed)]
    })
  }
  const changed = now.length > 0 && before.length > 0 && now[0] !== before[0]
  const released = before.length > now.length
  const single = spec.ipFamilyPolicy === 'SingleStack'
  return [
    ...(released && (spec.clusterIPs ?? []).length === 0
      ? [invalid(`spec.${key}[0]`, spec[key], `primary ${singular} can not be unset`)]
      : []),
    ...(changed ? [invalid(`spec.${key}[0]`, spec.clusterIPs, fixed)] : []),
    ...(released && now.length === 1 && !single
      ? [
          invalid(
            'spec.ipFamilyPolicy',
            spec.ipFamilyPolicy,
            `must be set to 'SingleStack' when releasing the secondary ${singular}`,
          ),
        ]
      : []),
  ]
}
