import { parseGoDuration } from '#api/go-duration.ts'
import { type CIDR, parseCIDR } from '#ip/cidr.ts'
import { type IP, parseIP } from '#ip/ip.ts'
import { type NodePortAddresses, parseNodePortAddresses } from '../../model/node-port-addresses.ts'
import { PROXY_MODES, type ProxyMode } from '../mode.ts'
import { DETECT_LOCAL_MODES, type DetectLocal, readDetectLocal } from './detect-local.ts'

/**
 * kube-proxy's configuration (kubeproxy.config.k8s.io/v1alpha1), as far as it matters on Linux, with its defaults. Durations in milliseconds.
 *
 * @see k8s.io/kube-proxy config/v1alpha1/types.go
 */
export interface ProxyConfiguration extends DetectLocal {
  readonly kubeconfig: string
  readonly hostnameOverride: string
  /** The node's primary address, where it is not the one that its Node object names. */
  readonly bindAddress?: IP
  readonly bindAddressHardFail: boolean
  readonly healthz?: SocketAddress
  readonly metrics?: SocketAddress
  readonly mode: ProxyMode
  readonly clusterCIDRs: readonly CIDR[]
  readonly nodePortAddresses: NodePortAddresses
  readonly masqueradeAll: boolean
  readonly localhostNodePorts: boolean
  readonly syncPeriodMs: number
  readonly ipvs: { readonly scheduler: string; readonly strictARP: boolean }
  readonly conntrack: ConntrackConfiguration
  readonly oomScoreAdj: number | undefined
}

export interface SocketAddress {
  readonly address: IP
  readonly port: number
}

export interface ConntrackConfiguration {
  readonly maxPerCore: number
  readonly min: number
  readonly tcpEstablishedTimeoutMs: number
  readonly tcpCloseWaitTimeoutMs: number
  readonly tcpBeLiberal: boolean
  readonly udpTimeoutMs: number
  readonly udpStreamTimeoutMs: number
}

export interface ReadConfiguration {
  readonly configuration: ProxyConfiguration
  /** What is set and has no effect. */
  readonly warnings: readonly string[]
}

type Fields = Readonly<Record<string, unknown>>
type Kind = 'text' | 'flag' | 'number' | 'duration' | 'list'

const HEALTHZ_PORT = 10256
const METRICS_PORT = 10249
/** The default of iptables mode; the others have no other. */
const SYNC_PERIOD = '30s'

/** Every field that is read, by its path. */
const KNOWN: Readonly<Record<string, Kind>> = {
  'clientConnection.kubeconfig': 'text',
  hostnameOverride: 'text',
  bindAddress: 'text',
  bindAddressHardFail: 'flag',
  healthzBindAddress: 'text',
  metricsBindAddress: 'text',
  mode: 'text',
  clusterCIDR: 'text',
  detectLocalMode: 'text',
  'detectLocal.bridgeInterface': 'text',
  'detectLocal.interfaceNamePrefix': 'text',
  nodePortAddresses: 'list',
  oomScoreAdj: 'number',
  'iptables.masqueradeAll': 'flag',
  'iptables.localhostNodePorts': 'flag',
  'iptables.syncPeriod': 'duration',
  'nftables.masqueradeAll': 'flag',
  'nftables.syncPeriod': 'duration',
  'ipvs.syncPeriod': 'duration',
  'ipvs.scheduler': 'text',
  'ipvs.strictARP': 'flag',
  'conntrack.maxPerCore': 'number',
  'conntrack.min': 'number',
  'conntrack.tcpEstablishedTimeout': 'duration',
  'conntrack.tcpCloseWaitTimeout': 'duration',
  'conntrack.tcpBeLiberal': 'flag',
  'conntrack.udpTimeout': 'duration',
  'conntrack.udpStreamTimeout': 'duration',
}

/** Upstream knows them; here they mean nothing, and set to a value of their own they are told of. */
const WITHOUT_EFFECT: readonly string[] = [
  ...['apiVersion', 'kind', 'featureGates', 'logging', 'enableProfiling', 'configSyncPeriod'],
  ...['portRange', 'showHiddenMetricsForVersion', 'winkernel', 'windowsRunAsService'],
  ...['clientConnection.acceptContentTypes', 'clientConnection.contentType'],
  ...['clientConnection.qps', 'clientConnection.burst'],
  ...['iptables.masqueradeBit', 'iptables.minSyncPeriod', 'nftables.masqueradeBit'],
  ...['nftables.minSyncPeriod', 'ipvs.minSyncPeriod', 'ipvs.excludeCIDRs', 'ipvs.tcpTimeout'],
  ...['ipvs.tcpFinTimeout', 'ipvs.udpTimeout'],
]
/** Silently: they tell how to talk and log, or what the file is. */
const SILENT = new Set(['apiVersion', 'kind', 'logging', 'configSyncPeriod', 'winkernel'])

