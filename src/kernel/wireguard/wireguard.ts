import {
  decodeFamilyId,
  decodeGeneric,
  encodeFamilyRequest,
  encodeGeneric,
  GENL_ID_CTRL,
} from '#wire/netlink/generic.ts'
import {
  decodeWireguard,
  encodeWireguard,
  WG_CMD,
  WG_FAMILY,
  WG_VERSION,
  type WireguardMessage,
  type WireguardPeerMessage,
} from '#wire/netlink/wireguard.ts'
import { kernelBackend } from '../backend.ts'
import { KernelError } from '../kernel-error.ts'
import { NETLINK_GENERIC, openNetlinkSocket } from '../netlink/socket.ts'
import type { Netns } from '../netns/netns.ts'

/** Peers and keys of WireGuard devices; the devices themselves are rtnetlink's. */
export interface Wireguard extends Disposable {
  /** All that a device holds, its peers in no order. @throws KernelError ENODEV */
  device(name: string): WireguardMessage & { readonly peers: readonly WireguardPeerMessage[] }
  /** Of the peers, those that are named are added or changed. */
  configure(message: WireguardMessage): void
}

/** One message holds at most 64 KiB. */
const PEERS_A_MESSAGE = 100

/** WireGuard of `netns`, by default the caller's. @throws KernelError ENOENT where this kernel has none */
export function openWireguard(netns?: Netns): Wireguard {
  const op = 'open WireGuard'
  if (kernelBackend() === 'command')
    throw new KernelError(op, 'ENOSYS', { hint: 'generic netlink needs node:ffi' })
  const socket = openNetlinkSocket(netns, NETLINK_GENERIC)
  try {
    const family = decodeFamilyId(socket.query(op, GENL_ID_CTRL, encodeFamilyRequest(WG_FAMILY)))
    const encode = (command: number, message: WireguardMessage) =>
      encodeGeneric({ command, version: WG_VERSION, body: encodeWireguard(message) })
    return {
      device(name) {
        const request = encode(WG_CMD.GET_DEVICE, { name })
        const parts = socket
          .dump(`look at WireGuard device ${name}`, family, request)
          .map((each) => decodeWireguard(decodeGeneric(each).body))
        return { ...parts[0], name, peers: parts.flatMap(({ peers = [] }) => peers) }
      },
      configure({ peers = [], ...device }) {
        const what = `configure WireGuard device ${device.name}`
        socket.request(what, family, 0, encode(WG_CMD.SET_DEVICE, device))
        for (let at = 0; at < peers.length; at += PEERS_A_MESSAGE) {
          const some = { name: device.name, peers: peers.slice(at, at + PEERS_A_MESSAGE) }
          socket.request(what, family, 0, encode(WG_CMD.SET_DEVICE, some))
        }
      },
      [Symbol.dispose]: () => socket[Symbol.dispose](),
    }
  } catch (error) {
    socket[Symbol.dispose]()
    throw error
  }
}
