import type { Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import { cidr, nthAddress } from '#ip/cidr.ts'
import { type IP, ip } from '#ip/ip.ts'

/** A cluster large enough for 30,000 Services: their addresses, and those of their endpoints. */
export const SERVICE_CIDR = cidr('10.96.0.0/15')
export const POD_CIDR = cidr('10.128.0.0/9')
export const NODE_IP = ip('172.30.0.11')
export const PORT = 80
export const TARGET_PORT = 8080

export const nameOf = (index: number) => `svc-${index}`
export const clusterIPOf = (index: number): IP => nthAddress(SERVICE_CIDR, index + 16)

/** @param index 0-based */
export function serviceOf(index: number): Service {
  const clusterIP = clusterIPOf(index)
  return {
    metadata: { name: nameOf(index), namespace: 'bench', uid: `uid-${index}` },
    spec: {
      type: 'ClusterIP',
      clusterIP,
      clusterIPs: [clusterIP],
      ports: [{ protocol: 'TCP', port: PORT, targetPort: TARGET_PORT }],
    },
  }
}

/**
 * The slice of Service `index`. Its endpoints are pods of its own, or, where `addresses` says so, these.
 *
 * @param generation Another one moves the first endpoint: what a rolling update does
 */
export function sliceOf(
  index: number,
  endpoints: number,
  generation = 0,
  addresses?: readonly string[],
): EndpointSlice {
  const own = Array.from({ length: endpoints }, (_, i) =>
    nthAddress(POD_CIDR, index * 16 + 1 + i + (i === 0 && generation % 2 === 1 ? 15 : 0)),
  )
  return {
    metadata: {
      name: `${nameOf(index)}-x`,
      namespace: 'bench',
      labels: { 'kubernetes.io/service-name': nameOf(index) },
    },
    addressType: 'IPv4',
    endpoints: (addresses ?? own).map((address) => ({
      addresses: [address],
      nodeName: 'node2',
      conditions: { ready: true },
    })),
    ports: [{ name: '', protocol: 'TCP', port: TARGET_PORT }],
  }
}
