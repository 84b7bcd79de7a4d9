import { hash } from 'node:crypto'
import type { ProxiedEndpoint, ProxiedPort, ProxiedService } from '../../model.ts'
import type { Settings } from './iptables-plan.ts'

/** The chains of one Service port, and the name that comments give it. */
export interface PortNames {
  /** `namespace/name:port`; without a port's name it has no colon today, and had one in the classic layout. */
  readonly comment: string
  readonly cluster: string
  readonly local: string
  readonly external: string
  readonly firewall: string
  endpoint(endpoint: ProxiedEndpoint): string
}

/** Names are hashes, so that they fit in iptables' 28 characters: k/k pkg/proxy/iptables/proxier.go, facts/services.md 2.0. */
export function namesOf(
  { namespace, name }: ProxiedService,
  port: ProxiedPort,
  { layout }: Pick<Settings, 'layout'>,
): PortNames {
  const hasColon = port.name !== '' || layout === 'classic'
  const comment = `${namespace}/${name}${hasColon ? ':' : ''}${port.name}`
  const hashed = `${comment}${port.protocol}`
  const id = hashOf(hashed)
  const endpoints = new Map<ProxiedEndpoint, string>()
  return {
    comment,
    cluster: `KUBE-SVC-${id}`,
    local: layout === 'classic' ? `KUBE-XLB-${id}` : `KUBE-SVL-${id}`,
    external: `KUBE-EXT-${id}`,
    firewall: `KUBE-FW-${id}`,
    endpoint(endpoint) {
      const known = endpoints.get(endpoint) ?? `KUBE-SEP-${hashOf(hashed + endpointText(endpoint))}`
      endpoints.set(endpoint, known)
      return known
    },
  }
}

/** `10.244.1.7:8080`, `[fd00::7]:8080`. */
export function endpointText({ ip, port }: Pick<ProxiedEndpoint, 'ip' | 'port'>): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}

/** Chains that belong to one Service: what is not planned of them is left over. */
export function isServiceChain(name: string): boolean {
  return /^KUBE-(?:SVC|SVL|XLB|SEP|FW|EXT)-/.test(name)
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** The first 16 characters of the SHA-256 in base 32 (RFC 4648), which are its first ten bytes. */
export function hashOf(text: string): string {
  const bytes = hash('sha256', text, 'buffer')
  let encoded = ''
  // Five bytes are eight characters.
  for (const start of [0, 5]) {
    const high = bytes.readUIntBE(start, 2) * 16 + (bytes[start + 2]! >> 4)
    const low = (bytes.readUIntBE(start + 2, 3) & 0xfffff) >>> 0
    for (const part of [high, low]) {
      for (const shift of [15, 10, 5, 0]) encoded += BASE32[(part >> shift) & 31]
    }
  }
  return encoded
}
