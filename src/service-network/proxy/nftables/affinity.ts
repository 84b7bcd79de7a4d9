import { type IP, parseIP } from '#ip/ip.ts'
import type { Protocol, ServiceModel } from '../../model.ts'
import type { Element } from './nft-plan.ts'

/** One client that was sent to one endpoint, and comes back to it until `expiresSeconds` are over. The kernel enters and ages them. */
export interface AffinityEntry {
  readonly client: IP
  readonly frontend: Frontend
  readonly endpoint: { readonly ip: IP; readonly port: number }
  readonly timeoutSeconds: number
  readonly expiresSeconds: number
}

interface Frontend {
  readonly ip: IP
  readonly protocol: Protocol
  readonly port: number
}

/** What nft(8) prints with -j for one element: libnftables-json(5), "SET/MAP". */
type ListedElement = readonly [
  {
    readonly elem: {
      readonly val: { readonly concat: readonly [string, string, string, number] }
      readonly timeout: number
      readonly expires: number
    }
  },
  { readonly concat: readonly [string, number] },
]

/** Reads `nft -j list map ip fairlead-proxy affinity`. Entries that do not look like ours are left out. */
export function parseAffinity(json: string): readonly AffinityEntry[] {
  const { nftables } = JSON.parse(json) as {
    readonly nftables: readonly { readonly map?: { readonly elem?: readonly ListedElement[] } }[]
  }
  return nftables.flatMap(({ map }) => map?.elem ?? []).flatMap(parseElement)
}

function parseElement([listed, value]: ListedElement): readonly AffinityEntry[] {
  const { val, timeout, expires } = listed.elem
  const [clientText, vipText, protocol, port] = val.concat
  const [client, vip, ip] = [clientText, vipText, value.concat[0]].map(parseIP)
  if (!client || !vip || !ip || !isProtocol(protocol)) return []
  return [
    {
      client,
      frontend: { ip: vip, protocol, port },
      endpoint: { ip, port: value.concat[1] },
      timeoutSeconds: timeout,
      expiresSeconds: expires,
    },
  ]
}

function isProtocol(text: string): text is Protocol {
  return text === 'tcp' || text === 'udp' || text === 'sctp'
}

/** Splits entries into those whose endpoint still gets traffic for their frontend, and those who must choose anew. */
export function sortAffinity(
  entries: readonly AffinityEntry[],
  model: ServiceModel,
): { readonly live: readonly AffinityEntry[]; readonly stale: readonly AffinityEntry[] } {
  const endpoints = new Set<string>()
  for (const { ports } of model.values()) {
    for (const { affinityTimeoutSeconds, frontends, protocol, endpoints: selected } of ports) {
      if (affinityTimeoutSeconds === undefined) continue
      for (const endpoint of [...selected.cluster, ...selected.local])
        for (const frontend of frontends) endpoints.add(keyOf({ ...frontend, protocol }, endpoint))
    }
  }
  const isLive = (entry: AffinityEntry) => endpoints.has(keyOf(entry.frontend, entry.endpoint))
  return { live: entries.filter(isLive), stale: entries.filter((entry) => !isLive(entry)) }
}

function keyOf(
  { ip, protocol, port }: Frontend,
  endpoint: { readonly ip: IP; readonly port: number },
): string {
  return `${ip} ${protocol} ${port} ${endpoint.ip} ${endpoint.port}`
}

/** The entry as an element of the map. */
export function toElement({ client, frontend, endpoint, ...times }: AffinityEntry): Element {
  return {
    set: 'affinity',
    key: [client, frontend.ip, frontend.protocol, frontend.port],
    value: { kind: 'endpoint', ...endpoint },
    ...times,
  }
}