/**
 * Checks a parsed KubeProxyConfiguration and fills in the defaults.
 *
 * @throws TypeError naming the field
 */
export function readConfiguration(document: unknown): ReadConfiguration {
  const fields = flatten(checkKind(document))
  const warnings = warn(fields)
  // Also those that another mode would use.
  const checked = new Map(Object.keys(KNOWN).map((path) => [path, check(path, fields.get(path))]))
  const get = (path: string) => checked.get(path)
  const text = (path: string) => (get(path) as string | undefined) ?? ''
  const flag = (path: string, otherwise = false) => (get(path) as boolean | undefined) ?? otherwise
  const number = (path: string) => get(path) as number | undefined
  const duration = (path: string, otherwise = '0') =>
    parseGoDuration((get(path) as string | undefined) ?? otherwise)!

  const mode = oneOf('mode', text('mode') || 'nftables', PROXY_MODES)
  const bindAddress =
    text('bindAddress') === '' ? undefined : address('bindAddress', text('bindAddress'))
  const isIPv6 = bindAddress?.includes(':') === true
  const configuration: ProxyConfiguration = {
    kubeconfig: text('clientConnection.kubeconfig'),
    hostnameOverride: text('hostnameOverride'),
    ...(bindAddress !== undefined && !isUnspecified(bindAddress) && { bindAddress }),
    bindAddressHardFail: flag('bindAddressHardFail'),
    ...socketAddress(
      'healthz',
      'healthzBindAddress',
      text('healthzBindAddress') || `${isIPv6 ? '[::]' : '0.0.0.0'}:${HEALTHZ_PORT}`,
      HEALTHZ_PORT,
    ),
    ...socketAddress(
      'metrics',
      'metricsBindAddress',
      text('metricsBindAddress') || `${isIPv6 ? '[::1]' : '127.0.0.1'}:${METRICS_PORT}`,
      METRICS_PORT,
    ),
    mode,
    clusterCIDRs: cidrs('clusterCIDR', text('clusterCIDR')),
    ...readDetectLocal(
      oneOf('detectLocalMode', text('detectLocalMode') || 'ClusterCIDR', DETECT_LOCAL_MODES),
      text,
    ),
    nodePortAddresses: nodePortAddresses(mode, get('nodePortAddresses')),
    masqueradeAll: flag(mode === 'nftables' ? 'nftables.masqueradeAll' : 'iptables.masqueradeAll'),
    localhostNodePorts: flag('iptables.localhostNodePorts', true),
    syncPeriodMs:
      duration(`${mode === 'userspace' ? 'iptables' : mode}.syncPeriod`) ||
      parseGoDuration(SYNC_PERIOD)!,
    ipvs: { scheduler: text('ipvs.scheduler') || 'rr', strictARP: flag('ipvs.strictARP') },
    conntrack: {
      maxPerCore: number('conntrack.maxPerCore') ?? 32_768,
      min: number('conntrack.min') ?? 131_072,
      tcpEstablishedTimeoutMs: duration('conntrack.tcpEstablishedTimeout', '24h'),
      tcpCloseWaitTimeoutMs: duration('conntrack.tcpCloseWaitTimeout', '1h'),
      tcpBeLiberal: flag('conntrack.tcpBeLiberal'),
      udpTimeoutMs: duration('conntrack.udpTimeout'),
      udpStreamTimeoutMs: duration('conntrack.udpStreamTimeout'),
    },
    oomScoreAdj: number('oomScoreAdj'),
  }
  return { configuration, warnings }
}

function checkKind(document: unknown): Fields {
  const fields = fieldsOf(document)
  if (!fields) throw new TypeError('Cannot read the configuration: it is no object')
  const { apiVersion = API_VERSION, kind = 'KubeProxyConfiguration' } = fields
  if (apiVersion !== API_VERSION || kind !== 'KubeProxyConfiguration') {
    throw new TypeError(
      `Cannot read the configuration: it is ${JSON.stringify(apiVersion)} ${JSON.stringify(kind)} (${API_VERSION} KubeProxyConfiguration is read)`,
    )
  }
  return fields
}

const API_VERSION = 'kubeproxy.config.k8s.io/v1alpha1'

