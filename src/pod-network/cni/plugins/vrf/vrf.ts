import { familyOf } from '#ip/ip.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import type { Link, Rtnetlink } from '#kernel/netlink/model.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import { openPodNetns, openPodNetnsIfThere, type Plugin } from '../plugin.ts'

/** Puts an interface of the pod into a VRF there: it is routed by a table of its own. */
export const vrf: Plugin = {
  since: '0.3.1',
  async add(call, host) {
    const { name, table } = parseVRFConfig(call)
    if (!call.prevResult) throw fail('missing prevResult from earlier plugin')
    using netns = openPodNetns(call, host)
    using pod = openRtnetlink(netns)
    const held = findVRF(pod, name)
    if (held && table && held.table !== table) {
      throw fail(
        `cmdAdd failed: VRF ${name} already exist with different routing table ${held.table}`,
      )
    }
    enslave(pod, call.ifname, held ?? createVRF(pod, name, table))
    return call.prevResult
  },

  async del(call) {
    const { name } = parseVRFConfig(call)
    using netns = openPodNetnsIfThere(call)
    if (!netns) return
    using pod = openRtnetlink(netns)
    const held = findVRF(pod, name)
    if (!held) return
    if (pod.link(call.ifname)) pod.setLink(call.ifname, { noMaster: true })
    if (membersOf(pod, held).length === 0) pod.deleteLink(name)
  },

  async check(call, host) {
    const { name } = parseVRFConfig(call)
    if (!call.prevResult) throw fail('missing prevResult from earlier plugin')
    using netns = openPodNetns(call, host)
    using pod = openRtnetlink(netns)
    const held = findVRF(pod, name)
    if (!held) throw fail('Link not found')
    if (!membersOf(pod, held).some((link) => link.name === call.ifname)) {
      throw fail(`failed to find ${call.ifname} associated to vrf ${name}`)
    }
  },
}

/** @throws CNIError with upstream's message (plugins/meta/vrf/main.go) */
function parseVRFConfig({ config }: CNICall): { readonly name: string; readonly table?: number } {
  const [name, table] = [config.text('vrfname'), config.number('table')]
  if (!name) throw fail('configuration is expected to have a valid vrf name')
  return { name, ...(table && { table }) }
}

function findVRF(pod: Rtnetlink, name: string): Link | undefined {
  const link = pod.link(name)
  if (link && link.kind !== 'vrf') throw fail(`cmdAdd failed: Netlink ${name} is not a VRF`)
  return link
}

function createVRF(pod: Rtnetlink, name: string, table: number | undefined): Link {
  try {
    return pod.addLink({ kind: 'vrf', name, up: true, table: table ?? freeTable(pod.links()) })
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    throw fail(`cmdAdd failed: could not add VRF ${name}: ${error.message}`)
  }
}

/** Of what comes with an address: it comes with it again. */
const RTPROT_KERNEL = 2

/** RT_TABLE_DEFAULT, MAIN and LOCAL: every namespace has these. */
const OTHERS_TABLES: readonly number[] = [253, 254, 255]

export function freeTable(links: readonly Pick<Link, 'table'>[]): number {
  const taken = new Set([...OTHERS_TABLES, ...links.map(({ table }) => table)])
  let table = 1
  while (taken.has(table)) table++
  return table
}

function membersOf(pod: Rtnetlink, { index }: Link): readonly Link[] {
  return pod.links().filter(({ masterIndex }) => masterIndex === index)
}

/** With the interface the kernel drops its IPv6 addresses and its routes; both come back, the routes in the VRF's table. */
function enslave(pod: Rtnetlink, device: string, vrf: Link): void {
  const link = pod.link(device)
  if (!link) throw fail(`cmdAdd failed: could not get link by name ${device}`)
  if (link.masterIndex !== undefined) {
    const master = pod.links().find(({ index }) => index === link.masterIndex)
    throw fail(`cmdAdd failed: interface ${device} has already a master set: ${master?.name}`)
  }
  const isGlobal = ({ scope = 0 }) => scope === 0
  const addresses = pod.addresses().filter((it) => it.device === device && isGlobal(it))
  const routes = pod
    .routes()
    .filter((route) => route.device === device && (route.scope ?? 'universe') === 'universe')
    .filter(({ protocol }) => protocol !== RTPROT_KERNEL)
  pod.setLink(device, { master: vrf.name })
  for (const address of addresses) {
    if (familyOf(address.address.address) === 6) pod.replaceAddress(address)
  }
  for (const route of routes) pod.replaceRoute({ ...route, table: vrf.table! })
}
