import { cidr, cidrContains } from '#ip/cidr.ts'
import { familyOf, type IP } from '#ip/ip.ts'
import { opensLocalhost } from '../../model.ts'
import { type ModeOptions, usableDetector } from '../mode.ts'
import type { Match, Settings } from './iptables-plan.ts'

/** kube-proxy's bit 14 (KubeProxyIPTablesConfiguration.masqueradeBit). */
export const MASQUERADE_MARK = 0x4000
/** The kubelet's bit 15, of the time of the classic layout. */
export const DROP_MARK = 0x8000

export const LOOPBACK_V4 = cidr('127.0.0.0/8')
export const LOOPBACK_V6 = cidr('::1/128')

/**
 * Fills in kube-proxy's defaults.
 *
 * @param hasAccounts whether the kernel has named counters
 */
export function settingsOf(options: ModeOptions, hasAccounts = false): Settings {
  const {
    layout = 'modern',
    localhostNodePorts = true,
    conntrackIsLiberal = false,
  } = options.iptables ?? {}
  const family = familyOf(options.nodeIP)
  const { nodePortAddresses = ['all'] } = options
  return {
    ...options,
    layout,
    // iptables refuses `! -s 0.0.0.0/0`.
    localDetector: usableDetector({ localDetector: 'pod-cidr', ...options }) ?? 'pod-cidr',
    // They need route_localnet, which IPv6 does not have.
    localhostNodePorts:
      localhostNodePorts && family === 4 && opensLocalhost(family, nodePortAddresses),
    choosesNodePortIPs: !nodePortAddresses.includes('all'),
    conntrackIsLiberal,
    hasAccounts,
  }
}

export function isLoopback(ip: IP): boolean {
  return familyOf(ip) === 4 ? cidrContains(LOOPBACK_V4, ip) : cidrContains(LOOPBACK_V6, ip)
}

/** Whether a packet comes from a pod of this node, as far as can be told (kube-proxy's detectLocalMode); none where it cannot. */
export function fromLocalPod({ localDetector, podCIDR, podDevice }: Settings): Match | undefined {
  if (localDetector === 'none') return
  if (localDetector === 'pod-cidr') return { kind: 'source', network: podCIDR }
  return {
    kind: 'in-device',
    name: localDetector === 'pod-device' ? podDevice : `${localDetector.prefix}+`,
  }
}

export function notFromLocalPod(settings: Settings): Match | undefined {
  const match = fromLocalPod(settings)
  return match && ({ ...match, not: true } as Match)
}
