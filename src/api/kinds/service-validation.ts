/** Rules of a Service but for its cluster IPs and its ports. Source: core/validation v1.36, validateService. */
import type { Service, ServiceSpec } from '../core.ts'
import { type FieldError, forbidden, invalid, notSupported, required } from '../field-error.ts'
import { validateEndpointIP, validateLegacyCIDR, validateLegacyIP } from '../validation/ip-rules.ts'
import { validateLabels } from '../validation/labels.ts'
import {
  checkName,
  isDNS1123Subdomain,
  isPortNumber,
  isQualifiedName,
} from '../validation/names.ts'
import { isHeadless, validateClusterIPChange, validateClusterIPs } from './service-cluster-ips.ts'
import { isExternallyAccessible } from './service-defaults.ts'
import { validatePortPairs, validateServicePorts } from './service-ports.ts'
import { needsHealthCheckNodePort } from './service-prepare.ts'

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
const distributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode']
const onlyLoadBalancer = "may only be used when `type` is 'LoadBalancer'"
const rangesAnnotation = 'service.beta.kubernetes.io/load-balancer-source-ranges'
const topologyMode = 'service.kubernetes.io/topology-mode'
export const topologyHints = 'service.kubernetes.io/topology-aware-hints'

export function validateService(service: Service, old?: Service): FieldError[] {
  const { spec } = service
  return [
    ...checkTopology(service),
    ...checkType(spec),
    ...validateServicePorts(spec),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...checkAffinity(spec),
    ...validateClusterIPs(service, old),
    ...checkExternalIPs(spec, old?.spec),
    ...(types.includes(spec.type ?? '') ? [] : [notSupported('spec.type', spec.type, types)]),
    ...validatePortPairs(spec),
    ...checkSourceRanges(service, old),
    ...checkLoadBalancerFields(spec),
    ...checkTrafficPolicies(spec),
  ]
}

export function validateServiceChange(service: Service, old: Service): FieldError[] {
  const { spec } = service
  const classChanged = (spec.loadBalancerClass ?? null) !== (old.spec.loadBalancerClass ?? null)
  const stays = spec.type === 'LoadBalancer' && old.spec.type === 'LoadBalancer'
  const checked = needsHealthCheckNodePort(spec) && needsHealthCheckNodePort(old.spec)
  return [
    ...validateClusterIPChange(service, old),
    ...(stays && classChanged
      ? [invalid('spec.loadBalancerClass', spec.loadBalancerClass, 'may not change once set')]
      : []),
    ...checkLoadBalancerClass(spec),
    ...(checked && spec.healthCheckNodePort !== old.spec.healthCheckNodePort
      ? [forbidden('spec.healthCheckNodePort', 'field is immutable')]
      : []),
  ]
}

function checkTopology({ metadata: { annotations = {} } }: Service): FieldError[] {
  const mode = annotations[topologyMode]
  const hints = annotations[topologyHints]
  if (mode === undefined || hints === undefined || mode === hints) return []
  const detail = `must match annotations[${topologyHints}] when both are specified`
  return [invalid(`metadata.annotations[${topologyMode}]`, mode, detail)]
}

