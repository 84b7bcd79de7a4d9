import { parseInterfaceAddress } from '#ip/cidr.ts'
import { familyOf, type IP, parseIP } from '#ip/ip.ts'
import { type CNICall, requireKnownArgs } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import { type Fields, readFields } from '../../protocol/fields.ts'
import { type CNIRoute, decodeRoutes } from '../../protocol/result.ts'
import { isAtLeast } from '../../protocol/version.ts'
import { DEFAULT_DATA_DIR } from './address-files.ts'
import { parseRange, parseRangeSet, type RangeSet, setsOverlap } from './ranges.ts'

export interface HostLocalConfig {
  readonly network: string
  readonly dataDir: string
  readonly resolvConf?: string
  readonly routes: readonly CNIRoute[]
  readonly rangeSets: readonly RangeSet[]
  /** Addresses that the caller wants, by CNI_ARGS, `args` or the capability `ips`. */
  readonly requested: readonly IP[]
}

/** @throws CNIError with upstream's messages (host-local/backend/allocator/config.go) */
export function parseConfig(call: CNICall): HostLocalConfig {
  const { config, networkName, cniVersion } = call
  if (config.raw('ipam') === undefined) throw fail("IPAM config missing 'ipam' key")
  const ipam = config.object('ipam')
  const rangeSets = parseRangeSets(ipam, config.object('runtimeConfig'))
  for (const family of [4, 6] as const) {
    const count = rangeSets.filter((set) => familyOf(set[0]!.start) === family).length
    if (count > 1 && !isAtLeast(cniVersion, '0.3.0')) {
      throw fail(`CNI version ${cniVersion} does not support more than 1 address per family`)
    }
  }
  const resolvConf = ipam.text('resolvConf')
  return {
    network: networkName,
    dataDir: ipam.text('dataDir') || DEFAULT_DATA_DIR,
    ...(resolvConf && { resolvConf }),
    routes: decodeRoutes(ipam.list('routes')),
    rangeSets,
    requested: parseRequested(call),
  }
}

function parseRangeSets(ipam: Fields, runtimeConfig: Fields): readonly RangeSet[] {
  const parsers = [
    ...runtimeConfig.list('ipRanges').map((set) => () => parseRangeSet(set)),
    // The oldest form: one range, at the top.
    ...(ipam.text('subnet') ? [() => [parseRange(ipam)]] : []),
    ...ipam.list('ranges').map((set) => () => parseRangeSet(set)),
  ]
  if (parsers.length === 0) throw fail('no IP ranges specified')
  const sets = parsers.map((parse, index) => {
    try {
      return parse()
    } catch (cause) {
      throw fail(`invalid range set ${index}: ${(cause as Error).message}`, cause)
    }
  })
  for (const [i, set] of sets.entries()) {
    const other = sets.findIndex((each, j) => j > i && setsOverlap(set, each))
    if (other >= 0) throw fail(`range set ${i} overlaps with ${other}`)
  }
  return sets
}

/** What other plugins of the chain take from CNI_ARGS does not disturb this one. */
const KNOWN_ARGS = ['IP', 'MAC']

function parseRequested(call: CNICall): readonly IP[] {
  requireKnownArgs(call, KNOWN_ARGS)
  const { args, config } = call
  const byArgs = (args.get('IP') ?? '').split(',').filter(Boolean)
  const byArgument = byArgs.map(
    (text) =>
      parseWanted(text) ??
      raise(`ARGS: error parsing value of pair "IP=${args.get('IP')}": invalid IP address ${text}`),
  )
  const others = [
    ...readFields(config.object('args').raw('cni'), 'args.cni').list('ips'),
    ...config.object('runtimeConfig').list('ips'),
  ]
  return [
    ...byArgument,
    ...others.map((each) => parseWanted(each) ?? raise(`invalid IP address ${String(each)}`)),
  ]
}

/** With or without a prefix length, which does not matter. */
function parseWanted(value: unknown): IP | undefined {
  if (typeof value !== 'string') return undefined
  return parseIP(value) ?? parseInterfaceAddress(value)?.address
}

function raise(message: string): never {
  throw fail(message)
}
