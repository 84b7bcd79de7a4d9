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
import { parseIPSloppy, validateEndpointIP, validateLegacyIP } from '../validation/ip-rules.ts'
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

const limits = { endpoints: 1000, addresses: 100, ports: 20_000, hints: 8 }
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
    ...checkEndpoints(endpoints ?? [], addressType),
    ...checkPorts(ports ?? []),
  ],
  validateChange: ({ addressType }, old) =>
    validateImmutable(addressType, old.addressType, 'addressType'),
})

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
        checkAddress(address, addressType, `${at}.addresses[${i}]`),
      ),
      ...(nodeName === undefined ? [] : checkName(isDNS1123Subdomain, nodeName, `${at}.nodeName`)),
      ...(hostname === undefined ? [] : checkName(isDNS1123Label, hostname, `${at}.hostname`)),
      ...checkHints(endpoint, `${at}.hints`),
    ]
  })
}

function checkAddress(address: string, addressType: string, field: string): FieldError[] {
  if (addressType === 'FQDN') return checkFQDN(address, field)
  if (addressType !== 'IPv4' && addressType !== 'IPv6') return []
  const errors = validateLegacyIP(address, field)
  if (errors.length > 0) return errors
  const isV6 = parseIPSloppy(address)!.includes(':')
  return [
    ...(isV6 === (addressType === 'IPv6')
      ? []
      : [invalid(field, address, `must be an ${addressType} address`)]),
    ...validateEndpointIP(address, field),
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
