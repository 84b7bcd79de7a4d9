import { type CIDR, formatCIDR } from '#ip/cidr.ts'
import { familyOf } from '#ip/ip.ts'
import { chainName } from '../iptables-chains.ts'
import { isUnspecified, mappingsOf, type PortMapping, type PortmapConfig } from './config.ts'

/*
 * The reference plugin's iptables form, chain by chain and rule by rule (plugins/meta/portmap/portmap_iptables.go):
 *
 *   PREROUTING, OUTPUT ─ to an address of the node ─▶ CNI-HOSTPORT-DNAT ─ its ports ─▶ CNI-DN-<hash>: mark what must be masqueraded, DNAT
 *   POSTROUTING ─▶ CNI-HOSTPORT-MASQ: masquerade what is marked
 */

export const DNAT_CHAIN = 'CNI-HOSTPORT-DNAT'
const SET_MARK_CHAIN = 'CNI-HOSTPORT-SETMARK'
const MASQUERADE_CHAIN = 'CNI-HOSTPORT-MASQ'

type Rule = readonly string[]

/** What all containers share. */
export interface SharedPlan {
  /** Chains whose whole content is known: emptied and written anew. */
  readonly chains: readonly { readonly name: string; readonly rules: readonly Rule[] }[]
  /** Rules that must be there once, as arguments after `-A`; those of `first` before all others. */
  readonly entries: readonly { readonly rule: Rule; readonly first: boolean }[]
}

/** What one container has. */
export interface ContainerPlan {
  readonly chain: string
  readonly rules: readonly Rule[]
  /** Rules of {@link DNAT_CHAIN}. */
  readonly entries: readonly Rule[]
}

export function planShared({ snat, externalSetMarkChain, markMasqBit }: PortmapConfig): SharedPlan {
  const entries = ['PREROUTING', 'OUTPUT'].map((hook) => ({
    rule: [hook, '-m', 'addrtype', '--dst-type', 'LOCAL', '-j', DNAT_CHAIN],
    first: false,
  }))
  if (!snat || externalSetMarkChain !== undefined) return { chains: [], entries }
  const value = `0x${(2 ** markMasqBit).toString(16)}`
  const mark = `${value}/${value}`
  return {
    chains: [
      {
        name: SET_MARK_CHAIN,
        rules: [[...comment('CNI portfwd masquerade mark'), '-j', 'MARK', '--set-xmark', mark]],
      },
      {
        name: MASQUERADE_CHAIN,
        rules: [['-m', 'mark', '--mark', mark, '-j', 'MASQUERADE']],
      },
    ],
    entries: [
      ...entries,
      {
        // Before the masquerading of bridge and ptp, which accepts what stays inside the pod's network.
        rule: [
          'POSTROUTING',
          ...comment('CNI portfwd requiring masquerade'),
          '-j',
          MASQUERADE_CHAIN,
        ],
        first: true,
      },
    ],
  }
}

export interface PortMapOwner {
  readonly networkName: string
  readonly containerID: string
}

export function planContainer(
  config: PortmapConfig,
  { networkName, containerID }: PortMapOwner,
  pod: CIDR,
): ContainerPlan {
  const family = familyOf(pod.address)
  const chain = chainName('DN-', networkName, containerID)
  const conditions = family === 4 ? config.conditionsV4 : config.conditionsV6
  const note = comment(trimComment(`dnat name: "${networkName}" id: "${containerID}"`))
  return {
    chain,
    rules: mappingsOf(config, pod.address).flatMap((mapping) => planMapping(config, mapping, pod)),
    // By all mappings, also those of an address of the other family: as the reference does, so that it finds them.
    entries: portGroups(config.mappings).map(({ protocol, ports }) => [
      ...[...note, '-m', 'multiport', '-p', protocol, '--destination-ports', ports],
      ...[...conditions, '-j', chain],
    ]),
  }
}

function planMapping(
  { snat, masqAll, externalSetMarkChain = SET_MARK_CHAIN }: PortmapConfig,
  { protocol, hostPort, hostIP, containerPort }: PortMapping,
  pod: CIDR,
): readonly Rule[] {
  const isV4 = familyOf(pod.address) === 4
  const match = [
    ...['-p', protocol, '--dport', `${hostPort}`],
    ...(hostIP && !isUnspecified(hostIP) ? ['-d', hostIP] : []),
  ]
  const all = isV4 ? '0.0.0.0/0' : '::/0'
  // The pod's whole network, as the reference: a neighbour on the same bridge would be answered past the node.
  const sources = [masqAll ? all : formatCIDR(pod), ...(isV4 && !masqAll ? ['127.0.0.1'] : [])]
  const target = isV4 ? `${pod.address}:${containerPort}` : `[${pod.address}]:${containerPort}`
  return [
    ...(snat ? sources.map((source) => [...match, '-s', source, '-j', externalSetMarkChain]) : []),
    [...match, '-j', 'DNAT', '--to-destination', target],
  ]
}

/** The match multiport takes 15 ports. */
const MAX_PORTS = 15

function portGroups(mappings: readonly PortMapping[]) {
  const protocols = [...new Set(mappings.map(({ protocol }) => protocol))].sort()
  return protocols.flatMap((protocol) => {
    const ports = mappings.filter((it) => it.protocol === protocol).map(({ hostPort }) => hostPort)
    const count = Math.ceil(ports.length / MAX_PORTS)
    return Array.from({ length: count }, (_, i) => ({
      protocol,
      ports: ports.slice(i * MAX_PORTS, (i + 1) * MAX_PORTS).join(','),
    }))
  })
}

function comment(text: string): readonly string[] {
  return ['-m', 'comment', '--comment', text]
}

/** XT_MAX_COMMENT_LEN less the closing zero. */
const MAX_COMMENT_CHARACTERS = 255

function trimComment(text: string): string {
  return text.length <= MAX_COMMENT_CHARACTERS ? text : `${text.slice(0, 253)}...`
}
