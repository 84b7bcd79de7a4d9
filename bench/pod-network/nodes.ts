import type { Node } from '#api/core.ts'

/** Room for 32,768 nodes. */
export const POD_NETWORK = '10.128.0.0/9'
export const SERVER_IP = '172.30.0.2'
export const UNDERLAY_PREFIX = 16
/** As many as kubelet tells of (--node-status-max-images). */
const IMAGES = 50
const PREFIX = 'flannel.alpha.coreos.com'

export const nodeName = (n: number) => `node-${n}`
export const nodeIP = (n: number) => `172.30.${(n >> 8) + 1}.${n & 255}`
/** The first address of a node's subnet: its tunnel's. */
export const tunnelIP = (n: number) => `10.${128 + (n >> 8)}.${n & 255}.0`
const vtepMAC = (n: number) =>
  `0a:58:00:00:${[n >> 8, n & 255].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`

/** A node as kubelet and node IPAM leave it, nothing of a pod network on it yet. @param n 1-based */
export function nodeObject(n: number): Node {
  const name = nodeName(n)
  const podCIDR = `${tunnelIP(n)}/24`
  const images = Array.from({ length: IMAGES }, (_, i) => ({
    names: [
      `registry.example/team-${i}/service@sha256:${`${n}`.padStart(4, '0').repeat(16)}`,
      `registry.example/team-${i}/service:v1.${i}`,
    ],
    sizeBytes: 50_000_000 + i,
  }))
  const resources = { cpu: '8', memory: '32Gi', pods: '110', 'ephemeral-storage': '100Gi' }
  return {
    metadata: { name, labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' } },
    spec: { podCIDR, podCIDRs: [podCIDR] },
    status: {
      addresses: [
        { type: 'InternalIP', address: nodeIP(n) },
        { type: 'Hostname', address: name },
      ],
      capacity: resources,
      allocatable: resources,
      conditions: conditions(0),
      images,
    },
  }
}

/** … and with what the network daemon of that node wrote (facts/pod-network.md 3.2). */
export function announcedNode(n: number): Node {
  const node = nodeObject(n)
  const annotations = {
    [`${PREFIX}/kube-subnet-manager`]: 'true',
    [`${PREFIX}/backend-type`]: 'vxlan',
    [`${PREFIX}/backend-data`]: JSON.stringify({ VNI: 1, VtepMAC: vtepMAC(n) }),
    [`${PREFIX}/public-ip`]: nodeIP(n),
  }
  return { ...node, metadata: { ...node.metadata, annotations } }
}

/** What kubelet tells every five minutes where nothing else is new (nodeStatusReportFrequency). */
export function conditions(generation: number) {
  const lastHeartbeatTime = new Date(Date.UTC(2026, 0, 1) + generation * 1000)
    .toISOString()
    .replace('.000', '')
  return (
    [
      ['MemoryPressure', 'False', 'KubeletHasSufficientMemory'],
      ['DiskPressure', 'False', 'KubeletHasNoDiskPressure'],
      ['PIDPressure', 'False', 'KubeletHasSufficientPID'],
      ['Ready', 'True', 'KubeletReady'],
    ] as const
  ).map(([type, status, reason]) => ({
    type,
    status,
    reason,
    message: reason,
    lastHeartbeatTime,
    lastTransitionTime: '2026-01-01T00:00:00Z',
  }))
}
