import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { cidrContains, cidrSize, networkOf, nthAddress } from '#ip/cidr.ts'
import { familyOf, type IP } from '#ip/ip.ts'
import { kernelBackend } from '#kernel/backend.ts'
import type { Rtnetlink } from '#kernel/netlink/model.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { openPacketSocket } from '#kernel/packet/open-packet-socket.ts'
import { openListener } from '#kernel/socket/listener.ts'
import { encodeARPAnnouncement } from '#wire/arp.ts'

/** RFC 863, discard: nobody shall answer. */
const DISCARD_PORT = 9
/** Longest search for an address that nobody has. */
const MAX_TRIES = 64
/** The kernel does it a tick later, from a work queue. */
const ADVERTISED_MS = 50

export interface TakeoverOptions {
  readonly rtnetlink: Rtnetlink
  readonly device: string
  /** Where `rtnetlink` is; the caller's own by default. */
  readonly netns?: Netns
}

/**
 * Tells the link that an address is here now, so that peers need not wait until their ARP entries expire (more than 30 s).
 *
 * One at a time: the kernel asks for a neighbour once, in one name.
 */
export async function announceTakeover(ip: IP, options: TakeoverOptions): Promise<void> {
  if (familyOf(ip) === 6) return advertise(ip, options)
  if (kernelBackend() === 'command') return askInItsName(ip, options)
  const mac = options.rtnetlink.link(options.device)?.mac
  if (!mac) return
  await using socket = openPacketSocket(options.device, options.netns)
  // Some peers heed questions only, some answers only (RFC 5227, section 3 and appendix).
  for (const operation of ['request', 'reply'] as const)
    socket.send(encodeARPAnnouncement(operation, { ip, mac }))
}

/**
 * Without system calls there is no raw socket. But the kernel asks for an unknown neighbour by broadcast, in the name of the address that it
 * sends from, and whoever hears the question updates the entry it has for the asker (RFC 826, "Packet Reception"). So: take the
 * address for a moment, send a datagram from it to an address on the link that nobody has, give it back. In vain under `arp_announce` 2.
 */
export async function askInItsName(ip: IP, options: TakeoverOptions): Promise<void> {
  const { rtnetlink, device, netns } = options
  const target = findUnusedAddress(ip, { rtnetlink, device })
  if (!target) return
  const address = { device, address: { address: ip, prefixLength: 32 } }
  const isHeld = rtnetlink
    .addresses()
    .some((one) => one.device === device && one.address.address === ip)
  if (!isHeld) rtnetlink.replaceAddress(address)
  const socket = createSocket('udp4')
  try {
    const listening = once(socket, 'listening') // from a descriptor it comes at once
    socket.bind({
      fd: openListener({ protocol: 'udp', address: ip, port: 0, ...(netns && { netns }) }),
    })
    await listening
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    socket.send(new Uint8Array(1), DISCARD_PORT, target, (error) =>
      error ? reject(error) : resolve(),
    )
    await promise
  } finally {
    socket.close()
    if (!isHeld) rtnetlink.deleteAddress(address)
  }
}

/**
 * IPv6's kernel tells the link of an address that it gets, with the override flag, where the device's `ndisc_notify` says so and
 * duplicates are not looked for (addrconf_dad_completed() in net/ipv6/addrconf.c; RFC 4861 section 7.2.6). So: take it for a moment.
 */
async function advertise(ip: IP, { rtnetlink, device }: TakeoverOptions): Promise<void> {
  const address = { device, address: { address: ip, prefixLength: 128 } }
  rtnetlink.replaceAddress({ ...address, detectDuplicates: true })
  try {
    await setTimeout(ADVERTISED_MS)
  } finally {
    rtnetlink.deleteAddress(address)
  }
}

/** From the end of the link's network, where fewest addresses are in use. One that did not answer before will do again. */
function findUnusedAddress(ip: IP, { rtnetlink, device }: TakeoverOptions): IP | undefined {
  const networks = rtnetlink
    .addresses()
    .filter((one) => one.device === device && one.address.prefixLength < 31)
    .map(({ address }) => networkOf(address))
  const network = networks.find((one) => cidrContains(one, ip))
  if (!network) return
  const known = new Set(
    rtnetlink
      .neighbours()
      .filter(({ state }) => state !== 'failed')
      .map((neighbour) => neighbour.ip),
  )
  for (const own of rtnetlink.addresses()) known.add(own.address.address)
  const size = cidrSize(network)
  for (let i = 2n; i < size && i < MAX_TRIES; i++) {
    const candidate = nthAddress(network, size - i)
    if (candidate !== ip && !known.has(candidate)) return candidate
  }
  return
}
