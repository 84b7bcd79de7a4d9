import { type CIDR, cidrContains, networkOf, parseInterfaceAddress } from '#ip/cidr.ts'
import { familyOf, type IP, parseIP } from '#ip/ip.ts'
import { type CNICall, requireKnownArgs } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import { isObject, readFields } from '../../protocol/fields.ts'
import { type CNIResult, type CNIRoute, decodeRoutes } from '../../protocol/result.ts'
import { isAtLeast } from '../../protocol/version.ts'

export interface StaticConfig {
  readonly addresses: readonly StaticAddress[]
  readonly routes: readonly CNIRoute[]
  readonly dns: CNIResult['dns']
}

export interface StaticAddress {
  readonly address: CIDR
  readonly gateway?: IP
}

/** What other plugins of the chain take from CNI_ARGS does not disturb this one. */
const KNOWN_ARGS = ['IP', 'GATEWAY', 'MAC']

/** @throws CNIError with upstream's messages (plugins/ipam/static/main.go) */
export function parseConfig(call: CNICall): StaticConfig {
  const { config, cniVersion } = call
  if (config.raw('ipam') === undefined) throw fail("IPAM config missing 'ipam' key")
  const ipam = config.object('ipam')
  const addresses = parseAddresses(call)
  for (const family of [4, 6] as const) {
    const count = addresses.filter(({ address }) => familyOf(address.address) === family).length
    if (count > 1 && !isAtLeast(cniVersion, '0.3.0')) {
      throw fail(`CNI version ${cniVersion} does not support more than 1 address per family`)
    }
  }
  const dns = ipam.raw('dns')
  return {
    addresses,
    routes: decodeRoutes(ipam.list('routes')),
    dns: isObject(dns) ? dns : {},
  }
}

/** Those of the capability replace those of `args`, and these all others; those of CNI_ARGS come on top of the configuration's. */
function parseAddresses(call: CNICall): readonly StaticAddress[] {
  requireKnownArgs(call, KNOWN_ARGS)
  const { config } = call
  const byCapability = config.object('runtimeConfig').list('ips')
  if (byCapability.length > 0) return byCapability.map(parseListed)
  const byArgs = readFields(config.object('args').raw('cni'), 'args.cni').list('ips')
  if (byArgs.length > 0) return byArgs.map(parseListed)
  const configured = config
    .object('ipam')
    .list('addresses')
    .map((each) => parseConfigured(readFields(each, 'addresses')))
  return withGateways(call, [...configured, ...parseArgument(call)])
}

function parseConfigured(fields: ReturnType<typeof readFields>): StaticAddress {
  const text = fields.text('address') ?? ''
  const address = parseInterfaceAddress(text)
  if (!address) {
    throw fail(`the 'address' field is expected to be in CIDR notation, got: '${text}'`)
  }
  const told = fields.text('gateway')
  const gateway = told ? parseIP(told) : undefined
  if (told && !gateway) throw fail(`invalid IP address: ${told}`)
  return { address, ...(gateway && { gateway }) }
}

function parseListed(each: unknown): StaticAddress {
  const address = typeof each === 'string' ? parseInterfaceAddress(each) : undefined
  if (address) return { address }
  throw fail(`an entry in the 'ips' field is NOT in CIDR notation, got: '${String(each)}'`)
}

function parseArgument({ args }: CNICall): readonly StaticAddress[] {
  return splitList(args.get('IP')).map((text) => {
    const address = parseInterfaceAddress(text)
    if (address) return { address }
    throw fail(`the 'ip' field is expected to be in CIDR notation, got: '${text}'`)
  })
}

/** Each gateway of CNI_ARGS belongs to the addresses whose network it is in. */
function withGateways(
  { args }: CNICall,
  addresses: readonly StaticAddress[],
): readonly StaticAddress[] {
  const gateways = splitList(args.get('GATEWAY')).map((text) => {
    const gateway = parseIP(text)
    if (gateway) return gateway
    throw fail(`invalid gateway address: ${text}`)
  })
  return addresses.map((each) => {
    const gateway = gateways.findLast((it) => cidrContains(networkOf(each.address), it))
    return gateway ? { ...each, gateway } : each
  })
}

function splitList(text: string | undefined): readonly string[] {
  return text ? text.split(',').map((each) => each.trim()) : []
}
