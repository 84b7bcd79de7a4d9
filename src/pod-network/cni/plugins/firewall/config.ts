import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import type { IngressPolicy } from './plan-rules.ts'

export interface FirewallConfig {
  /** Absent: firewalld where it runs. */
  readonly backend?: 'iptables' | 'firewalld'
  readonly adminChain: string
  readonly zone: string
  readonly ingressPolicy: IngressPolicy
}

/** XT_EXTENSION_MAXNAMELEN less the closing zero. */
const MAX_CHAIN_BYTES = 28
const POLICIES: readonly IngressPolicy[] = ['open', 'same-bridge', 'isolated']

/** @throws CNIError with upstream's messages (plugins/meta/firewall) */
export function parseFirewallConfig({ config }: CNICall): FirewallConfig {
  const backend = config.text('backend')
  const adminChain = config.text('iptablesAdminChainName') || 'CNI-ADMIN'
  if (
    !/^[\w.-]+$/.test(adminChain) ||
    adminChain.startsWith('-') ||
    adminChain.length > MAX_CHAIN_BYTES
  ) {
    throw fail(`Cannot use iptables chain ${JSON.stringify(adminChain)}: it is no chain's name`)
  }
  const zone = config.text('firewalldZone') || 'trusted'
  const named = config.text('ingressPolicy') || 'open'
  const ingressPolicy = POLICIES.find((each) => each === named)
  if (!ingressPolicy) throw fail(`unknown ingress policy: ${JSON.stringify(named)}`)
  // Upstream takes any other name for none.
  const isKnown = backend === 'iptables' || backend === 'firewalld'
  return { ...(isKnown && { backend }), adminChain, zone, ingressPolicy }
}
