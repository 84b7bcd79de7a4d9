import { type CIDR, formatCIDR } from '#ip/cidr.ts'

export interface ConflistOptions {
  /** This node's own subnets, one a family: a pod gets an address of each, in this order. */
  readonly podCIDRs: readonly CIDR[]
  /** 0: the kernel's choice. */
  readonly mtuBytes: number
  /** Where addresses in use are kept. Nodes that share a file system must not share it. */
  readonly dataDir: string
  readonly bridge?: string
  /** What pods send beyond their subnets gets the node's address. Not where a daemon of the pod network sees to that. */
  readonly ipMasq?: boolean
}

export const NETWORK_NAME = 'fairlead'

/** The pod network as CNI configuration (SPEC.md 1.0.0, "Configuration format"): one plugin, since each costs an execution. */
export function planConflist({
  podCIDRs,
  mtuBytes,
  dataDir,
  bridge = 'cni0',
  ipMasq = false,
}: ConflistOptions) {
  return {
    // Runtimes that know more take more: 1.1.0 has GC and STATUS.
    cniVersion: '1.0.0',
    cniVersions: ['0.4.0', '1.0.0', '1.1.0'],
    name: NETWORK_NAME,
    plugins: [
      {
        type: 'fairlead',
        capabilities: { portMappings: true, bandwidth: true },
        bridge,
        isGateway: true,
        isDefaultGateway: true,
        hostPrefix: true,
        // The bridge outlives the subnet of a node that is deleted and registered anew.
        forceAddress: true,
        ...(mtuBytes > 0 && { mtu: mtuBytes }),
        ...(ipMasq && { ipMasq }),
        ipam: {
          type: 'host-local',
          ranges: podCIDRs.map((podCIDR) => [{ subnet: formatCIDR(podCIDR) }]),
          dataDir,
        },
      },
    ],
  }
}

/** As kube-flannel.yml has it (flannel-io/flannel, Documentation): a drop-in for its own. */
export function planFlannelConflist() {
  return {
    name: 'cbr0',
    cniVersion: '0.3.1',
    plugins: [
      { type: 'flannel', delegate: { hairpinMode: true, isDefaultGateway: true } },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  }
}