function checkType(spec: ServiceSpec): FieldError[] {
  const { type, ports = [], externalName = '' } = spec
  const headless = isHeadless(spec)
  const portless = ports.length === 0 && !headless && type !== 'ExternalName'
  const errors = portless ? [required('spec.ports')] : []
  if ((type === 'LoadBalancer' || type === 'NodePort') && headless) {
    const detail = `may not be set to 'None' for ${type} services`
    return [...errors, invalid('spec.clusterIPs[0]', 'None', detail)]
  }
  if (type !== 'ExternalName') return errors
  // A trailing dot says that the name is fully qualified.
  const cname = externalName.replace(/\.$/, '')
  const unset = (['clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const).filter(
    (key) => (spec[key]?.length ?? 0) > 0,
  )
  return [
    ...errors,
    ...unset.map((key) => forbidden(`spec.${key}`, 'may not be set for ExternalName services')),
    ...(cname === ''
      ? [required('spec.externalName')]
      : checkName(isDNS1123Subdomain, cname, 'spec.externalName')),
  ]
}

function checkAffinity({ sessionAffinity, sessionAffinityConfig }: ServiceSpec): FieldError[] {
  const field = 'spec.sessionAffinityConfig'
  if (sessionAffinity === 'None') {
    return sessionAffinityConfig
      ? [forbidden(field, 'must not be set when session affinity is None')]
      : []
  }
  if (sessionAffinity !== 'ClientIP') {
    return [notSupported('spec.sessionAffinity', sessionAffinity, ['ClientIP', 'None'])]
  }
  const when = 'when session affinity type is ClientIP'
  if (!sessionAffinityConfig) return [required(field, when)]
  const seconds = sessionAffinityConfig.clientIP?.timeoutSeconds
  if (seconds === undefined) return [required(`${field}.clientIP.timeoutSeconds`, when)]
  return seconds > 0 && seconds <= 86_400
    ? []
    : [
        invalid(
          `${field}.clientIP.timeoutSeconds`,
          seconds,
          'must be greater than 0 and less than 86400',
        ),
      ]
}

function checkExternalIPs({ externalIPs = [] }: ServiceSpec, old?: ServiceSpec): FieldError[] {
  return externalIPs.flatMap((ip, index) => {
    const field = `spec.externalIPs[${index}]`
    const errors = validateLegacyIP(ip, field, old?.externalIPs)
    return errors.length > 0 ? errors : validateEndpointIP(ip, field)
  })
}

function checkSourceRanges({ spec, metadata }: Service, old?: Service): FieldError[] {
  const ranges = spec.loadBalancerSourceRanges ?? []
  const annotation = metadata.annotations?.[rangesAnnotation]
  const misplaced = (field: string) =>
    spec.type === 'LoadBalancer' ? [] : [forbidden(field, onlyLoadBalancer)]
  if (ranges.length > 0) {
    // Upstream's path has a capital letter, and spaces around a range are part of the API.
    const field = 'spec.LoadBalancerSourceRanges'
    const existing = (old?.spec.loadBalancerSourceRanges ?? []).map((range) => range.trim())
    const wrong = ranges.flatMap((range, index) =>
      validateLegacyCIDR(range.trim(), `${field}[${index}]`, existing),
    )
    return [...misplaced(field), ...wrong]
  }
  if (annotation === undefined) return []
  const field = `metadata.annotations[${rangesAnnotation}]`
  const unchanged = old?.metadata.annotations?.[rangesAnnotation] === annotation
  const listed = unchanged || annotation.trim() === '' ? [] : annotation.split(',')
  return [
    ...misplaced(field),
    ...listed.flatMap((range) => validateLegacyCIDR(range.trim(), field)),
  ]
}

function checkLoadBalancerFields(spec: ServiceSpec): FieldError[] {
  const isSet = spec.allocateLoadBalancerNodePorts !== undefined
  const key = 'allocateLoadBalancerNodePorts'
  const misplaced = isSet ? [forbidden(`spec.${key}`, onlyLoadBalancer)] : []
  const missing = isSet ? [] : [required(key)] // upstream's path has no `spec`
  return [...(spec.type === 'LoadBalancer' ? missing : misplaced), ...checkLoadBalancerClass(spec)]
}

/** On an update upstream says what is wrong here twice. */
function checkLoadBalancerClass({ type, loadBalancerClass }: ServiceSpec): FieldError[] {
  const field = 'spec.loadBalancerClass'
  if (loadBalancerClass === undefined) return []
  return type === 'LoadBalancer'
    ? checkName(isQualifiedName, loadBalancerClass, field)
    : [forbidden(field, onlyLoadBalancer)]
}

function checkTrafficPolicies(spec: ServiceSpec): FieldError[] {
  const { externalTrafficPolicy, internalTrafficPolicy, trafficDistribution } = spec
  const policies = ['Cluster', 'Local']
  const external = 'spec.externalTrafficPolicy'
  const internal = 'spec.internalTrafficPolicy'
  const errors: FieldError[] = []
  if (!isExternallyAccessible(spec)) {
    if (externalTrafficPolicy) {
      const detail = 'may only be set for externally-accessible services'
      errors.push(invalid(external, externalTrafficPolicy, detail))
    }
  } else if (!externalTrafficPolicy) errors.push(required(external))
  else if (!policies.includes(externalTrafficPolicy)) {
    errors.push(notSupported(external, externalTrafficPolicy, policies))
  }
  errors.push(...checkHealthCheck(spec))
  if (internalTrafficPolicy !== undefined && !policies.includes(internalTrafficPolicy)) {
    errors.push(notSupported(internal, internalTrafficPolicy, policies))
  }
  if (trafficDistribution !== undefined && !distributions.includes(trafficDistribution)) {
    errors.push(notSupported('spec.trafficDistribution', trafficDistribution, distributions))
  }
  return errors
}

function checkHealthCheck(spec: ServiceSpec): FieldError[] {
  const field = 'spec.healthCheckNodePort'
  const port = spec.healthCheckNodePort ?? 0
  if (needsHealthCheckNodePort(spec)) {
    if (port === 0) return [required(field)]
    return isPortNumber(port).map((detail) => invalid(field, port, detail))
  }
  const detail =
    "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
  return port === 0 ? [] : [invalid(field, port, detail)]
}

export function validateServiceStatus({ spec, status }: Service, old: Service): FieldError[] {
  const at = 'status.loadBalancer.ingress'
  const points = status?.loadBalancer?.ingress ?? []
  if (spec.type !== 'LoadBalancer' && points.length > 0) {
    return [forbidden(at, "may only be used when `spec.type` is 'LoadBalancer'")]
  }
  const existing = (old.status?.loadBalancer?.ingress ?? []).map(({ ip = '' }) => ip)
  return points.flatMap(({ ip = '', ipMode, hostname = '' }, index) => {
    const field = `${at}[${index}]`
    return [
      ...(ip === '' ? [] : validateLegacyIP(ip, `${field}.ip`, existing)),
      ...checkIPMode(ip, ipMode, `${field}.ipMode`),
      ...validateHostname(hostname, `${field}.hostname`),
    ]
  })
}

function checkIPMode(ip: string, ipMode: string | undefined, field: string): FieldError[] {
  if (ipMode === undefined) {
    return ip === '' ? [] : [required(field, 'must be specified when `ip` is set')]
  }
  if (ip === '') return [forbidden(field, 'may not be specified when `ip` is not set')]
  const modes = ['Proxy', 'VIP']
  return modes.includes(ipMode) ? [] : [notSupported(field, ipMode, modes)]
}

/** A load balancer's own name; of Ingress status, too. */
export function validateHostname(hostname: string, field: string): FieldError[] {
  if (hostname === '') return []
  const isIP = validateLegacyIP(hostname, field).length === 0
  return [
    ...checkName(isDNS1123Subdomain, hostname, field),
    ...(isIP ? [invalid(field, hostname, 'must be a DNS name, not an IP address')] : []),
  ]
}
