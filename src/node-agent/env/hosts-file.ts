import type { Pod } from '#api/core.ts'

export interface HostName {
  readonly hostname: string
  /** `web.default.svc.cluster.local` for a pod with a `subdomain`. */
  readonly domain?: string
}

/** The pod's host name and domain; a longer pod name is cut to what Linux takes. */
export function hostNameOf({ metadata, spec }: Pod, clusterDomain: string): HostName {
  const hostname = spec.hostname || metadata.name.slice(0, 63).replace(/[-.]+$/, '')
  if (!spec.subdomain) return { hostname }
  return {
    hostname,
    domain: `${spec.subdomain}.${metadata.namespace ?? 'default'}.svc.${clusterDomain}`,
  }
}

type HostAliases = Pod['spec']['hostAliases']

/** /etc/hosts of a pod with its own network, byte for byte as the kubelet writes it. */
export function formatHostsFile(
  podIPs: readonly string[],
  { hostname, domain }: HostName,
  aliases: HostAliases,
): string {
  const names = domain ? `${hostname}.${domain}\t${hostname}` : hostname
  return [
    '# Kubernetes-managed hosts file.\n',
    '127.0.0.1\tlocalhost\n',
    '::1\tlocalhost ip6-localhost ip6-loopback\n',
    'fe00::0\tip6-localnet\n',
    'fe00::0\tip6-mcastprefix\n',
    'fe00::1\tip6-allnodes\n',
    'fe00::2\tip6-allrouters\n',
    ...podIPs.map((ip) => `${ip}\t${names}\n`),
    formatAliases(aliases),
  ].join('')
}

/** /etc/hosts of a pod on the node's network: the node's own file, and the aliases. */
export function formatHostNetworkHostsFile(nodeHosts: string, aliases: HostAliases): string {
  return `# Kubernetes-managed hosts file (host network).\n${nodeHosts}${formatAliases(aliases)}`
}

function formatAliases(aliases: HostAliases): string {
  if (!aliases?.length) return ''
  const lines = aliases.map(({ ip, hostnames }) => `${ip}\t${(hostnames ?? []).join('\t')}\n`)
  return `\n# Entries added by HostAliases.\n${lines.join('')}`
}
