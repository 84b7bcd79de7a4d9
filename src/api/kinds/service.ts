import type { Service } from '../core.ts'
import { quoteLikeGo } from '../field-error.ts'
import { services } from '../resources.ts'
import { warnOfCIDR, warnOfIP } from '../validation/ip-rules.ts'
import { isDNS1123Label } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'
import { defaultService } from './service-defaults.ts'
import { prepareServiceCreate, prepareServiceUpdate } from './service-prepare.ts'
import {
  topologyHints,
  validateService,
  validateServiceChange,
  validateServiceStatus,
} from './service-validation.ts'

export const service = defineKind<Service>({
  resource: services,
  shortNames: ['svc'],
  categories: ['all'],
  subresources: ['status', 'proxy'],
  // RelaxedServiceNameValidation (KEP-5311), on since 1.36.
  nameRule: isDNS1123Label,
  selectableFields: {
    'spec.clusterIP': ({ spec }) => spec.clusterIP ?? '',
    'spec.type': ({ spec }) => spec.type ?? '',
  },
  default: defaultService,
  prepareCreate: prepareServiceCreate,
  prepareUpdate: prepareServiceUpdate,
  validate: validateService,
  validateChange: validateServiceChange,
  validateStatus: validateServiceStatus,
  warnings: warnOfService,
  // registry/core/service/strategy.go, serviceStatusStrategy
  statusWarnings: ({ status }) =>
    (status?.loadBalancer?.ingress ?? []).flatMap(({ ip = '' }, i) =>
      warnOfIP(ip, `status.loadBalancer.ingress[${i}]`),
    ),
})

// Source: pkg/api/service/warnings.go, v1.36.
function warnOfService({ metadata, spec }: Service): string[] {
  const { clusterIP, clusterIPs = [], externalIPs = [], loadBalancerIP = '' } = spec
  const headless = spec.type === 'ClusterIP' && clusterIP === 'None'
  const isExternalName = spec.type === 'ExternalName'
  const ignored = (field: string) => `spec.${field} is ignored for headless services`
  return [
    ...(metadata.annotations?.[topologyHints] === undefined
      ? []
      : [
          `annotation ${topologyHints} is deprecated, please use service.kubernetes.io/topology-mode instead`,
        ]),
    ...(clusterIP === 'None' ? [] : clusterIPs).flatMap((ip, i) =>
      warnOfIP(ip, `spec.clusterIPs[${i}]`),
    ),
    ...(headless && loadBalancerIP !== '' ? [ignored('loadBalancerIP')] : []),
    ...(headless && externalIPs.length > 0 ? [ignored('externalIPs')] : []),
    ...(headless && spec.sessionAffinity !== 'None' ? [ignored('SessionAffinity')] : []),
    ...externalIPs.flatMap((ip, i) => warnOfIP(ip, `spec.externalIPs[${i}]`)),
    ...(externalIPs.length > 0 && !headless && !isExternalName
      ? ['spec.externalIPs is deprecated and may no longer be implemented in some clusters']
      : []),
    ...warnOfIP(loadBalancerIP, 'spec.loadBalancerIP'),
    ...(spec.loadBalancerSourceRanges ?? []).flatMap((range, i) =>
      warnOfCIDR(range, `spec.loadBalancerSourceRanges[${i}]`),
    ),
    ...(isExternalName && externalIPs.length > 0
      ? ['spec.externalIPs is ignored when spec.type is "ExternalName"']
      : []),
    ...(!isExternalName && spec.externalName
      ? ['spec.externalName is ignored when spec.type is not "ExternalName"']
      : []),
    ...(spec.trafficDistribution === 'PreferClose'
      ? [
          `spec.trafficDistribution: ${quoteLikeGo('PreferClose')} is deprecated; use ${quoteLikeGo('PreferSameZone')}`,
        ]
      : []),
  ]
}
