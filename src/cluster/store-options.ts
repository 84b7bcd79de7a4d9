import { isIPv6 } from 'node:net'
import { parseIP } from '#ip/ip.ts'

/** Where a cluster keeps its state. */
export interface StoreOptions {
  /** Undefined: sqlite, or etcd where servers are given. */
  readonly store?: 'sqlite' | 'etcd' | undefined
  /** What SQLite's acknowledged writes survive: the end of a process (normal, the default), or a loss of power too (full). */
  readonly durability?: 'normal' | 'full' | undefined
  /** URLs of the members of an etcd that is there already; undefined: the cluster has one of its own. */
  readonly etcdServers?: readonly string[] | undefined
  readonly etcdPrefix?: string | undefined
  readonly etcdCAFile?: string | undefined
  readonly etcdCertFile?: string | undefined
  readonly etcdKeyFile?: string | undefined
}

/** What a cluster's state is kept in, with all that follows from the options. */
export type StorePlan =
  | { readonly kind: 'sqlite'; readonly durability: 'normal' | 'full' }
  | { readonly kind: 'own etcd'; readonly prefix: string }
  | {
      readonly kind: 'given etcd'
      readonly prefix: string
      readonly servers: readonly string[]
      readonly caFile?: string | undefined
      readonly certFile?: string | undefined
      readonly keyFile?: string | undefined
    }

export function planStore({
  name,
  ...options
}: StoreOptions & { readonly name: string }): StorePlan {
  const { etcdServers: servers, etcdPrefix, store, durability = 'normal' } = options
  const prefix = etcdPrefix ?? `/fairlead/${name}`
  if (servers) {
    const { etcdCAFile: caFile, etcdCertFile: certFile, etcdKeyFile: keyFile } = options
    return { kind: 'given etcd', prefix, servers, caFile, certFile, keyFile }
  }
  return store === 'etcd' ? { kind: 'own etcd', prefix } : { kind: 'sqlite', durability }
}

/** @returns what is wrong, as sentences for people */
export function checkStoreOptions(options: StoreOptions): readonly string[] {
  const problems: string[] = []
  const problem = (what: string, why: string) => problems.push(`Cannot use ${what}: ${why}`)
  const { store, durability, etcdServers } = options
  if (store !== undefined && !['sqlite', 'etcd'].includes(store))
    problem(`--store ${store}`, 'it is one of sqlite, etcd')
  if (durability !== undefined && !['normal', 'full'].includes(durability))
    problem(`--durability ${durability}`, 'it is one of normal, full')
  if (durability !== undefined && (store === 'etcd' || etcdServers))
    problem(`--durability ${durability}`, 'it is for SQLite (etcd syncs every write to disk)')
  if (etcdServers && store === 'sqlite') problem('--etcd-servers', 'the store is sqlite')
  for (const url of etcdServers ?? []) {
    const why = problemOf(url)
    if (why) problem(`--etcd-servers ${url}`, why)
  }
  const needed = {
    'etcd-cafile': options.etcdCAFile,
    'etcd-certfile': options.etcdCertFile,
    'etcd-keyfile': options.etcdKeyFile,
  }
  for (const [flag, file] of Object.entries(needed))
    if (file !== undefined && !etcdServers) problem(`--${flag}`, 'it goes with --etcd-servers')
  if ((options.etcdCertFile === undefined) !== (options.etcdKeyFile === undefined))
    problem('--etcd-certfile', 'a certificate and its key go together (give --etcd-keyfile too)')
  if (options.etcdPrefix !== undefined && !/^(\/[-\w.]+)+$/.test(options.etcdPrefix))
    problem(`--etcd-prefix ${options.etcdPrefix}`, 'it is no path such as /fairlead/c1')
  return problems
}

/** The control plane has no nameserver of its own: members are named by address. */
function problemOf(text: string): string | undefined {
  const url = URL.parse(text)
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.pathname !== '/')
    return 'it is not a URL such as https://10.0.0.1:2379'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return parseIP(host) || isIPv6(host)
    ? undefined
    : 'its host is no IP address (names are not looked up for it)'
}
