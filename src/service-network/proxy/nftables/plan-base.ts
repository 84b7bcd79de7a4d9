import { type ModeOptions, usableDetector } from '../mode.ts'
import type { Chain, Condition, Field, NftSet, Rule, Statement } from './nft-plan.ts'
import { DESTINATION, ORIGINAL, PORTED, SOURCE } from './sets.ts'

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

const TCP: Condition = { kind: 'protocol', is: 'tcp' }
const INVALID_SECONDS = 86_400

const vmap = (key: readonly Field[], map: NftSet['name']): Statement => ({ kind: 'vmap', key, map })
const goto = (chain: string): Statement => ({ kind: 'goto', chain })
const isIn = (key: readonly Field[], set: NftSet['name']): Condition => ({
  kind: 'in-set',
  key,
  set,
})
const MASQUERADE: Statement = { kind: 'masquerade' }

/** The chains that are always there. */
export function planBaseChains(options: ModeOptions): readonly Chain[] {
  return [...planRefusals(options), ...planMasquerades(options), ...planHooks(options)]
}

function planRefusals({
  serviceCIDR,
  serviceCIDRs = [serviceCIDR],
  podDevice,
}: ModeOptions): readonly Chain[] {
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
  ]
}

function planMasquerades(options: ModeOptions): readonly Chain[] {
  const fromElsewhere = fromNoPod(options, 'pod-cidr')
  const rulesOfDNAT: readonly Rule[] = [
    {
      when: [PORTED, isIn([...ORIGINAL, 'ip saddr', 'ip daddr'], 'hairpins')],
      do: MASQUERADE,
    },
    {
      when: [{ kind: 'address', field: 'ct original ip daddr', network: options.serviceCIDR }],
      do: goto(options.masqueradeAll ? 'mask-all' : 'mask-elsewhere'),
    },
    { when: [PORTED], do: vmap(ORIGINAL, 'source-policies') },
  ]
  return [
    { name: 'mask-all', rules: [{ when: [], do: MASQUERADE }] },
    // Where pods cannot be told, all clients are taken for pods.
    {
      name: 'mask-elsewhere',
      rules: fromElsewhere.length > 0 ? [{ when: fromElsewhere, do: MASQUERADE }] : [],
    },
    { name: 'mask-node', rules: [{ when: [{ kind: 'local-source' }], do: MASQUERADE }] },
    { name: 'mask-dnatted', rules: rulesOfDNAT },
  ]
}

/** Where packets come by. */
function planHooks(options: ModeOptions): readonly Chain[] {
  const fromOutside = fromNoPod(options, 'pod-device')
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
    base('firewall', 'filter', 'prerouting', -110, [firewall]),
    base('firewall-output', 'filter', 'output', -110, [firewall]),
    base('nat-prerouting', 'nat', 'prerouting', -100, [
      { when: fromOutside, do: vmap(DESTINATION, 'external-services') },
      translate,
      answerPing('fib daddr oifname', options),
    ]),
    base('nat-output', 'nat', 'output', -100, [translate, answerPing('oifname', options)]),
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

/** A load balancer's address is on no interface: who pings it, where it is announced, hears the node. */
function answerPing(
  field: 'oifname' | 'fib daddr oifname',
  { nodeIP, podDevice }: ModeOptions,
): Rule {
  return {
    when: [
      { kind: 'echo-request' },
      isIn(['ip daddr'], 'load-balancer-ips'),
      { kind: 'device', field, name: podDevice },
    ],
    do: { kind: 'dnat', to: nodeIP },
  }
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
