import type { ConntrackConfiguration } from './configuration.ts'

export interface ConntrackSetting {
  readonly sysctl: string
  readonly value: number
  /** Written only where the kernel's is lower. */
  readonly atLeast?: boolean
}

/**
 * What kube-proxy sets of the kernel's connection tracking. A 0 leaves the kernel's value.
 *
 * @see facts/services.md 1.1, "conntrack sysctls"; kubernetes cmd/kube-proxy/app/conntrack.go
 */
export function planConntrackSettings(
  configuration: ConntrackConfiguration,
  cores: number,
): readonly ConntrackSetting[] {
  const { maxPerCore, min, tcpBeLiberal } = configuration
  const max = maxPerCore > 0 ? Math.max(maxPerCore * cores, min) : 0
  const seconds = (name: string, milliseconds: number): readonly ConntrackSetting[] =>
    milliseconds > 0 ? [{ sysctl: `${PREFIX}${name}`, value: Math.floor(milliseconds / 1000) }] : []
  return [
    ...(max > 0 ? [{ sysctl: `${PREFIX}max`, value: max, atLeast: true }] : []),
    ...seconds('tcp_timeout_established', configuration.tcpEstablishedTimeoutMs),
    ...seconds('tcp_timeout_close_wait', configuration.tcpCloseWaitTimeoutMs),
    ...(tcpBeLiberal ? [{ sysctl: `${PREFIX}tcp_be_liberal`, value: 1 }] : []),
    ...seconds('udp_timeout', configuration.udpTimeoutMs),
    ...seconds('udp_timeout_stream', configuration.udpStreamTimeoutMs),
  ]
}

const PREFIX = 'net.netfilter.nf_conntrack_'
