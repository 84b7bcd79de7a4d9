import { type CIDR, formatCIDR } from '#ip/cidr.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import { openWireguard } from '#kernel/wireguard/wireguard.ts'
import { type CarrierHost, DEVICE_ALIAS, type SecurePlan } from '../backend.ts'
import { readKeys } from './keys.ts'

/** Keeps keys and peers of the devices as planned; makes the devices, for they must be there first. */
export function createCarrier({ netns }: CarrierHost, keyFile: string) {
  const rtnetlink = openRtnetlink(netns)
  return {
    commit(plans: readonly SecurePlan[]): void {
      for (const plan of plans) {
        if (rtnetlink.link(plan.device)?.kind !== 'wireguard') {
          rtnetlink.deleteLink(plan.device)
          rtnetlink.addLink({ kind: 'wireguard', name: plan.device, alias: DEVICE_ALIAS })
        }
        // By the device, the kernel has loaded its module.
        using wireguard = openWireguard(netns)
        const held = new Map(
          wireguard.peers(plan.device).map((peer) => {
            const key = Buffer.from(peer.publicKey).toString('base64')
            return [
              key,
              `${key} ${peer.endpoint?.address} ${peer.endpoint?.port} ${namesOf(peer.allowedIPs ?? [])}`,
            ]
          }),
        )
        const wanted = new Map(
          plan.peers.map((peer) => {
            const { publicKey, endpoint, allowed } = peer
            return [
              publicKey,
              {
                peer,
                text: `${publicKey} ${endpoint.address} ${endpoint.port} ${namesOf(allowed)}`,
              },
            ]
          }),
        )
        const added = [...wanted].filter(([key, { text }]) => held.get(key) !== text)
        const removed = [...held.keys()].filter((key) => !wanted.has(key))
        const bytes = (base64: string) => Buffer.from(base64, 'base64')
        wireguard.configure({
          name: plan.device,
          privateKey: bytes(readKeys(keyFile).privateKey),
          listenPort: plan.listenPort,
          peers: [
            ...removed.map((key) => ({ publicKey: bytes(key), remove: true })),
            ...added.map(([key, { peer }]) => ({
              publicKey: bytes(key),
              endpoint: peer.endpoint,
              keepaliveSeconds: plan.keepaliveSeconds,
              allowedIPs: peer.allowed,
              ...(plan.presharedKey !== undefined && { presharedKey: bytes(plan.presharedKey) }),
            })),
          ],
        })
      }
    },
    [Symbol.dispose]: () => rtnetlink[Symbol.dispose](),
  }
}

/** The kernel lists them in an order of its own. */
function namesOf(allowed: readonly CIDR[]): string {
  return allowed.map(formatCIDR).sort().join(',')
}