/** Two levels are all that the configuration has; what is read as a whole stays whole. */
function flatten(fields: Fields): ReadonlyMap<string, unknown> {
  const flat = new Map<string, unknown>()
  for (const [name, value] of Object.entries(fields)) {
    const inner = name in KNOWN || WITHOUT_EFFECT.includes(name) ? undefined : fieldsOf(value)
    if (!inner) flat.set(name, value)
    else for (const [field, value] of Object.entries(inner)) flat.set(`${name}.${field}`, value)
  }
  return flat
}

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : undefined
}

/** As upstream, a field that nobody knows is told of and not an error: a newer file may have it. */
function warn(fields: ReadonlyMap<string, unknown>): readonly string[] {
  return [...fields].flatMap(([path, value]) => {
    if (path in KNOWN || SILENT.has(path)) return []
    if (!WITHOUT_EFFECT.includes(path)) return [`unknown field "${path.slice(0, 100)}"`]
    return isEmpty(value) ? [] : [`field "${path}" has no effect here`]
  })
}

/** Files have every field, most of them empty. */
function isEmpty(value: unknown, depth = 2): boolean {
  if (value === null || value === '' || value === 0 || value === false || value === '0s')
    return true
  if (Array.isArray(value)) return value.length === 0
  const fields = fieldsOf(value)
  return !!fields && depth > 0 && Object.values(fields).every((inner) => isEmpty(inner, depth - 1))
}

function check(path: string, value: unknown): unknown {
  if (value === undefined || value === null || value === '') return undefined
  const kind = KNOWN[path]!
  const isRight = {
    text: () => typeof value === 'string' && value.length <= 1024,
    flag: () => typeof value === 'boolean',
    number: () => Number.isInteger(value) && Math.abs(value as number) < 2 ** 31,
    duration: () => typeof value === 'string' && (parseGoDuration(value) ?? -1) >= 0,
    list: () =>
      Array.isArray(value) && value.length <= 64 && value.every((item) => typeof item === 'string'),
  }[kind]()
  if (!isRight) throw new TypeError(`Cannot use ${path} ${shown(value)}: ${WANTED[kind]}`)
  return value
}

const WANTED: Readonly<Record<Kind, string>> = {
  text: 'it is no text',
  flag: 'it is neither true nor false',
  number: 'it is no whole number',
  duration: 'it is no duration (like 30s or 1m30s)',
  list: 'it is no list of texts',
}

const shown = (value: unknown) => JSON.stringify(value)?.slice(0, 100)

function oneOf<T extends string>(path: string, text: string, values: readonly T[]): T {
  const value = values.find((value) => value === text)
  if (value) return value
  throw new TypeError(`Cannot use ${path} ${shown(text)}: it is none of ${values.join(', ')}`)
}

function address(path: string, text: string): IP {
  const ip = parseIP(text)
  if (ip === undefined)
    throw new TypeError(`Cannot use ${path} ${shown(text)}: it is no IP address`)
  return ip
}

/** Source of the defaults: facts/services.md 1.1, "nodePort". */
function nodePortAddresses(mode: ProxyMode, texts: unknown): NodePortAddresses {
  const given = (texts as readonly string[] | undefined) ?? []
  if (given.length === 0) return [mode === 'nftables' ? 'primary' : 'all']
  try {
    return parseNodePortAddresses(given)
  } catch (error) {
    throw new TypeError((error as Error).message, { cause: error })
  }
}

const isUnspecified = (ip: IP) => ip === '0.0.0.0' || ip === '::'

function cidrs(path: string, list: string): readonly CIDR[] {
  if (list === '') return []
  return list.split(',').map((text) => {
    const cidr = parseCIDR(text)
    if (!cidr) throw new TypeError(`Cannot use ${path} ${shown(text)}: it is no CIDR`)
    return cidr
  })
}

/** An address without port, as older files have it, gets the default one; port 0 turns the server off. */
function socketAddress<Key extends string>(
  key: Key,
  path: string,
  text: string,
  defaultPort: number,
): Partial<Record<Key, SocketAddress>> {
  const bare = parseIP(text)
  if (bare !== undefined)
    return { [key]: { address: bare, port: defaultPort } } as Record<Key, SocketAddress>
  const [, v6, v4, digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? []
  const ip = parseIP(v6 ?? v4 ?? '')
  const port = Number(digits)
  if (ip === undefined || port > 65_535) {
    throw new TypeError(
      `Cannot use ${path} ${shown(text)}: it is no address and port (like 0.0.0.0:${defaultPort})`,
    )
  }
  return port === 0 ? {} : ({ [key]: { address: ip, port } } as Record<Key, SocketAddress>)
}
