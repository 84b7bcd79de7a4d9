import type { Node } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import type { Informer } from '#client/informer.ts'
import {
  type AnnotationKeys,
  annotationKeys,
  givenAddresses,
  hasAnnotations,
  isSameLease,
  leaseOfNode,
  planAnnotations,
  podCIDRsOf,
} from '../annotations.ts'
import type { Lease } from '../lease.ts'
import type { LeaseAttributes, SubnetManager } from './subnet-manager.ts'

export interface KubeSubnetManagerOptions {
  readonly nodeName: string
  readonly annotationPrefix?: string
  /** Whether the node's condition NetworkUnavailable is set to False; by default it is. */
  readonly setsCondition?: boolean
}

/** Leases as flannel keeps them in Node objects: the podCIDRs that node IPAM gave, and annotations (pkg/subnet/kube). */
export function createKubeSubnetManager(
  { nodes, api }: { readonly nodes: Informer<Node>; readonly api: API },
  options: KubeSubnetManagerOptions,
): SubnetManager {
  const { nodeName } = options
  const keys = annotationKeys(options.annotationPrefix)
  const ownNode = () => nodes.get({ name: nodeName })
  /** Objects of an informer are never changed, and most are the same as last time. */
  const read = new WeakMap<Node, { readonly lease: Lease | undefined }>()
  const leaseOf = (node: Node) => {
    const known = read.get(node) ?? { lease: leaseOfNode(node, keys) }
    read.set(node, known)
    return known.lease
  }
  return {
    synced: nodes.synced,
    async acquire() {
      const node = ownNode()
      const subnets = node ? podCIDRsOf(node) : {}
      return subnets[4] || subnets[6] ? subnets : undefined
    },
    published(backendType) {
      const node = ownNode()
      const lease = node && leaseOfNode(node, keys)
      return lease?.backendType === backendType ? lease.data : {}
    },
    givenAddresses() {
      const node = ownNode()
      if (!node) return {}
      const { own, overwrite } = givenAddresses(node, keys)
      return { ...own, ...overwrite }
    },
    publish: (attributes) => publish(api, ownNode(), attributes, keys, options),
    peers: () =>
      nodes
        .list()
        .filter(({ metadata }) => metadata.name !== nodeName)
        .flatMap((node) => leaseOf(node) ?? []),
    // Every kubelet reports on its node every few minutes: of many nodes there is always one.
    subscribe: (listener) =>
      nodes.subscribe(({ type, object, previous }) => {
        const isOld = type === 'modified' && previous && isSameLease(object, previous, keys)
        if (!isOld) listener()
      }),
  }
}

/** In one patch of the node's status, as flannel: what the others must know, and that the network works here. */
async function publish(
  api: API,
  node: Node | undefined,
  attributes: LeaseAttributes,
  keys: AnnotationKeys,
  { setsCondition = true }: KubeSubnetManagerOptions,
): Promise<void> {
  if (!node) return
  const annotations = planAnnotations(attributes, keys)
  const condition = node.status?.conditions?.find(({ type }) => type === 'NetworkUnavailable')
  const isSaid = !setsCondition || condition?.status === 'False'
  if (hasAnnotations(node, annotations) && isSaid) return
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z')
  const available = {
    type: 'NetworkUnavailable',
    status: 'False',
    reason: 'FlannelIsUp',
    message: 'Flannel is running on this node',
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  }
  const patch = {
    metadata: { annotations },
    ...(setsCondition && { status: { conditions: [available] } }),
  }
  await api.patch(resources.nodes, { name: node.metadata.name }, 'strategic', patch, 'status')
}
