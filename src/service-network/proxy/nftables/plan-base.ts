import type { Protocol } from '../../model.ts'
import { type ModeOptions, usableDetector } from '../mode.ts'
import type { Chain, Condition, Element, Field, NftSet, Rule, Statement } from './nft-plan.ts'

/*
 * The packet's story. Nothing here grows with Services: every rule is a look-up in a map.
 *
 *   prerouting -110  firewall        loadBalancerSourceRanges, while the destination still is the virtual one
 *              -100  nat-prerouting  destination -> spread-K or stick-K-…: dnat to one of K endpoints (outputs of the node: nat-output)
 *               -90  remember        ClientIP affinity: source and virtual destination -> the endpoint that was picked
 *   input, forward, output 0         what has a virtual destination still was not translated: refuse or drop, and say so at once
 *   postrouting 100  nat-postrouting masquerade where the reply would not come back through this node
 *
 * Which Service a packet was for is read from conntrack's original destination: no fwmark, so none can clash with another's.
 *
 * ClientIP affinity remembers the number of an endpoint. That is looked up among those which the Service has now, so that nobody sticks to
 * one that is gone, and nobody need look for clients that do. Between both look-ups the number is the packet's priority, which the kernel
 * sets anew when it forwards a packet; what the node itself sends loses its own for the first packet of such a connection.
 */

/** The original destination, as conntrack keeps it. */
const ORIGINAL: readonly Field[] = ['ct original ip daddr', 'meta l4proto', 'ct original proto-dst']
const DESTINATION: readonly Field[] = ['ip daddr', 'meta l4proto', 'th dport']
const SOURCE: readonly Field[] = ['ip saddr', 'meta l4proto', 'th sport']
const CLIENT: readonly Field[] = ['ip saddr', ...DESTINATION]
const ENDPOINT: readonly Field[] = ['ip daddr', 'th dport']
/** The number of an endpoint, among those of a Service port. */
const CHOICE: readonly Field[] = ['meta priority']
const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp', 'sctp']
const TCP: Condition = { kind: 'protocol', is: 'tcp' }
const PORTED: Condition = { kind: 'in-set', key: ['meta l4proto'], set: 'ported-protocols' }
/** What is there whatever Services there are. */
export const STATIC_ELEMENTS: readonly Element[] = PROTOCOLS.map((protocol) => ({
  set: 'ported-protocols',
  key: [protocol],
}))

/** One client of one Service is one entry: as many as nft's own default for dynamic sets. */
const AFFINITY_SIZE = 65_535
/** Peers with packets that conntrack cannot place are few, or there is a flood of them that need not be told apart. */
const INVALID_SIZE = 4096
const INVALID_SECONDS = 86_400

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

function planEndpointsMap(from: 'endpoints' | 'local-endpoints', protocol: Protocol): NftSet {
  const value: readonly Field[] = ['ip daddr', `${protocol} dport`]
  return { name: `${from}-${protocol}`, key: [...value, 'slot'], value }
}

/** Where the endpoint of a number is: only ones that the Service has now. */
function planChosenMap(protocol: Protocol): NftSet {
  const value: readonly Field[] = ['ip daddr', `${protocol} dport`]
  return { name: `chosen-${protocol}`, key: [...value, ...CHOICE], value }
}

