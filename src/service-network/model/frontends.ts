import type { Service, ServicePort } from '#api/core.ts'
import type { IP } from '#ip/ip.ts'
import type { Frontend, Ignored } from '../model.ts'
import { checkAddress } from './check-address.ts'
import { isPortNumber } from './collect-endpoints.ts'
import type { NodeView } from './node-view.ts'

/** The virtual addresses of a Service in one family, before its ports; each kind sorted. */
export interface ServiceAddresses {
  readonly clusterIP: IP | undefined
  readonly loadBalancerIPs: readonly IP[]
  readonly externalIPs: readonly IP[]
}

export function addressesOf(
  service: Service,
  { family, allowExternalIPs = false }: NodeView,
  ignore: (ignored: Ignored) => void,
): ServiceAddresses {
  const { spec } = service
  const check = (what: Ignored['what'], texts: readonly string[]): readonly IP[] => {
    if (texts.length === 0) return NONE
    const ips: IP[] = []
    for (const text of texts) {
      const checked = checkAddress(text, family)
      if ('ip' in checked) ips.push(checked.ip)
      // The other family's address of a dual-stack Service is no mistake.
      else if (checked.fault !== 'wrong-family')
        ignore({ what, value: text, reason: checked.fault })
    }
    return ips
  }
  return {
    clusterIP: check('cluster-ip', clusterIPTexts(spec))[0],
    loadBalancerIPs: sorted(check('load-balancer-ip', ingressTexts(service))),
    externalIPs: allowExternalIPs ? sorted(check('external-ip', spec.externalIPs ?? NONE)) : NONE,
  }
}

/** Most Services have none of these, and share this. */
const NONE: readonly never[] = []

function sorted(ips: readonly IP[]): readonly IP[] {
  return ips.length < 2 ? ips : ips.toSorted()
}

/** With ipMode Proxy the traffic must pass through the load balancer itself (KEP-1860). */
function ingressTexts({ spec, status }: Service): readonly string[] {
  const ingress = spec.type === 'LoadBalancer' ? status?.loadBalancer?.ingress : undefined
  return ingress?.flatMap(({ ip, ipMode }) => (ip && ipMode !== 'Proxy' ? [ip] : [])) ?? NONE
}

function clusterIPTexts({ clusterIP, clusterIPs }: Service['spec']): readonly string[] {
  return clusterIPs?.length ? clusterIPs : clusterIP ? [clusterIP] : []
}

/** @param taken what earlier ports of the Service have, which this one may not have too; frontends are added to it */
export function frontendsOf(
  { clusterIP, loadBalancerIPs, externalIPs }: ServiceAddresses,
  { port, nodePort, protocol = 'TCP' }: ServicePort,
  nodePortIPs: readonly IP[],
  taken: Set<string>,
): readonly Frontend[] {
  const all: Frontend[] = []
  const add = (kind: Frontend['kind'], ip: IP, number: number) => {
    const key = `${ip} ${protocol} ${number}`
    if (!taken.has(key)) all.push({ kind, ip, port: number })
    taken.add(key)
  }
  if (clusterIP) add('ClusterIP', clusterIP, port)
  if (isPortNumber(nodePort)) for (const ip of nodePortIPs) add('NodePort', ip, nodePort)
  for (const ip of loadBalancerIPs) add('LoadBalancer', ip, port)
  for (const ip of externalIPs) add('ExternalIP', ip, port)
  return all
}
