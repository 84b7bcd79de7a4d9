import { readFileSync, statSync } from 'node:fs'
import { parse } from 'yaml'
import { PROXY_MODES, type ProxyMode } from '#service-network/proxy/mode.ts'
import type { ProxyOptions } from '#service-network/proxy/run-proxy.ts'
import { readConfiguration } from '#service-network/proxy/standalone/configuration.ts'

const MAX_CONFIG_BYTES = 1 << 20

type Document = Readonly<Record<string, unknown>>

/** Reads a file of YAML or JSON that should be a KubeProxyConfiguration. @throws TypeError naming the file */
export function readProxyDocument(file: string): Document {
  try {
    if (statSync(file).size > MAX_CONFIG_BYTES) throw new Error('it is larger than 1 MiB')
    const document: unknown = parse(readFileSync(file, 'utf8'), { maxAliasCount: 100 })
    if (typeof document !== 'object' || document === null) throw new Error('it is no object')
    return document as Document
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new TypeError(`Cannot read configuration ${file}: ${why}`, { cause: error })
  }
}

/** What of such a file counts for the proxies that `up` starts. All else of them is the cluster's to say: addresses, ranges, ports. */
const TAKEN: readonly string[] = [
  ...['mode', 'nodePortAddresses', 'iptables.masqueradeAll', 'iptables.localhostNodePorts'],
  ...['iptables.syncPeriod', 'nftables.masqueradeAll', 'nftables.syncPeriod'],
  ...['ipvs.scheduler', 'ipvs.strictARP', 'ipvs.syncPeriod'],
]
/** Every file of kubeadm has them. */
const SILENT = new Set(['apiVersion', 'kind'])

export interface ClusterProxyConfig {
  /** What counts, to be kept with the cluster. */
  readonly json: string
  readonly mode?: ProxyMode
  /** Names of fields that are set and do not count. */
  readonly ignored: readonly string[]
}

/** Reads `up --proxy-config F`. @throws TypeError naming the file, or the field and what is wrong with it */
export function readClusterProxyConfig(file: string): ClusterProxyConfig {
  const document = readProxyDocument(file)
  readConfiguration(document)
  const taken = TAKEN.flatMap((path) => {
    const value = valueAt(document, path)
    return isSet(value) ? [[path, value] as const] : []
  })
  const mode = PROXY_MODES.find((each) => each === document.mode)
  const ignored = pathsOf(document).filter(
    (path) => !TAKEN.includes(path) && !SILENT.has(path) && isSet(valueAt(document, path)),
  )
  return {
    json: JSON.stringify(Object.fromEntries(taken.filter(([path]) => path !== 'mode'))),
    ...(mode && { mode }),
    ignored,
  }
}

/** What it says of a mode, in the words of our proxy. What it does not say stays as `up` has it without one. */
export function proxyOptionsOf(
  mode: ProxyMode,
  json = '{}',
): Pick<ProxyOptions, 'nodePortAddresses' | 'masqueradeAll' | 'checkIntervalMs' | 'iptables'> &
  Required<Pick<ProxyOptions, 'ipvs'>> {
  const given = JSON.parse(json) as Document
  const document: Record<string, unknown> = { mode }
  for (const [path, value] of Object.entries(given)) {
    const [outer = '', inner] = path.split('.')
    document[outer] =
      inner === undefined ? value : { ...(document[outer] as object), [inner]: value }
  }
  const { configuration } = readConfiguration(document)
  const has = (name: string) => Object.keys(given).some((path) => path.endsWith(name))
  return {
    ...(has('nodePortAddresses') && { nodePortAddresses: configuration.nodePortAddresses }),
    ...(configuration.masqueradeAll && { masqueradeAll: true }),
    ...(has('syncPeriod') && { checkIntervalMs: configuration.syncPeriodMs }),
    ...(has('localhostNodePorts') && {
      iptables: { localhostNodePorts: configuration.localhostNodePorts },
    }),
    ipvs: {
      scheduler: configuration.ipvs.scheduler,
      // The announcer of layer 4 says which node answers for an address that all have.
      strictARP: has('strictARP') ? configuration.ipvs.strictARP : true,
    },
  }
}

/** Two levels are all that the configuration has. */
function pathsOf(document: Document): readonly string[] {
  return Object.entries(document).flatMap(([name, value]) =>
    isObject(value) ? Object.keys(value).map((inner) => `${name}.${inner}`) : [name],
  )
}

function valueAt(document: Document, path: string): unknown {
  const [outer = '', inner] = path.split('.')
  const value = document[outer]
  return inner === undefined ? value : isObject(value) ? value[inner] : undefined
}

function isObject(value: unknown): value is Document {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Files have every field, most of them empty; `false` may be meant, and is where it counts. */
function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === '0s')
    return false
  if (isObject(value)) return Object.values(value).some(isSet)
  return !(Array.isArray(value) && value.length === 0)
}
