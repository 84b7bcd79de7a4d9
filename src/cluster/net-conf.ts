import type { ConfigMap, Namespace } from '#api/core.ts'
import { formatCIDR } from '#ip/cidr.ts'
import { familyOf } from '#ip/ip.ts'
import { type AddressPlan, planAddresses } from './address-plan.ts'
import { CLOUD, cloudURL } from './cloud.ts'
import type { ClusterOptions } from './options.ts'

/** The part `Backend` of net-conf.json: what the nodes' daemons run with. */
export function planBackend(
  { backend = 'vxlan', directRouting }: ClusterOptions,
  plan: AddressPlan,
): { readonly Type: string } & Readonly<Record<string, unknown>> {
  return {
    Type: backend,
    ...(directRouting && { DirectRouting: true }),
    ...(backend === CLOUD && { URL: cloudURL(plan) }),
  }
}

const LABELS = { tier: 'node', 'k8s-app': 'flannel', app: 'flannel' }

/**
 * What flannel's manifest keeps of a pod network in the cluster (Documentation/kube-flannel.yml): another node's flanneld, or
 * `fairlead pod-network`, joins by it. The nodes of `up` have it from their options, with rules in nftables.
 */
export function planNetConf(options: ClusterOptions): readonly [Namespace, ConfigMap] {
  const plan = planAddresses(options)
  const network = (family: 4 | 6) => {
    const found = plan.podCIDRs.find(({ address }) => familyOf(address) === family)
    return found && formatCIDR(found)
  }
  const [v4, v6] = [network(4), network(6)]
  const conf = {
    ...(v4 ? { Network: v4 } : { EnableIPv4: false }),
    ...(v6 && { EnableIPv6: true, IPv6Network: v6 }),
    EnableNFTables: true,
    Backend: planBackend(options, plan),
  }
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: 'kube-flannel',
        labels: { 'k8s-app': 'flannel', 'pod-security.kubernetes.io/enforce': 'privileged' },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kube-flannel-cfg', namespace: 'kube-flannel', labels: LABELS },
      data: { 'cni-conf.json': textOf(CNI_CONF), 'net-conf.json': textOf(conf) },
    },
  ]
}

const CNI_CONF = {
  name: 'cbr0',
  cniVersion: '0.3.1',
  plugins: [
    { type: 'flannel', delegate: { hairpinMode: true, isDefaultGateway: true } },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
}

function textOf(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
