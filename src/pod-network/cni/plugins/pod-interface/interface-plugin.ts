import type { Link } from '#kernel/netlink/model.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import { type CNIResult, EMPTY_RESULT } from '../../protocol/result.ts'
import { loadIPAM } from '../ipam.ts'
import { openPodNetns, openPodNetnsIfThere, type Plugin, type PluginHost } from '../plugin.ts'
import { announceAddresses, applyPodInterface } from './apply-pod-interface.ts'
import { checkPodInterface, requireToldInterface } from './check-pod-interface.ts'
import { configuredDNS } from './configured-dns.ts'
import { planPodInterface } from './plan-pod-interface.ts'

/** Where an attachment is made. */
export interface Place {
  readonly call: CNICall
  readonly host: PluginHost
  /** The pod's namespace. */
  readonly netns: Netns
}

/** What one plugin does its own way. Addresses, checks and what is undone when something fails are the same for all. */
export interface InterfaceKind<Config> {
  readonly name: string
  /** Whether it makes no sense without IPAM. */
  readonly needsIPAM?: boolean
  /** @throws CNIError */
  parse(call: CNICall): Config
  /** Whether it takes the addresses of the plugin before it, where it has no IPAM. */
  readonly takesOverAddresses?: boolean
  /**
   * Makes the interface in the pod, under the call's name. What it threw at is as before. Undefined where there is nothing that
   * the kernel knows, and that could be configured.
   */
  create(config: Config, place: Place): Link | undefined
  /** Takes it away again, where it is there; by default the link is deleted. */
  remove?(place: Place): void
  /** Whether `create` makes nothing. */
  isUnseen?(config: Config): boolean
  /** @throws CNIError where the interface is another one than `config` says */
  check(config: Config, link: Link, place: Place): void
}

/** A plugin that gives a pod one interface, and IPAM's addresses on it. */
export function interfacePlugin<Config>(kind: InterfaceKind<Config>): Plugin {
  const remove = kind.remove ?? deletePodLink
  return {
    async add(call, host) {
      const config = kind.parse(call)
      using netns = openPodNetns(call, host)
      const place = { call, host, netns }
      await using undo = new AsyncDisposableStack()
      const ipam = await loadIPAM(call)
      const held = kind.takesOverAddresses && !ipam ? call.prevResult : undefined
      if (!ipam && !held?.ips.length && kind.needsIPAM) throw fail(`${kind.name}: ipam is required`)
      const link = kind.create(config, place)
      undo.defer(() => remove(place))
      // The address must not leak when what follows fails; after the link, for DHCP asks through it.
      if (ipam) undo.defer(() => ipam.del(call, host))
      const lease = (await ipam?.add(call, host)) ?? held ?? EMPTY_RESULT
      if (ipam && lease.ips.length === 0) throw fail('IPAM plugin returned missing IP config')
      if (link) {
        announceAddresses(call.ifname, netns)
        applyPodInterface(planPodInterface(call.ifname, lease), netns)
      }
      undo.move()
      return toResult(call, link, lease)
    },

    async del(call, host) {
      using netns = openPodNetnsIfThere(call)
      // First, for a DHCP lease is given back through the interface.
      await (await loadIPAM(call))?.del(call, host)
      if (netns && netns.inode !== host.netns.inode) remove({ call, host, netns })
    },

    async check(call, host) {
      const config = kind.parse(call)
      using netns = openPodNetns(call, host)
      await (await loadIPAM(call))?.check(call, host)
      const place = { call, host, netns }
      if (kind.isUnseen?.(config)) return void requireToldInterface(call, kind.name)
      using pod = openRtnetlink(netns)
      kind.check(config, checkPodInterface(call, pod, kind.name), place)
    },

    async gc(call, host) {
      await (await loadIPAM(call))?.gc?.(call, host)
    },

    async status(call, host) {
      await (await loadIPAM(call))?.status?.(call, host)
    },
  }
}

function deletePodLink({ call, netns }: Place): void {
  using pod = openRtnetlink(netns)
  pod.deleteLink(call.ifname)
}

function toResult(call: CNICall, link: Link | undefined, { ips, routes }: CNIResult): CNIResult {
  const mac = link?.mac
  return {
    ...EMPTY_RESULT,
    interfaces: [{ name: call.ifname, ...(mac && { mac }), sandbox: call.netns }],
    ips: ips.map((ip) => ({ ...ip, interface: 0 })),
    routes,
    dns: configuredDNS(call),
  }
}
