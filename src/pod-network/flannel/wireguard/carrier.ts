import { type CIDR, formatCIDR } from '#ip/cidr.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import { openWireguard, type Wireguard } from '#kernel/wireguard/wireguard.ts'
import { type CarrierHost, DEVICE_ALIAS, type SecurePlan } from '../backend.ts'
import { readKeys } from './keys.ts'

/** Keeps keys and peers of the devices as planned; makes the devices, for they must be there first. */
export function createCarrier({ netns }: CarrierHost, keyFile: string) {
  const rtnetlink = openRtnetlink(netns)
  let committed: readonly SecurePlan[] = []
  return {
    commit(plans: readonly SecurePlan[]): void {
      for (const plan of plans) {
        if (rtnetlink.link(plan.device)?.kind !== 'wireguard') {
          rtnetlink.deleteLink(plan.device)
          rtnetlink.addLink({ kind: 'wireguard', name: plan.device, alias: DEVICE_ALIAS })
        }
        // By the device, the kernel has loaded its module.
        using wireguard = openWireguard(netns)
        const { privateKey } = readKeys(keyFile)
        const { added, removed } = differences(plan, privateKey, wireguard)
        wireguard.configure({
          name: plan.device,
          privateKey: bytesOf(privateKey),
          listenPort: plan.listenPort,
          peers: [
            ...removed.map((key) => ({ publicKey: bytesOf(key), remove: true })),
            ...added.map((peer) => ({
              publicKey: bytesOf(peer.publicKey),
              endpoint: peer.endpoint,
              keepaliveSeconds: plan.keepaliveSeconds,
              allowedIPs: peer.allowed,
              presharedKey: bytesOf(plan.presharedKey ?? NO_KEY),
            })),
          ],
        })
      }
      committed = plans
    },
    /** WireGuard tells nobody of its changes. */
    isRight(): boolean {
      if (committed.length === 0) return true
      using wireguard = openWireguard(netns)
      const { privateKey } = readKeys(keyFile)
      return committed.every((plan) => {
        const { added, removed, isDeviceRight } = differences(plan, privateKey, wireguard)
        return isDeviceRight && added.length === 0 && removed.length === 0
      })
    },
    [Symbol.dispose]: () => rtnetlink[Symbol.dispose](),
  }
}

/** As the kernel shows that there is none. */
const NO_KEY = Buffer.alloc(32).toString('base64')

function differences(plan: SecurePlan, privateKey: string, wireguard: Wireguard) {
  const { presharedKey = NO_KEY, keepaliveSeconds } = plan
  const shown = wireguard.device(plan.device)
  const held = new Map(
    shown.peers.map((peer) => {
      const { endpoint, allowedIPs = [], keepaliveSeconds: keepalive = 0 } = peer
      const shared = textOf(peer.presharedKey) ?? NO_KEY
      return [textOf(peer.publicKey)!, describe(endpoint, allowedIPs, keepalive, shared)] as const
    }),
  )
  const wanted = new Set(plan.peers.map(({ publicKey }) => publicKey))
  return {
    isDeviceRight: shown.listenPort === plan.listenPort && textOf(shown.privateKey) === privateKey,
    added: plan.peers.filter(
      ({ publicKey, endpoint, allowed }) =>
        held.get(publicKey) !== describe(endpoint, allowed, keepaliveSeconds, presharedKey),
    ),
    removed: [...held.keys()].filter((key) => !wanted.has(key)),
  }
}

/** The kernel lists allowed addresses in an order of its own. */
function describe(
  endpoint: SecurePlan['peers'][number]['endpoint'] | undefined,
  allowed: readonly CIDR[],
  keepaliveSeconds: number,
  presharedKey: string,
): string {
  const addresses = allowed.map(formatCIDR).sort().join(',')
  return `${endpoint?.address} ${endpoint?.port} ${addresses} ${keepaliveSeconds} ${presharedKey}`
}

function textOf(key: Uint8Array | undefined): string | undefined {
  return key && Buffer.from(key).toString('base64')
}

function bytesOf(base64: string): Uint8Array {
  return Buffer.from(base64, 'base64')
}
