import type { Service, ServiceSpec } from '#api/core.ts'
import { type FieldError, invalid } from '#api/field-error.ts'
import { equalJSON } from '#api/json.ts'
import { validateClusterIPs } from '#api/kinds/service-cluster-ips.ts'
import { familyOf, parseIP } from '#ip/ip.ts'

export type IPFamily = 'IPv4' | 'IPv6'

export type FamiliesPlan =
  | { readonly kind: 'planned'; readonly spec: ServiceSpec }
  | { readonly kind: 'refused'; readonly errors: readonly FieldError[] }

const POLICY = 'spec.ipFamilyPolicy'

/**
 * Fills in ipFamilies and ipFamilyPolicy, and lets go of the second address where SingleStack asks for it, as
 * registry/core/service/storage/alloc.go initIPFamilyFields does.
 *
 * @param configured The families of the cluster's Service networks, the default one first.
 */
export function planFamilies(
  service: Service,
  old: Service | undefined,
  configured: readonly IPFamily[],
): FamiliesPlan {
  if (service.spec.type === 'ExternalName') return planned(service.spec)
  // Such a Service follows no change of the cluster by itself.
  if (old && keepsPreferDualStack(service.spec, old.spec)) return planned(service.spec)
  const policed = withPolicy(service.spec, old?.spec)
  const wrong = validateClusterIPs({ ...service, spec: policed }, old)
  if (wrong.length > 0) return refused(wrong)
  const spec = old ? downgrade(policed, old.spec) : policed
  const { families, errors: notServed } = inferFamilies(spec, configured)
  const errors = [
    ...(old ? checkReduction(spec, old.spec) : []),
    ...checkSingle(spec),
    ...notServed,
  ]
  if (errors.length > 0) return refused(errors)
  const isSelectorless = Object.keys(spec.selector ?? {}).length === 0
  if (spec.clusterIP === 'None' && isSelectorless) {
    return planned(planSelectorless(spec, families, configured))
  }
  return planOnCluster(spec, families, configured)
}

const planned = (spec: ServiceSpec): FamiliesPlan => ({ kind: 'planned', spec })
const refused = (errors: readonly FieldError[]): FamiliesPlan => ({ kind: 'refused', errors })

/** alloc.go, isMatchingPreferDualStackClusterIPFields. */
export function keepsPreferDualStack(spec: ServiceSpec, old: ServiceSpec): boolean {
  return (
    spec.ipFamilyPolicy === 'PreferDualStack' &&
    (old.ipFamilyPolicy ?? 'PreferDualStack') === 'PreferDualStack' &&
    spec.type === old.type &&
    spec.type !== 'ExternalName' &&
    isSame(spec.clusterIPs, old.clusterIPs) &&
    isSame(spec.ipFamilies, old.ipFamilies)
  )
}

const isSame = (a: readonly string[] = [], b: readonly string[] = []) => equalJSON(a, b)

function withPolicy(spec: ServiceSpec, old: ServiceSpec | undefined): ServiceSpec {
  if (spec.ipFamilyPolicy !== undefined) return spec
  const isSelectorless = spec.clusterIP === 'None' && Object.keys(spec.selector ?? {}).length === 0
  const inferred = isSelectorless ? 'RequireDualStack' : 'SingleStack'
  return { ...spec, ipFamilyPolicy: old?.ipFamilyPolicy ?? inferred }
}

/** SingleStack alone says clearly enough what is meant: the first address stays. */
function downgrade(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  if (spec.ipFamilyPolicy !== 'SingleStack') return spec
  const { clusterIPs = [], ipFamilies = [] } = spec
  const dropsIP = clusterIPs.length > 1 && isSame(clusterIPs, old.clusterIPs)
  const dropsFamily = ipFamilies.length > 1 && isSame(ipFamilies, old.ipFamilies)
  return {
    ...spec,
    ...(dropsIP ? { clusterIPs: clusterIPs.slice(0, 1) } : {}),
    ...(dropsFamily ? { ipFamilies: ipFamilies.slice(0, 1) } : {}),
  }
}

function checkReduction(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
  if (spec.ipFamilyPolicy === 'SingleStack') return []
  const isReduced = (now: readonly string[] = [], before: readonly string[] = []) =>
    now.length > 0 && now.length < before.length
  const refusal = (what: string) =>
    invalid(POLICY, spec.ipFamilyPolicy, `must be 'SingleStack' to release the secondary ${what}`)
  return [
    ...(isReduced(spec.clusterIPs, old.clusterIPs) ? [refusal('cluster IP')] : []),
    ...(isReduced(spec.ipFamilies, old.ipFamilies) ? [refusal('IP family')] : []),
  ]
}

function checkSingle({ ipFamilyPolicy, clusterIPs = [], ipFamilies = [] }: ServiceSpec) {
  if (ipFamilyPolicy !== 'SingleStack') return []
  const refusal = (what: string) =>
    invalid(
      POLICY,
      ipFamilyPolicy,
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`,
    )
  return [
    ...(clusterIPs.length === 2 ? [refusal('cluster IPs')] : []),
    ...(ipFamilies.length === 2 ? [refusal('IP families')] : []),
  ]
}

function inferFamilies(spec: ServiceSpec, configured: readonly IPFamily[]) {
  const { clusterIPs = [], ipFamilies = [] } = spec
  const families = [...ipFamilies]
  const errors: FieldError[] = []
  for (const [i, text] of clusterIPs.entries()) {
    const address = parseIP(text)
    if (!address || i < families.length) continue
    const family: IPFamily = familyOf(address) === 4 ? 'IPv4' : 'IPv6'
    if (configured.includes(family)) families.push(family)
    else {
      const field = `spec.clusterIPs[${i}]`
      errors.push(invalid(field, clusterIPs, `${family} is not configured on this cluster`))
    }
  }
  return { families, errors }
}

const otherFamily = (family: IPFamily | undefined): IPFamily =>
  family === 'IPv4' ? 'IPv6' : 'IPv4'

/** Whoever fills the slices of such a Service decides about families: both are allowed on any cluster. */
function planSelectorless(
  spec: ServiceSpec,
  families: readonly IPFamily[],
  configured: readonly IPFamily[],
): ServiceSpec {
  const first = families.length > 0 ? families : configured.slice(0, 1)
  const wantsBoth = spec.ipFamilyPolicy !== 'SingleStack' && first.length < 2
  return { ...spec, ipFamilies: wantsBoth ? [...first, otherFamily(first[0])] : first }
}

function planOnCluster(
  spec: ServiceSpec,
  families: readonly IPFamily[],
  configured: readonly IPFamily[],
): FamiliesPlan {
  const isDual = configured.length === 2
  const errors = [
    ...(spec.ipFamilyPolicy === 'RequireDualStack' && !isDual
      ? [
          invalid(
            POLICY,
            spec.ipFamilyPolicy,
            'this cluster is not configured for dual-stack services',
          ),
        ]
      : []),
    ...families.flatMap((family, i) =>
      configured.includes(family)
        ? []
        : [invalid(`spec.ipFamilies[${i}]`, family, 'not configured on this cluster')],
    ),
  ]
  if (errors.length > 0) return refused(errors)
  const first = families.length > 0 ? families : configured.slice(0, 1)
  const wantsBoth = spec.ipFamilyPolicy !== 'SingleStack' && isDual && first.length === 1
  return planned({ ...spec, ipFamilies: wantsBoth ? [...first, otherFamily(first[0])] : first })
}