/** The chains that are always there. */
export function planBaseChains(options: ModeOptions): readonly Chain[] {
  const { nodeIP, serviceCIDR, serviceCIDRs = [serviceCIDR], podDevice } = options
  const fromOutside = fromNoPod(options, 'pod-device')
  const fromElsewhere = fromNoPod(options, 'pod-cidr')
  const vmap = (key: readonly Field[], map: NftSet['name']): Statement => ({
    kind: 'vmap',
    key,
    map,
  })
  const isIn = (key: readonly Field[], set: NftSet['name']): Condition => ({
    kind: 'in-set',
    key,
    set,
  })
  const goto = (chain: string): Statement => ({ kind: 'goto', chain })
  const masquerade: Statement = { kind: 'masquerade' }

  // A load balancer's address is on no interface: who pings it, where it is announced, hears the node.
  const answerPing = (field: 'oifname' | 'fib daddr oifname'): Rule => ({
    when: [
      { kind: 'echo-request' },
      isIn(['ip daddr'], 'load-balancer-ips'),
      { kind: 'device', field, name: podDevice },
    ],
    do: { kind: 'dnat', to: nodeIP },
  })
  const firewall: Rule = {
    when: [
      { kind: 'new' },
      isIn(DESTINATION, 'firewalled'),
      { kind: 'in-set', key: [...DESTINATION, 'ip saddr'], set: 'source-ranges', not: true },
    ],
    do: { kind: 'drop' },
  }
  const remember: Rule = {
    when: [{ kind: 'new' }, { kind: 'dnatted' }, PORTED],
    do: vmap(ORIGINAL, 'affinity-timeouts'),
  }
  const translate: Rule = { when: [], do: vmap(DESTINATION, 'services') }
  const refuse: Rule = { when: [{ kind: 'new' }], do: goto('refuse-untranslated') }
  const refuseFromOutside: Rule = {
    when: [{ kind: 'new' }, ...fromOutside],
    do: vmap(DESTINATION, 'external-refusals'),
  }

  return [
    {
      name: 'refuse',
      rules: [
        { when: [TCP], do: { kind: 'reject', with: 'tcp reset' } },
        { when: [], do: { kind: 'reject', with: 'icmp port-unreachable' } },
      ],
    },
    {
      name: 'refuse-untranslated',
      rules: [
        { when: [], do: vmap(DESTINATION, 'refusals') },
        { when: [isIn(['ip daddr'], 'cluster-ips')], do: goto('refuse') },
        // Of no Service yet: whoever is a moment too early tries again, which a refusal would forbid.
        ...serviceCIDRs.map(
          (network): Rule => ({
            when: [{ kind: 'address', field: 'ip daddr', network }],
            do: { kind: 'drop' },
          }),
        ),
        {
          when: [
            { kind: 'device', field: 'oifname', name: podDevice },
            isIn(['ip daddr'], 'load-balancer-ips'),
          ],
          do: goto('refuse'),
        },
      ],
    },
    { name: 'mask-all', rules: [{ when: [], do: masquerade }] },
    // Where pods cannot be told, all clients are taken for pods.
    {
      name: 'mask-elsewhere',
      rules: fromElsewhere.length > 0 ? [{ when: fromElsewhere, do: masquerade }] : [],
    },
    {
      name: 'mask-node',
      rules: [{ when: [{ kind: 'local-source' }], do: masquerade }],
    },
    {
      name: 'mask-dnatted',
      rules: [
        {
          when: [PORTED, isIn([...ORIGINAL, 'ip saddr', 'ip daddr'], 'hairpins')],
          do: masquerade,
        },
        {
          when: [{ kind: 'address', field: 'ct original ip daddr', network: serviceCIDR }],
          do: goto(options.masqueradeAll ? 'mask-all' : 'mask-elsewhere'),
        },
        { when: [PORTED], do: vmap(ORIGINAL, 'source-policies') },
      ],
    },
    base('firewall', 'filter', 'prerouting', -110, [firewall]),
    base('firewall-output', 'filter', 'output', -110, [firewall]),
    base('nat-prerouting', 'nat', 'prerouting', -100, [
      { when: fromOutside, do: vmap(DESTINATION, 'external-services') },
      translate,
      answerPing('fib daddr oifname'),
    ]),
    base('nat-output', 'nat', 'output', -100, [translate, answerPing('oifname')]),
    base('remember', 'filter', 'prerouting', -90, [remember]),
    base('remember-output', 'filter', 'output', -90, [remember]),
    base('filter-input', 'filter', 'input', 0, [refuseFromOutside, refuse]),
    base('filter-forward', 'filter', 'forward', 0, [
      ...planInvalid(fromPod(options, 'pod-device')),
      refuseFromOutside,
      refuse,
    ]),
    base('filter-output', 'filter', 'output', 0, [refuse]),
    base('nat-postrouting', 'nat', 'postrouting', 100, [
      { when: [{ kind: 'dnatted' }], do: goto('mask-dnatted') },
    ]),
  ]
}

/**
 * Whether a packet comes from a pod of this node; no condition where that cannot be told.
 *
 * @param otherwise what tells where the options do not say
 */
