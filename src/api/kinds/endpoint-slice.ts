import type { Endpoint, EndpointPort, EndpointSlice } from '../discovery.ts'
import {
  duplicate,
  type FieldError,
  invalid,
  notSupported,
  required,
  tooMany,
} from '../field-error.ts'
import { endpointSlices } from '../resources.ts'
import {
  explainStrictIP,
  validateEndpointIP,
  validateLegacyIP,
  warnOfIP,
} from '../validation/ip-rules.ts'
import { validateLabels } from '../validation/labels.ts'
import {
  checkName,
  isDNS1123Label,
  isDNS1123Subdomain,
  isLabelValue,
  isQualifiedName,
} from '../validation/names.ts'
import { validateImmutable } from '../validation/object-meta.ts'
import { defineKind } from './define-kind.ts'
import { protocols } from './service-ports.ts'

const limits = { endpoints: 1000, addresses: 100, ports: 20_000, hints: 8, topology: 16 }
const addressTypes = ['FQDN', 'IPv4', 'IPv6']

// Source: discovery/v1/defaults.go and discovery/validation.
export const endpointSlice = defineKind<EndpointSlice>({
  resource: endpointSlices,
  nameRule: isDNS1123Subdomain,
  generationOf: ['endpoints', 'ports', 'addressType'],
  default: (object) => ({
    ...object,
    endpoints: object.endpoints ?? null,
    ports: object.ports ?? null,
  }),
  validate: ({ addressType, endpoints, ports }) => [
    ...checkAddressType(addressType ?? ''),
    ...checkPorts(ports ?? []),
    ...checkEndpoints(endpoints ?? [], addressType),
  ],
  validateChange: ({ addressType }, old) =>
    validateImmutable(addressType, old.addressType, 'addressType'),
  warnings: (slice, old) => [
    ...(slice.addressType === 'FQDN' && !old
      ? ['spec.addressType: FQDN endpoints are deprecated']
      : []),
    ...warnOfAddresses(slice),
  ],
})

const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by'
const managers = ['endpointslice-controller.k8s.io', 'endpointslicemirroring-controller.k8s.io']

/** The controllers mend what they read. Source: registry/discovery/endpointslice/strategy.go, warnOnBadIPs. */
function warnOfAddresses({ metadata, endpoints }: EndpointSlice): string[] {
  if (managers.includes(metadata.labels?.[MANAGED_BY] ?? '')) return []
  return (endpoints ?? []).flatMap(({ addresses = [] }, i) =>
    addresses.flatMap((ip, j) => warnOfIP(ip, `endpoints[${i}].addresses[${j}]`)),
  )
}

function checkAddressType(addressType: string): FieldError[] {
  if (addressType === '') return [required('addressType')]
  return addressTypes.includes(addressType)
    ? []
    : [notSupported('addressType', addressType, addressTypes)]
}

function checkEndpoints(endpoints: readonly Endpoint[], addressType: string): FieldError[] {
  if (endpoints.length > limits.endpoints) {
    return [tooMany('endpoints', endpoints.length, limits.endpoints)]
  }
  return endpoints.flatMap((endpoint, index) => {
    const at = `endpoints[${index}]`
    const { addresses = [], hostname, nodeName } = endpoint
    return [
      ...(addresses.length === 0
        ? [required(`${at}.addresses`, 'must contain at least 1 address')]
        : []),
      ...(addresses.length > limits.addresses
        ? [tooMany(`${at}.addresses`, addresses.length, limits.addresses)]
        : []),
      ...addresses.flatMap((address, i) =>
        checkAddress(address, addressType, `${at}.addresses`, `${at}.addresses[${i}]`),
      ),
      ...(nodeName === undefined ? [] : checkName(isDNS1123Subdomain, nodeName, `${at}.nodeName`)),
      ...checkTopology(endpoint.deprecatedTopology ?? {}, `${at}.deprecatedTopology`),
      ...(hostname === undefined ? [] : checkName(isDNS1123Label, hostname, `${at}.hostname`)),
      ...checkHints(endpoint, `${at}.hints`),
    ]
  })
}

/** @param parent Where upstream says that the family is wrong: of the list, not of its item. */
function checkAddress(
  address: string,
  addressType: string,
  parent: string,
  field: string,
): FieldError[] {
  if (addressType === 'FQDN') return checkFQDN(address, field)
  if (addressType !== 'IPv4' && addressType !== 'IPv6') return []
  const errors =
    addressType === 'IPv4'
      ? validateLegacyIP(address, field)
      : checkName(explainStrictIP, address, field)
  if (errors.length > 0) return errors
  const isV6 = address.includes(':')
  return [
    ...(isV6 === (addressType === 'IPv6')
      ? []
      : [invalid(parent, address, `must be an ${addressType} address`)]),
    ...validateEndpointIP(address, field),
  ]
}

function checkTopology(topology: Readonly<Record<string, string>>, at: string): FieldError[] {
  const count = Object.keys(topology).length
  return [
    ...(count > limits.topology ? [tooMany(at, count, limits.topology)] : []),
    ...validateLabels(topology, at),
  ]
}

function checkFQDN(name: string, field: string): FieldError[] {
  if (name === '') return [required(field)]
  const bare = name.replace(/\.$/, '')
  const wrong = isDNS1123Subdomain(bare)
  if (wrong.length > 0) return [invalid(field, bare, wrong.join(','))]
  return bare.includes('.')
    ? []
    : [invalid(field, bare, 'should be a domain with at least two segments separated by dots')]
}

function checkHints({ hints }: Endpoint, at: string): FieldError[] {
  const lists = [
    ['forZones', isLabelValue],
    ['forNodes', isDNS1123Subdomain],
  ] as const
  const zones = hints?.forZones ?? []
  if (zones.length > limits.hints) return [tooMany(`${at}.forZones`, zones.length, limits.hints)]
  return lists.flatMap(([key, rule]) => {
    const list = hints?.[key] ?? []
    const names = list.map(({ name = '' }) => name)
    if (list.length > limits.hints) return [tooMany(`${at}.${key}`, list.length, limits.hints)]
    return names.flatMap((name, index) => [
      ...(names.indexOf(name) < index ? [duplicate(`${at}.${key}[${index}].name`, name)] : []),
      ...checkName(rule, name, `${at}.${key}[${index}].name`),
    ])
  })
}

function checkPorts(ports: readonly EndpointPort[]): FieldError[] {
  if (ports.length > limits.ports) return [tooMany('ports', ports.length, limits.ports)]
  const seen = new Set<string>()
  return ports.flatMap(({ name = '', protocol = '' as never, appProtocol }, index) => {
    const at = `ports[${index}]`
    const taken = seen.has(name)
    seen.add(name)
    return [
      ...(name === '' ? [] : checkName(isDNS1123Label, name, `${at}.name`)),
      ...(taken ? [duplicate(`${at}.name`, name)] : []),
      ...(protocols.includes(protocol)
        ? []
        : [notSupported(`${at}.protocol`, protocol, protocols)]),
      ...(appProtocol === undefined
        ? []
        : checkName(isQualifiedName, appProtocol, `${at}.appProtocol`)),
    ]
  })
}
