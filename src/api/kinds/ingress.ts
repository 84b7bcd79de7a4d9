/** Source: networking/validation; the stricter service names of KEP-5311. */
import { type FieldError, invalid, notSupported, required } from '../field-error.ts'
import type { HTTPIngressPath, Ingress, IngressBackend, IngressSpec } from '../networking.ts'
import { ingresses } from '../resources.ts'
import { parseIPSloppy, validateLegacyIP } from '../validation/ip-rules.ts'
import {
  checkName,
  isDNS1123Label,
  isDNS1123Subdomain,
  isPathSegmentName,
  isPortName,
  isPortNumber,
  isWildcardDNS1123Subdomain,
} from '../validation/names.ts'
import { defineKind } from './define-kind.ts'
import { validateHostname } from './service-validation.ts'

const classAnnotation = 'kubernetes.io/ingress.class'
const forbiddenParts = ['//', '/./', '/../', '%2f', '%2F']
const forbiddenEnds = ['/..', '/.']

export const ingress = defineKind<Ingress>({
  resource: ingresses,
  shortNames: ['ing'],
  subresources: ['status'],
  nameRule: isDNS1123Subdomain,
  generationOf: ['spec'],
  prepareCreate: (object) => ({ ...object, status: { loadBalancer: {} } }),
  validate: (object, old) => [
    ...validateSpec(object.spec ?? {}),
    ...(old ? [] : checkClass(object)),
  ],
  validateStatus({ status }, old) {
    const existing = (old.status?.loadBalancer?.ingress ?? []).map(({ ip = '' }) => ip)
    return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip = '', hostname = '' }, index) => {
      const at = `status.loadBalancer.ingress[${index}]`
      return [
        ...(ip === '' ? [] : validateLegacyIP(ip, `${at}.ip`, existing)),
        ...validateHostname(hostname, `${at}.hostname`),
      ]
    })
  },
  warnings: ({ metadata }, old) =>
    metadata.annotations?.[classAnnotation] !== undefined && !old
      ? [
          `annotation "${classAnnotation}" is deprecated, please use 'spec.ingressClassName' instead`,
        ]
      : [],
})

/** A new Ingress must not say two things. */
function checkClass({ metadata, spec }: Ingress): FieldError[] {
  const annotation = metadata.annotations?.[classAnnotation]
  const name = spec?.ingressClassName
  if (annotation === undefined || name === undefined || annotation === name) return []
  return [
    invalid(
      `annotations.${classAnnotation}`,
      annotation,
      'must match `ingressClassName` when both are specified',
    ),
  ]
}

function validateSpec(spec: IngressSpec): FieldError[] {
  const { rules = [], tls = [], defaultBackend, ingressClassName } = spec
  const none = rules.length === 0 && !defaultBackend
  return [
    ...(none
      ? [invalid('spec', spec.rules, 'either `defaultBackend` or `rules` must be specified')]
      : []),
    ...(defaultBackend ? validateBackend(defaultBackend, 'spec.defaultBackend') : []),
    ...rules.flatMap(({ host = '', http }, index) => {
      const at = `spec.rules[${index}]`
      return [
        ...(host === '' ? [] : validateHost(host, `${at}.host`, { isRule: true })),
        ...(http ? validatePaths(http.paths ?? [], `${at}.http.paths`) : []),
      ]
    }),
    ...tls.flatMap(({ hosts = [], secretName = '' }, index) => {
      const at = `spec.tls[${index}]`
      return [
        ...hosts.flatMap((host, i) => validateHost(host, `${at}.hosts[${i}]`, {})),
        ...(secretName === '' ? [] : checkName(isDNS1123Subdomain, secretName, `${at}.secretName`)),
      ]
    }),
    ...(ingressClassName === undefined
      ? []
      : checkName(isDNS1123Subdomain, ingressClassName, 'spec.ingressClassName')),
  ]
}

function validateHost(
  host: string,
  field: string,
  { isRule = false }: { readonly isRule?: boolean },
): FieldError[] {
  const isIP = isRule && parseIPSloppy(host) !== undefined
  const rule = host.includes('*') ? isWildcardDNS1123Subdomain : isDNS1123Subdomain
  return [
    ...(isIP ? [invalid(field, host, 'must be a DNS name, not an IP address')] : []),
    ...checkName(rule, host, field),
  ]
}

function validatePaths(paths: readonly HTTPIngressPath[], at: string): FieldError[] {
  if (paths.length === 0) return [required(at)]
  return paths.flatMap((path, index) => {
    const field = `${at}[${index}]`
    if (path.pathType === undefined) {
      return [required(`${field}.pathType`, 'pathType must be specified')]
    }
    return [
      ...validatePath(path.path ?? '', path.pathType, field),
      ...validateBackend(path.backend ?? {}, `${field}.backend`),
    ]
  })
}

function validatePath(path: string, pathType: string, at: string): FieldError[] {
  const field = `${at}.path`
  const relative = path.startsWith('/') ? [] : [invalid(field, path, 'must be an absolute path')]
  switch (pathType) {
    case 'Exact':
    case 'Prefix':
      return [
        ...relative,
        ...forbiddenParts
          .filter((part) => path.includes(part))
          .map((part) => invalid(field, path, `must not contain '${part}'`)),
        ...forbiddenEnds
          .filter((end) => path.endsWith(end))
          .map((end) => invalid(field, path, `cannot end with '${end}'`)),
      ]
    case 'ImplementationSpecific':
      return path === '' ? [] : relative
    default: {
      const types = ['Exact', 'ImplementationSpecific', 'Prefix']
      return [notSupported(`${at}.pathType`, pathType, types)]
    }
  }
}

function validateBackend({ service, resource }: IngressBackend, at: string): FieldError[] {
  if (service && resource) {
    return [invalid(at, '', 'cannot set both resource and service backends')]
  }
  if (resource) return validateReference(resource, `${at}.resource`)
  if (!service) return [invalid(at, '', 'resource or service backend is required')]
  const field = `${at}.service`
  const { name: portName = '', number = 0 } = service.port ?? {}
  const errors = service.name
    ? checkName(isDNS1123Label, service.name, `${field}.name`)
    : [required(`${field}.name`)]
  if (portName !== '' && number !== 0) {
    return [...errors, invalid(at, '', 'cannot set both port name & port number')]
  }
  if (portName !== '') {
    return [...errors, ...checkName(isPortName, portName, `${field}.port.name`)]
  }
  if (number === 0) return [...errors, required(at, 'port name or number is required')]
  const wrong = isPortNumber(number).map((detail) =>
    invalid(`${field}.port.number`, number, detail),
  )
  return [...errors, ...wrong]
}

/** A reference by group, kind and name, of Ingress backends and IngressClass parameters. */
export function validateReference(
  reference: { readonly apiGroup?: string; readonly kind?: string; readonly name?: string },
  at: string,
): FieldError[] {
  const { apiGroup } = reference
  return [
    ...(apiGroup === undefined ? [] : checkName(isDNS1123Subdomain, apiGroup, `${at}.apiGroup`)),
    ...(['kind', 'name'] as const).flatMap((key) =>
      reference[key]
        ? checkName(isPathSegmentName, reference[key], `${at}.${key}`)
        : [required(`${at}.${key}`)],
    ),
  ]
}
