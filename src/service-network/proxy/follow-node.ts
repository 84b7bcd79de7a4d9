import type { Node } from '#api/core.ts'
import type { Informer } from '#client/informer.ts'
import type { IP } from '#ip/ip.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { type ServiceIndex, type ServiceModelOptions, selectNodePortIPs } from '../model.ts'

export interface NodeSources {
  /** Where the node's zone is read; without it the zone stays as it was given. */
  readonly nodes?: Informer<Node>
  readonly netns?: Netns
}

export interface FollowedNode extends Disposable {
  /** The addresses that nodePorts are open on. */
  nodePortIPs(): readonly IP[]
  /** Reads the node's addresses anew, where nodePorts depend on them. Rings where they changed, also when the kernel tells of it. */
  refresh(): Promise<void>
}

const ZONE_LABEL = 'topology.kubernetes.io/zone'

/** Keeps what an index knows of its node: the zone from the Node object, the addresses from the kernel. */
export async function followNode(
  index: ServiceIndex,
  { nodes, netns }: NodeSources,
  options: ServiceModelOptions,
  ring: () => void,
): Promise<FollowedNode> {
  const { nodePortAddresses = ['primary'] } = options
  const needsAddresses = nodePortAddresses.some((one) => one !== 'primary' && one !== 'localhost')
  let zone = options.zone
  let nodeAddresses: readonly IP[] = needsAddresses ? await addressesOf(netns) : []
  const tell = () => {
    index.setNode({ ...(zone !== undefined && { zone }), nodeAddresses })
    ring()
  }
  const unsubscribe = nodes?.subscribe(({ type, object }) => {
    if (object.metadata.name !== options.nodeName || type === 'deleted') return
    const found = object.metadata.labels?.[ZONE_LABEL]
    if (found === zone) return
    zone = found
    tell()
  })
  if (needsAddresses) tell()
  const refresh = async () => {
    if (!needsAddresses) return
    const found = await addressesOf(netns)
    if (found.join() === nodeAddresses.join()) return
    nodeAddresses = found
    tell()
  }
  const watching = needsAddresses ? await watchAddresses(refresh, netns) : undefined
  return {
    nodePortIPs: () => selectNodePortIPs({ ...options, nodeAddresses }),
    refresh,
    [Symbol.dispose]() {
      unsubscribe?.()
      watching?.[Symbol.dispose]()
    },
  }
}

/** Of many changes in a row one is told. */
const SETTLE_MS = 50

async function watchAddresses(
  changed: () => Promise<void>,
  netns: Netns | undefined,
): Promise<Disposable> {
  const { watchChanges } = await import('#kernel/netlink/watch-changes.ts')
  let timer: NodeJS.Timeout | undefined
  const watching = watchChanges(({ kind }) => {
    if (kind !== 'address' && kind !== 'anything') return
    timer ??= setTimeout(() => {
      timer = undefined
      void changed()
    }, SETTLE_MS)
  }, netns)
  return {
    [Symbol.dispose]() {
      clearTimeout(timer)
      watching[Symbol.dispose]()
    },
  }
}

/** All of the node's, as the kernel has them. */
export async function addressesOf(netns: Netns | undefined): Promise<readonly IP[]> {
  const { openRtnetlink } = await import('#kernel/netlink/rtnetlink.ts')
  using rtnetlink = openRtnetlink(netns)
  return [...new Set(rtnetlink.addresses().map(({ address }) => address.address))].sort()
}
