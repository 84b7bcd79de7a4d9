import type { Protocol } from '../../model.ts'
import type { Condition, Element, Field, NftSet } from './nft-plan.ts'

/* What rules look up, and by which fields of a packet. */

/** The original destination, as conntrack keeps it. */
export const ORIGINAL: readonly Field[] = [
  'ct original ip daddr',
  'meta l4proto',
  'ct original proto-dst',
]
export const DESTINATION: readonly Field[] = ['ip daddr', 'meta l4proto', 'th dport']
export const SOURCE: readonly Field[] = ['ip saddr', 'meta l4proto', 'th sport']
export const CLIENT: readonly Field[] = ['ip saddr', ...DESTINATION]
export const ENDPOINT: readonly Field[] = ['ip daddr', 'th dport']
/** The number of an endpoint, among those of a Service port. */
export const CHOICE: readonly Field[] = ['meta priority']
export const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp', 'sctp']
/** Those whose packets have ports. */
export const PORTED: Condition = { kind: 'in-set', key: ['meta l4proto'], set: 'ported-protocols' }
/** What is there whatever Services there are. */
export const STATIC_ELEMENTS: readonly Element[] = PROTOCOLS.map((protocol) => ({
  set: 'ported-protocols',
  key: [protocol],
}))

/** One client of one Service is one entry: as many as nft's own default for dynamic sets. */
const AFFINITY_SIZE = 65_535
/** Peers with packets that conntrack cannot place are few, or there is a flood of them that need not be told apart. */
const INVALID_SIZE = 4096

export const SETS: readonly NftSet[] = [
  { name: 'services', key: DESTINATION, value: 'verdict' },
  // For packets from outside, where these differ: externalTrafficPolicy Local.
  { name: 'external-services', key: DESTINATION, value: 'verdict' },
  ...PROTOCOLS.flatMap((protocol) => [
    planEndpointsMap('endpoints', protocol),
    planEndpointsMap('local-endpoints', protocol),
  ]),
  { name: 'affinity', key: CLIENT, value: CHOICE, dynamicSize: AFFINITY_SIZE },
  { name: 'affinity-timeouts', key: DESTINATION, value: 'verdict' },
  { name: 'affinity-choices', key: [...DESTINATION, ...ENDPOINT], value: CHOICE },
  ...PROTOCOLS.map(planChosenMap),
  { name: 'ported-protocols', key: ['meta l4proto'] },
  { name: 'invalid-packets', key: SOURCE, dynamicSize: INVALID_SIZE },
  { name: 'cluster-ips', key: ['ip daddr'] },
  { name: 'load-balancer-ips', key: ['ip daddr'] },
  { name: 'refusals', key: DESTINATION, value: 'verdict' },
  { name: 'external-refusals', key: DESTINATION, value: 'verdict' },
  { name: 'firewalled', key: DESTINATION },
  { name: 'source-ranges', key: [...DESTINATION, 'ip saddr'], interval: true },
  { name: 'hairpins', key: [...DESTINATION, 'ip saddr', 'ip daddr'] },
  { name: 'source-policies', key: DESTINATION, value: 'verdict' },
]

export function planEndpointsMap(
  from: 'endpoints' | 'local-endpoints',
  protocol: Protocol,
): NftSet {
  const value: readonly Field[] = ['ip daddr', `${protocol} dport`]
  return { name: `${from}-${protocol}`, key: [...value, 'slot'], value }
}

/** Where the endpoint of a number is: only ones that the Service has now. */
export function planChosenMap(protocol: Protocol): NftSet {
  const value: readonly Field[] = ['ip daddr', `${protocol} dport`]
  return { name: `chosen-${protocol}`, key: [...value, ...CHOICE], value }
}
