/**
 * The rules of kube-proxy's own nftables mode, as far as ClusterIPs need them: what ours is measured against. A chain for each Service
 * with an anonymous map over its endpoints, a chain for each endpoint, elements of shared maps. Source: facts/services.md 2.2.
 */
import { createHash } from 'node:crypto'
import type { ServiceModel } from '#service-network/model.ts'

const TABLE = 'ip kube-proxy'

const BASE = `
add table ${TABLE} { comment "rules for kube-proxy" ; }
add chain ${TABLE} filter-prerouting { type filter hook prerouting priority -110 ; }
add chain ${TABLE} filter-input { type filter hook input priority -110 ; }
add chain ${TABLE} filter-forward { type filter hook forward priority -110 ; }
add chain ${TABLE} filter-output { type filter hook output priority -110 ; }
add chain ${TABLE} filter-output-post-dnat { type filter hook output priority -90 ; }
add chain ${TABLE} nat-prerouting { type nat hook prerouting priority -100 ; }
add chain ${TABLE} nat-output { type nat hook output priority -100 ; }
add chain ${TABLE} nat-postrouting { type nat hook postrouting priority 100 ; }
add chain ${TABLE} services
add chain ${TABLE} service-endpoints-check
add chain ${TABLE} cluster-ips-check
add chain ${TABLE} masquerading
add chain ${TABLE} mark-for-masquerade
add chain ${TABLE} reject-chain
add map ${TABLE} service-ips { type ipv4_addr . inet_proto . inet_service : verdict ; }
add map ${TABLE} no-endpoint-services { type ipv4_addr . inet_proto . inet_service : verdict ; }
add set ${TABLE} cluster-ips { type ipv4_addr ; }
add rule ${TABLE} nat-prerouting jump services
add rule ${TABLE} nat-output jump services
add rule ${TABLE} nat-postrouting jump masquerading
add rule ${TABLE} filter-forward ct state new jump service-endpoints-check
add rule ${TABLE} filter-output ct state new jump service-endpoints-check
add rule ${TABLE} filter-forward ct state new jump cluster-ips-check
add rule ${TABLE} filter-output-post-dnat ct state new jump cluster-ips-check
add rule ${TABLE} reject-chain reject
add rule ${TABLE} services ip daddr . meta l4proto . th dport vmap @service-ips
add rule ${TABLE} service-endpoints-check ip daddr . meta l4proto . th dport vmap @no-endpoint-services
add rule ${TABLE} cluster-ips-check ip daddr @cluster-ips reject
add rule ${TABLE} mark-for-masquerade mark set mark or 0x4000
add rule ${TABLE} masquerading mark and 0x4000 == 0 return
add rule ${TABLE} masquerading mark set mark xor 0x4000
add rule ${TABLE} masquerading masquerade fully-random
`

const hash = (text: string) => {
  const digest = createHash('sha256').update(text).digest()
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const bits = [...digest.subarray(0, 5)].reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  return Array.from(
    { length: 8 },
    (_, i) => alphabet[Number((bits >> BigInt(35 - 5 * i)) & 31n)],
  ).join('')
}

interface Rendered {
  readonly chains: readonly string[]
  readonly rules: readonly string[]
  readonly elements: readonly string[]
}

export function renderAll(model: ServiceModel, podCIDR: string): string {
  const all = [...model.keys()].map((key) => renderService(model, key, podCIDR))
  const lines = (part: keyof Rendered) => all.flatMap((each) => each[part]).join('\n')
  return `${BASE}${lines('chains')}\n${lines('rules')}\n${lines('elements')}\n`
}

/** One Service's chains anew, as a sync does after a change of its endpoints: the maps' elements stay. */
export function renderChange(model: ServiceModel, key: string, podCIDR: string): string {
  const { chains, rules } = renderService(model, key, podCIDR)
  const flush = chains.map((line) => line.replace(/^add/, 'flush'))
  return [...chains, ...flush, ...rules, ''].join('\n')
}

function renderService(model: ServiceModel, key: string, podCIDR: string): Rendered {
  const chains: string[] = []
  const rules: string[] = []
  const elements: string[] = []
  const { namespace, name, ports } = model.get(key)!
  for (const { protocol, frontends, endpoints } of ports) {
    const id = `${namespace}/${name}/${protocol}/`
    const service = `service-${hash(id)}-${id}`
    chains.push(`add chain ${TABLE} ${service}`)
    const targets = endpoints.cluster.map(({ ip, port }) => {
      const endpoint = `endpoint-${hash(`${id}__${ip}/${port}`)}-${id}__${ip}/${port}`
      chains.push(`add chain ${TABLE} ${endpoint}`)
      rules.push(`add rule ${TABLE} ${endpoint} ip saddr ${ip} jump mark-for-masquerade`)
      rules.push(`add rule ${TABLE} ${endpoint} meta l4proto ${protocol} dnat to ${ip}:${port}`)
      return endpoint
    })
    for (const { ip, port } of frontends) {
      rules.push(
        `add rule ${TABLE} ${service} ip daddr ${ip} ${protocol} dport ${port} ip saddr != ${podCIDR} jump mark-for-masquerade`,
      )
      elements.push(
        `add element ${TABLE} service-ips { ${ip} . ${protocol} . ${port} : goto ${service} }`,
      )
      elements.push(`add element ${TABLE} cluster-ips { ${ip} }`)
    }
    const choices = targets.map((target, i) => `${i} : goto ${target}`).join(' , ')
    rules.push(
      `add rule ${TABLE} ${service} numgen random mod ${targets.length} vmap { ${choices} }`,
    )
  }
  return { chains, rules, elements }
}
