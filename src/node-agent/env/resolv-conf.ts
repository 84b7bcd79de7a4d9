import type { PodSpec } from '#api/core.ts'

/** resolv.conf(5) as values; `options` as written, `ndots:5`. */
export interface ResolvConf {
  readonly nameservers: readonly string[]
  readonly searches: readonly string[]
  readonly options: readonly string[]
}

export interface DNSSettings {
  readonly clusterDNS: readonly string[]
  readonly clusterDomain: string
  /** What the node itself uses. */
  readonly node: ResolvConf
}

// Limits of the kubelet (pkg/apis/core/validation): more is cut off, since resolvers ignore or refuse it.
const MAX_NAMESERVERS = 3
const MAX_SEARCHES = 32
const MAX_SEARCH_CHARACTERS = 2048

type DNSSpec = Pick<PodSpec, 'dnsPolicy' | 'dnsConfig' | 'hostNetwork'>

/** What a pod's resolv.conf holds: its policy's part, then `dnsConfig` appended, options of one name overridden. */
export function resolvConfFor(spec: DNSSpec, namespace: string, settings: DNSSettings): ResolvConf {
  const base = baseOf(spec, namespace, settings)
  const config = spec.dnsConfig ?? {}
  return fitLimits({
    nameservers: [...new Set([...base.nameservers, ...(config.nameservers ?? [])])],
    searches: [...new Set([...base.searches, ...(config.searches ?? [])])],
    options: mergeOptions(
      base.options,
      (config.options ?? [])
        .filter(({ name }) => name)
        .map(({ name, value }) =>
          value === undefined || value === '' ? name! : `${name}:${value}`,
        ),
    ),
  })
}

function baseOf(
  { dnsPolicy = 'ClusterFirst', hostNetwork }: DNSSpec,
  namespace: string,
  { clusterDNS, clusterDomain, node }: DNSSettings,
): ResolvConf {
  if (dnsPolicy === 'None') return { nameservers: [], searches: [], options: [] }
  const isClusterFirst =
    dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && !hostNetwork)
  // Without a cluster DNS address the kubelet falls back to the node's settings.
  if (!isClusterFirst || clusterDNS.length === 0) return node
  const cluster = [`${namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain]
  return {
    nameservers: clusterDNS,
    searches: [...new Set([...cluster, ...node.searches])],
    options: ['ndots:5'],
  }
}

function mergeOptions(base: readonly string[], extra: readonly string[]): readonly string[] {
  const byName = new Map([...base, ...extra].map((option) => [option.split(':', 1)[0], option]))
  return [...byName.values()]
}

function fitLimits({ nameservers, searches, options }: ResolvConf): ResolvConf {
  const kept = searches.slice(0, MAX_SEARCHES)
  while (kept.join(' ').length > MAX_SEARCH_CHARACTERS) kept.pop()
  return { nameservers: nameservers.slice(0, MAX_NAMESERVERS), searches: kept, options }
}

/** The file, in the order in which containerd's CRI writes it. */
export function formatResolvConf({ nameservers, searches, options }: ResolvConf): string {
  const lines = [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...nameservers.map((address) => `nameserver ${address}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

/** Reads resolv.conf(5): `nameserver` lines add up, of `search`/`domain` and of `options` the last counts. */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = []
  let searches: readonly string[] = []
  let options: readonly string[] = []
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/)
    if (keyword === 'nameserver' && values[0]) nameservers.push(values[0])
    else if (keyword === 'search')
      searches = values.map((value) => (value === '.' ? value : value.replace(/\.$/, '')))
    else if (keyword === 'options') options = values
  }
  return { nameservers, searches, options }
}
