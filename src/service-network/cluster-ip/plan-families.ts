import type { ServiceSpec } from '#api/core.ts'
import { type FieldError, invalid } from '#api/field-error.ts'
import { familyOf, parseIP } from '#ip/ip.ts'

type IPFamily = 'IPv4' | 'IPv6'

export type FamiliesPlan =
  | { readonly kind: 'planned'; readonly spec: ServiceSpec }
  | { readonly kind: 'refused'; readonly errors: readonly FieldError[] }

/**
 * Fills in ipFamilies and ipFamilyPolicy, as registry/core/service/storage/alloc.go initIPFamilyFields does.
 *
 * @param configured The families of the cluster's Service networks, the default one first.
 */
export function planFamilies(spec: ServiceSpec, configured: readonly IPFamily[]): FamiliesPlan {
  if (spec.type === 'ExternalName') return { kind: 'planned', spec }
  const { clusterIPs = [] } = spec
  const inferred = inferFamilies(spec, configured)
  if (inferred.kind === 'refused') return inferred
  const { families } = inferred
  const isHeadless = clusterIPs[0] === 'None'
  if (isHeadless && Object.keys(spec.selector ?? {}).length === 0) {
    return { kind: 'planned', spec: planSelectorless(spec, families, configured) }
  }
  const ipFamilyPolicy = spec.ipFamilyPolicy ?? 'SingleStack'
  const errors = checkPolicy(spec, families, configured)
  if (errors.length > 0) return { kind: 'refused', errors }
  const ipFamilies = families.length > 0 ? families : configured.slice(0, 1)
  const wantsBoth = ipFamilyPolicy !== 'SingleStack' && ipFamilies.length === 1
  const second = wantsBoth ? configured.filter((family) => family !== ipFamilies[0]) : []
  return {
    kind: 'planned',
    spec: { ...spec, ipFamilyPolicy, ipFamilies: [...ipFamilies, ...second] },
  }
}

function inferFamilies(spec: ServiceSpec, configured: readonly IPFamily[]) {
  const { clusterIPs = [], ipFamilies = [] } = spec
  const families = [...ipFamilies]
  const errors: FieldError[] = []
  for (const [i, text] of clusterIPs.entries()) {
    const address = parseIP(text)
    if (!address || i < ipFamilies.length) continue
    const family: IPFamily = familyOf(address) === 4 ? 'IPv4' : 'IPv6'
    if (configured.includes(family)) families.push(family)
    else {
      const field = `spec.clusterIPs[${i}]`
      errors.push(invalid(field, clusterIPs, `${family} is not configured on this cluster`))
    }
  }
  return errors.length > 0
    ? ({ kind: 'refused', errors } as const)
    : ({ kind: 'inferred', families } as const)
}

/** Whoever fills the slices of such a Service decides about families: both are allowed on any cluster. */
function planSelectorless(
  spec: ServiceSpec,
  families: readonly IPFamily[],
  configured: readonly IPFamily[],
): ServiceSpec {
  const ipFamilyPolicy = spec.ipFamilyPolicy ?? 'RequireDualStack'
  const first = families.length > 0 ? families : configured.slice(0, 1)
  const other: IPFamily = first[0] === 'IPv4' ? 'IPv6' : 'IPv4'
  const second = ipFamilyPolicy !== 'SingleStack' && first.length === 1 ? [other] : []
  return { ...spec, ipFamilyPolicy, ipFamilies: [...first, ...second] }
}

function checkPolicy(
  { clusterIPs = [], ipFamilyPolicy }: ServiceSpec,
  families: readonly IPFamily[],
  configured: readonly IPFamily[],
): FieldError[] {
  const field = 'spec.ipFamilyPolicy'
  const isSingle = ipFamilyPolicy === undefined || ipFamilyPolicy === 'SingleStack'
  const needsBoth = "must be 'RequireDualStack' or 'PreferDualStack' when multiple"
  return [
    ...(isSingle && clusterIPs.length === 2
      ? [invalid(field, ipFamilyPolicy, `${needsBoth} cluster IPs are specified`)]
      : []),
    ...(isSingle && families.length === 2 && clusterIPs.length !== 2
      ? [invalid(field, ipFamilyPolicy, `${needsBoth} IP families are specified`)]
      : []),
    ...(ipFamilyPolicy === 'RequireDualStack' && configured.length < 2
      ? [invalid(field, ipFamilyPolicy, 'this cluster is not configured for dual-stack services')]
      : []),
    ...families.flatMap((family, i) =>
      configured.includes(family)
        ? []
        : [invalid(`spec.ipFamilies[${i}]`, family, 'not configured on this cluster')],
    ),
  ]
}
