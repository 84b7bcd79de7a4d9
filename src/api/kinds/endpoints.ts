import type { EndpointAddress, EndpointSubset, Endpoints } from '../core.ts'
import { type FieldError, invalid, notSupported, required } from '../field-error.ts'
import { equalJSON } from '../json.ts'
import { endpoints as resource } from '../resources.ts'
import { validateEndpointIP, validateLegacyIP, warnOfIP } from '../validation/ip-rules.ts'
import {
  checkName,
  isDNS1123Label,
  isDNS1123Subdomain,
  isPortNumber,
  isQualifiedName,
} from '../validation/names.ts'
import { defineKind } from './define-kind.ts'
import { protocols } from './service-ports.ts'

// Source: core/validation v1.36, ValidateEndpoints.
export const endpoints = defineKind<Endpoints>({
  resource,
  singular: 'endpoints',
  shortNames: ['ep'],
  nameRule: isDNS1123Subdomain,
  validate({ subsets = [] }, old) {
    const errors = subsets.flatMap((subset, index) => checkSubset(subset, `subsets[${index}]`))
    // What an older version took stays.
    const unchanged = errors.length > 0 && old && equalJSON(old.subsets ?? [], subsets)
    return unchanged ? [] : errors
  },
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  warnings: warnOfAddresses,
})

/** The controller mends what it reads. Source: registry/core/endpoint/strategy.go, endpointsWarnings. */
function warnOfAddresses({ metadata, subsets = [] }: Endpoints): string[] {
  if (metadata.labels?.['endpoints.kubernetes.io/managed-by'] === 'endpoint-controller') return []
  return subsets.flatMap((subset, i) =>
    (['addresses', 'notReadyAddresses'] as const).flatMap((key) =>
      (subset[key] ?? []).flatMap(({ ip = '' }, j) =>
        warnOfIP(ip, `subsets[${i}].${key}[${j}].ip`),
      ),
    ),
  )
}

function checkSubset(subset: EndpointSubset, at: string): FieldError[] {
  const { addresses = [], notReadyAddresses = [], ports = [] } = subset
  const each = (list: readonly EndpointAddress[], key: string) =>
    list.flatMap((address, index) => checkAddress(address, `${at}.${key}[${index}]`))
  return [
    ...(addresses.length + notReadyAddresses.length === 0
      ? [required(at, 'must specify `addresses` or `notReadyAddresses`')]
      : []),
    ...each(addresses, 'addresses'),
    ...each(notReadyAddresses, 'notReadyAddresses'),
    ...ports.flatMap((port, index) => checkPort(port, ports.length > 1, `${at}.ports[${index}]`)),
  ]
}

function checkAddress({ ip = '', hostname = '', nodeName }: EndpointAddress, at: string) {
  return [
    ...validateLegacyIP(ip, `${at}.ip`),
    ...(hostname === '' ? [] : checkName(isDNS1123Label, hostname, `${at}.hostname`)),
    ...(nodeName === undefined ? [] : checkName(isDNS1123Subdomain, nodeName, `${at}.nodeName`)),
    ...validateEndpointIP(ip, `${at}.ip`),
  ]
}

type Port = NonNullable<EndpointSubset['ports']>[number]

function checkPort(
  { name = '', port = 0, protocol = '' as never, appProtocol }: Port,
  needsName: boolean,
  at: string,
): FieldError[] {
  return [
    ...(name !== ''
      ? checkName(isDNS1123Label, name, `${at}.name`)
      : needsName
        ? [required(`${at}.name`)]
        : []),
    ...isPortNumber(port).map((detail) => invalid(`${at}.port`, port, detail)),
    ...(protocols.includes(protocol) ? [] : [notSupported(`${at}.protocol`, protocol, protocols)]),
    ...(appProtocol === undefined
      ? []
      : checkName(isQualifiedName, appProtocol, `${at}.appProtocol`)),
  ]
}
