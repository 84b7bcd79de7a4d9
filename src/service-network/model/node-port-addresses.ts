import { type CIDR, cidrContains, parseCIDR } from '#ip/cidr.ts'
import { type Family, familyOf, type IP } from '#ip/ip.ts'
import type { ServiceModelOptions } from '../model.ts'

/**
 * Where nodePorts are open: on the node's primary address, on every address of it, on those within networks, on loopback. The words and
 * how they mix are `kube-proxy --nodeport-addresses`'s (KEP-6032).
 */
export type NodePortAddresses = readonly ('primary' | 'all' | 'localhost' | CIDR)[]

const WORDS = ['primary', 'all', 'localhost'] as const

/** @throws SyntaxError where a text is neither a word nor a network */
export function parseNodePortAddresses(texts: readonly string[]): NodePortAddresses {
  return texts.map((text) => {
    const word = WORDS.find((each) => each === text)
    const network = word ?? parseCIDR(text)
    if (!network) {
      throw new SyntaxError(
        `Cannot use nodePort address ${JSON.stringify(text)}: it is no network such as 172.30.0.0/24 (or one of ${WORDS.join(', ')})`,
      )
    }
    return network
  })
}

/**
 * The node's own addresses that packets for nodePorts may be addressed to, of the model's family, sorted. Loopback is never among them: a
 * packet with such a source or destination cannot leave the node translated, so that `localhost` takes a listener instead.
 */
export function selectNodePortIPs({
  nodeIP,
  nodeAddresses = [],
  nodePortAddresses = ['primary'],
}: ServiceModelOptions): readonly IP[] {
  const family = familyOf(nodeIP)
  const own = [nodeIP, ...nodeAddresses].filter((ip) => familyOf(ip) === family && !isOfOneLink(ip))
  const isChosen = (ip: IP) =>
    nodePortAddresses.some((one) => {
      if (one === 'primary') return ip === nodeIP
      if (one === 'localhost') return false
      return one === 'all' || cidrContains(one, ip)
    })
  return [...new Set(own.filter(isChosen))].sort()
}

/** Whether nodePorts shall answer on the node's loopback, too. */
export function opensLocalhost(
  family: Family,
  nodePortAddresses: NodePortAddresses = ['primary'],
): boolean {
  const loopback = (family === 4 ? '127.0.0.1' : '::1') as IP
  return nodePortAddresses.some((one) => {
    if (typeof one === 'string') return one === 'localhost' || one === 'all'
    return cidrContains(one, loopback)
  })
}

function isOfOneLink(ip: IP): boolean {
  return ip.startsWith('127.') || ip === '::1' || /^fe[89ab]/.test(ip)
}