function fromPod(options: ModeOptions, otherwise: 'pod-device' | 'pod-cidr'): readonly Condition[] {
  const detector = usableDetector(options) ?? otherwise
  if (detector === 'none') return []
  if (detector === 'pod-cidr')
    return [{ kind: 'address', field: 'ip saddr', network: options.podCIDR }]
  const device = { kind: 'device', field: 'iifname' } as const
  if (detector === 'pod-device') return [{ ...device, name: options.podDevice }]
  return [{ ...device, name: detector.prefix, prefix: true }]
}

function fromNoPod(...input: Parameters<typeof fromPod>): readonly Condition[] {
  return fromPod(...input).map((condition) => ({ ...condition, not: true }) as Condition)
}

/**
 * A reply that conntrack cannot place would not be translated back: the client sees an answer from somebody whom it never asked, and resets
 * the connection (k/k#74839). Only what pods of this node send, so that routes may differ both ways elsewhere (k/k#94861).
 */
function planInvalid(fromPods: readonly Condition[]): readonly Rule[] {
  const when: readonly Condition[] = [{ kind: 'invalid' }, ...fromPods, TCP]
  const count = (key: readonly Field[]): Statement => ({
    kind: 'count',
    set: 'invalid-packets',
    key,
    timeoutSeconds: INVALID_SECONDS,
  })
  const toService: Condition = { kind: 'in-set', key: ['ip daddr'], set: 'cluster-ips' }
  return [
    { when, do: count(SOURCE) },
    { when: [...when, toService], do: count(DESTINATION) },
    { when, do: { kind: 'drop' } },
  ]
}

function base(
  name: string,
  type: 'nat' | 'filter',
  hook: NonNullable<Chain['base']>['hook'],
  priority: number,
  rules: readonly Rule[],
): Chain {
  return { name, base: { type, hook, priority }, rules }
}

const spreads = new Map<string, Chain>()

/** Sends to one of `count` endpoints of the virtual destination, each as likely as the others. The same object each time. */
export function planSpreadChain(from: 'endpoints' | 'local-endpoints', count: number): Chain {
  const key = `${from} ${count}`
  const chain = spreads.get(key) ?? makeSpreadChain(from, count)
  spreads.set(key, chain)
  return chain
}

function makeSpreadChain(from: 'endpoints' | 'local-endpoints', count: number): Chain {
  const rules = PROTOCOLS.map((protocol): Rule => {
    const { key, name: map } = planEndpointsMap(from, protocol)
    const condition: Condition = { kind: 'protocol', is: protocol }
    return { when: [condition], do: { kind: 'dnat-map', key, slots: count, map } }
  })
  return { name: from === 'endpoints' ? `spread-${count}` : `spread-local-${count}`, rules }
}

/** Sends a known client where it was sent before. The first choice is `spread`'s; {@link planRememberChain} keeps it. */
export function planStickChain(spread: Chain): Chain {
  return {
    name: spread.name.replace('spread', 'stick'),
    rules: [
      { when: [PORTED], do: { kind: 'choose', key: CLIENT, map: 'affinity' } },
      ...PROTOCOLS.map((protocol): Rule => {
        const { key, name } = planChosenMap(protocol)
        const condition: Condition = { kind: 'protocol', is: protocol }
        return { when: [condition], do: { kind: 'dnat-map', key, map: name } }
      }),
      // Its endpoint is gone, or it has none yet: an entry that stays would keep what it gives.
      { when: [PORTED], do: { kind: 'delete', map: 'affinity', key: CLIENT, value: CHOICE } },
      { when: [], do: { kind: 'goto', chain: spread.name } },
    ],
  }
}

/** Every new connection starts the client's time anew; an entry that is there keeps its endpoint. */
export function planRememberChain(timeoutSeconds: number): Chain {
  return {
    name: `remember-${timeoutSeconds}s`,
    rules: [
      {
        when: [PORTED],
        do: { kind: 'choose', key: [...ORIGINAL, ...ENDPOINT], map: 'affinity-choices' },
      },
      {
        when: [PORTED],
        do: {
          kind: 'update',
          map: 'affinity',
          key: ['ip saddr', ...ORIGINAL],
          value: CHOICE,
          timeoutSeconds,
        },
      },
      { when: [], do: { kind: 'forget-choice' } },
    ],
  }
}
