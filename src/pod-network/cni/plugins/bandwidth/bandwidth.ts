import { parseMAC } from '#ip/mac.ts'
import type { Link, Rtnetlink } from '#kernel/netlink/model.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import { validAttachments } from '../../protocol/attachments.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { CNIError, fail } from '../../protocol/cni-error.ts'
import { openPodNetns, type Plugin, type PluginHost } from '../plugin.ts'
import { ifbName, type Limit, parseBandwidth, planTokenBucket } from './config.ts'

/**
 * Limits what a pod receives and sends. Both on the node's end of its cable: received is what leaves there; sent is what comes in
 * there, which cannot be queued, and is queued on a link of its own.
 */
export const bandwidth: Plugin = {
  since: '0.3.0',
  async add(call, host) {
    const { ingress, egress } = parseBandwidth(call)
    const { prevResult } = call
    if (!prevResult) throw fail('must be called as chained plugin')
    if (!ingress && !egress) return prevResult
    const { rtnetlink } = host
    const port = findPort(call, host)
    if (ingress) rtnetlink.addQdisc({ device: port.name, ...planTokenBucket(ingress) })
    if (!egress) return prevResult
    const ifb = addEgressLimit(port, call, egress, rtnetlink)
    const told = { name: ifb.name, ...(ifb.mac && { mac: ifb.mac }) }
    return { ...prevResult, interfaces: [...prevResult.interfaces, told] }
  },

  async del(call, { rtnetlink }) {
    rtnetlink.deleteLink(ifbName(call))
  },

  async check(call, host) {
    const { ingress, egress } = parseBandwidth(call)
    if (!call.prevResult) throw fail('must be called as a chained plugin')
    const port = findPort(call, host)
    if (ingress) checkQueue(host.rtnetlink, port.name, ingress)
    if (egress) checkEgress(port, call, egress, host.rtnetlink)
  },

  async keep(call, { host }) {
    const { ingress, egress } = parseBandwidth(call)
    if (!call.prevResult || (!ingress && !egress)) return false
    const { rtnetlink } = host
    const port = findPort(call, host)
    const isFree = ingress && isRefused(() => checkQueue(rtnetlink, port.name, ingress))
    if (isFree) {
      rtnetlink.deleteQdisc({ device: port.name, kind: 'root' })
      rtnetlink.addQdisc({ device: port.name, ...planTokenBucket(ingress) })
    }
    const sendsFreely = egress && isRefused(() => checkEgress(port, call, egress, rtnetlink))
    if (sendsFreely) {
      rtnetlink.deleteQdisc({ device: port.name, kind: 'ingress' })
      addEgressLimit(port, call, egress, rtnetlink)
    }
    return isFree === true || sendsFreely === true
  },

  /** A link's name is a hash, which cannot be read backwards: its alias tells whose it is. */
  async gc(call, { rtnetlink }) {
    const valid = validAttachments(call).map((it) => aliasOf({ ...call, ...it }))
    const network = aliasOf({ ...call, containerID: '' })
    for (const { kind, name, alias = '' } of rtnetlink.links()) {
      const isOurs = kind === 'ifb' && alias.startsWith(network)
      if (isOurs && !valid.includes(alias)) rtnetlink.deleteLink(name)
    }
  },
}

/** @throws CNIError */
function checkEgress(port: Link, call: CNICall, egress: Limit, rtnetlink: Rtnetlink): void {
  const ifb = rtnetlink.link(ifbName(call))
  if (!ifb) throw fail('get ifb device: Link not found')
  if (!ifb.up) throw fail('ifb device is down')
  checkQueue(rtnetlink, ifb.name, egress)
  const redirects = rtnetlink.ingressRedirects(port.name)
  if (!redirects.some(({ target }) => target === ifb.name)) throw fail('Failed to find filter')
}

function isRefused(check: () => void): boolean {
  try {
    check()
    return false
  } catch (error) {
    if (error instanceof CNIError) return true
    throw error
  }
}

function addEgressLimit(port: Link, call: CNICall, limit: Limit, rtnetlink: Rtnetlink): Link {
  const [name, alias, { mtuBytes }] = [ifbName(call), aliasOf(call), port]
  // What an earlier attempt left.
  rtnetlink.deleteLink(name)
  // Made again, it is what the runtime was told of.
  const told = call.prevResult?.interfaces.find((it) => it.name === name && !it.sandbox)
  const mac = parseMAC(told?.mac ?? '')
  const ifb = rtnetlink.addLink({
    kind: 'ifb',
    name,
    up: true,
    mtuBytes,
    alias,
    ...(mac && { mac }),
  })
  try {
    rtnetlink.addQdisc({ device: name, ...planTokenBucket(limit) })
    rtnetlink.addQdisc({ device: port.name, kind: 'ingress' })
    rtnetlink.addIngressRedirect({ device: port.name, target: name })
    return ifb
  } catch (error) {
    rtnetlink.deleteLink(name)
    throw error
  }
}

function aliasOf({ networkName, containerID }: Pick<CNICall, 'networkName' | 'containerID'>) {
  return `${networkName}/${containerID}`
}

/** The node's end of the pod's cable. @throws CNIError */
function findPort(call: CNICall, host: PluginHost): Link {
  const { prevResult, ifname } = call
  if (!prevResult?.interfaces.length) throw fail('no interfaces provided')
  using netns = openPodNetns(call, host)
  using pod = openRtnetlink(netns)
  const peerIndex = pod.link(ifname)?.peerIndex
  if (!peerIndex) throw fail(`container interface ${ifname} has no veth peer`)
  const port = host.rtnetlink.links().find(({ index }) => index === peerIndex)
  if (!port) throw fail(`veth peer with index ${peerIndex} is not in host ns`)
  const isTold = prevResult.interfaces.some((it) => !it.sandbox && it.name === port.name)
  if (!isTold) throw fail('no veth peer of container interface found in host ns')
  return port
}

/** The kernel keeps the burst as a time, rounded: a hundredth is no difference. */
function checkQueue(rtnetlink: Rtnetlink, device: string, limit: Limit): void {
  const found = rtnetlink.qdiscs().find((qdisc) => qdisc.device === device && qdisc.kind === 'tbf')
  if (found?.kind !== 'tbf') throw fail('Failed to find qdisc')
  const wanted = planTokenBucket(limit)
  const differs = (a: number, b: number) => Math.abs(a - b) > b / 100
  if (found.rateBytesPerSecond !== wanted.rateBytesPerSecond) throw fail("Rate doesn't match")
  if (found.limitBytes !== wanted.limitBytes) throw fail("Limit doesn't match")
  if (differs(found.burstBytes, wanted.burstBytes)) throw fail("Buffer doesn't match")
}
