import { type CIDR, formatCIDR } from '#ip/cidr.ts'
import { familyOf, type IP, ip as toIP } from '#ip/ip.ts'
import type { Frontend, Protocol, ProxiedPort } from '../../model.ts'
import type { SetName } from './ip-sets.ts'

/** Entries are in ipset's own words, as it prints them. */
export type AddEntry = (set: SetName, entry: string) => void

export function ipPort(ip: IP, protocol: Protocol, port: number): string {
  return `${ip},${protocol}:${port}`
}

/** An endpoint that reaches itself through its Service must be masqueraded: else its reply would never leave it. */
export function addPortEntries({ protocol, endpoints }: ProxiedPort, add: AddEntry): void {
  for (const { ip, port } of [...endpoints.cluster, ...endpoints.local]) {
    add('KUBE-LOOP-BACK', `${ipPort(ip, protocol, port)},${ip}`)
  }
}

export function addFrontendEntries(port: ProxiedPort, frontend: Frontend, add: AddEntry): void {
  const { protocol, endpoints, externalTrafficPolicy, internalTrafficPolicy } = port
  const entry = ipPort(frontend.ip, protocol, frontend.port)
  const isLocal = externalTrafficPolicy === 'Local'
  const lacksLocal = endpoints.local.length === 0 && endpoints.cluster.length > 0
  if (frontend.kind === 'ClusterIP') {
    add('KUBE-CLUSTER-IP', entry)
    if (internalTrafficPolicy === 'Local' && lacksLocal) add('FAIRLEAD-NO-LOCAL', entry)
    return
  }
  if (isLocal && lacksLocal) add('FAIRLEAD-NO-LOCAL-EXTERNAL', entry)
  switch (frontend.kind) {
    case 'ExternalIP':
      add(isLocal ? 'KUBE-EXTERNAL-IP-LOCAL' : 'KUBE-EXTERNAL-IP', entry)
      return
    case 'LoadBalancer':
      add('KUBE-LOAD-BALANCER', entry)
      if (isLocal) add('KUBE-LOAD-BALANCER-LOCAL', entry)
      addSourceRanges(port, frontend, entry, add)
      return
    case 'NodePort':
      addNodePort(protocol, frontend, isLocal, add)
  }
}

function addSourceRanges(
  { sourceRanges, allowsVIPAsSource }: ProxiedPort,
  { ip }: Frontend,
  entry: string,
  add: AddEntry,
): void {
  if (!sourceRanges) return
  add('KUBE-LOAD-BALANCER-FW', entry)
  for (const range of sourceRanges.flatMap(splitEverything)) {
    add('KUBE-LOAD-BALANCER-SOURCE-CIDR', `${entry},${formatRange(range)}`)
  }
  if (allowsVIPAsSource) add('KUBE-LOAD-BALANCER-SOURCE-IP', `${entry},${ip}`)
}

/** ipset knows no network of size zero: everything is two halves. */
function splitEverything(range: CIDR): readonly CIDR[] {
  if (range.prefixLength > 0) return [range]
  const halves = familyOf(range.address) === 4 ? ['0.0.0.0', '128.0.0.0'] : ['::', '8000::']
  return halves.map((half) => ({ address: toIP(half), prefixLength: 1 }))
}

/** A network of one address is printed without its length. */
function formatRange(range: CIDR): string {
  const bits = familyOf(range.address) === 4 ? 32 : 128
  return range.prefixLength === bits ? range.address : formatCIDR(range)
}

function addNodePort(
  protocol: Protocol,
  { ip, port }: Frontend,
  isLocal: boolean,
  add: AddEntry,
): void {
  // A bitmap of ports does not know SCTP.
  if (protocol === 'sctp') {
    add('KUBE-NODE-PORT-SCTP-HASH', ipPort(ip, protocol, port))
    if (isLocal) add('KUBE-NODE-PORT-LOCAL-SCTP-HASH', ipPort(ip, protocol, port))
    return
  }
  add(protocol === 'tcp' ? 'KUBE-NODE-PORT-TCP' : 'KUBE-NODE-PORT-UDP', `${port}`)
  if (isLocal) {
    add(protocol === 'tcp' ? 'KUBE-NODE-PORT-LOCAL-TCP' : 'KUBE-NODE-PORT-LOCAL-UDP', `${port}`)
  }
}
