import { type Family, familyOf } from '#ip/ip.ts'
import { openIPSets } from '#kernel/ipset/ipset.ts'
import { eachVariant } from '#kernel/iptables/each-variant.ts'
import { openAsyncIptables } from '#kernel/iptables/open-async-iptables.ts'
import { openIPVS } from '#kernel/ipvs/ipvs.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import type { Mode, ModeDeps } from '../mode.ts'
import { createIPVSTable, type IPVSHandles } from './ipvs-table.ts'
import { removeChains, removeServices, removeSets } from './remove-ipvs.ts'

/** Virtual servers of the kernel, as kube-proxy's ipvs mode makes them. */
export const ipvsMode: Mode = {
  name: 'ipvs',
  async open(deps, options) {
    return createIPVSTable(await openHandles(deps, familyOf(options.nodeIP)), options)
  },
  async removeLeftovers(deps, family, kept) {
    const { netns } = deps
    const handles = await openHandles(deps, family).catch((error) => {
      // Without IP_VS in the kernel, or ipset on the machine, this mode never ran here.
      if (error instanceof KernelError && ['ENOENT', 'ENOSYS'].includes(error.errno)) return
      throw error
    })
    if (!handles) return
    try {
      await eachVariant({ family, ...(netns && { netns }) }, kept, (iptables) =>
        removeChains(iptables, family),
      )
      // There is one of each for both variants.
      if (kept) return
      removeSets(handles.sets, family)
      await removeServices(handles, family)
    } finally {
      close(handles)
    }
  },
}

async function openHandles({ netns, log }: ModeDeps, family: Family): Promise<IPVSHandles> {
  using stack = new DisposableStack()
  const ipvs = stack.use(openIPVS(netns))
  const sets = stack.use(openIPSets(netns))
  // A machine without ipset says so now, not at the first Service.
  sets.list()
  const rtnetlink = stack.use(openRtnetlink(netns))
  const iptables = stack.use(await openAsyncIptables({ family, ...(netns && { netns }) }))
  stack.move()
  return { ipvs, sets, rtnetlink, iptables, log, ...(netns && { netns }) }
}

function close({ ipvs, sets, rtnetlink, iptables }: IPVSHandles): void {
  for (const handle of [ipvs, sets, rtnetlink, iptables]) handle[Symbol.dispose]()
}
