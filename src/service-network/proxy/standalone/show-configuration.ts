import { formatCIDR } from '#ip/cidr.ts'
import type { ProxyConfiguration, SocketAddress } from './configuration.ts'

/** The configuration with its defaults, as a KubeProxyConfiguration document that gives the same when it is read. */
export function showConfiguration(configuration: ProxyConfiguration): object {
  const { mode, masqueradeAll, conntrack, ipvs } = configuration
  const { bridgeInterface = '', interfaceNamePrefix = '' } = configuration
  const syncPeriod = duration(configuration.syncPeriodMs)
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode,
    clientConnection: { kubeconfig: configuration.kubeconfig },
    hostnameOverride: configuration.hostnameOverride,
    bindAddress: configuration.bindAddress ?? '',
    bindAddressHardFail: configuration.bindAddressHardFail,
    healthzBindAddress: socket(configuration.healthz),
    metricsBindAddress: socket(configuration.metrics),
    clusterCIDR: configuration.clusterCIDRs.map(formatCIDR).join(),
    detectLocalMode: configuration.detectLocalMode,
    detectLocal: { bridgeInterface, interfaceNamePrefix },
    nodePortAddresses: configuration.nodePortAddresses.map((one) =>
      typeof one === 'string' ? one : formatCIDR(one),
    ),
    oomScoreAdj: configuration.oomScoreAdj ?? null,
    iptables: { masqueradeAll, localhostNodePorts: configuration.localhostNodePorts, syncPeriod },
    nftables: { masqueradeAll, syncPeriod },
    ipvs: { ...ipvs, syncPeriod },
    conntrack: {
      maxPerCore: conntrack.maxPerCore,
      min: conntrack.min,
      tcpEstablishedTimeout: duration(conntrack.tcpEstablishedTimeoutMs),
      tcpCloseWaitTimeout: duration(conntrack.tcpCloseWaitTimeoutMs),
      tcpBeLiberal: conntrack.tcpBeLiberal,
      udpTimeout: duration(conntrack.udpTimeoutMs),
      udpStreamTimeout: duration(conntrack.udpStreamTimeoutMs),
    },
  }
}

/** Port 0 turns a server off. */
function socket(given: SocketAddress | undefined): string {
  if (!given) return '0.0.0.0:0'
  const { address, port } = given
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

function duration(ms: number): string {
  return `${ms / 1000}s`
}
