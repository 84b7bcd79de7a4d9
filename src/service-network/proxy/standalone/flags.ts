import { parseArgs } from 'node:util'
import { type IptablesOptions, PROXY_MODES, type ProxyMode } from '../mode.ts'
import { BARE, SILENT, WITHOUT_EFFECT } from './ignored-flags.ts'

/** A flag of kube-proxy, and the field of its configuration that it sets. */
type Flag = readonly [name: string, path: string, kind: 'text' | 'flag' | 'number' | 'list']

const FLAGS: readonly Flag[] = [
  ['kubeconfig', 'clientConnection.kubeconfig', 'text'],
  ['hostname-override', 'hostnameOverride', 'text'],
  ['bind-address', 'bindAddress', 'text'],
  ['bind-address-hard-fail', 'bindAddressHardFail', 'flag'],
  ['healthz-bind-address', 'healthzBindAddress', 'text'],
  ['metrics-bind-address', 'metricsBindAddress', 'text'],
  ['proxy-mode', 'mode', 'text'],
  ['cluster-cidr', 'clusterCIDR', 'text'],
  ['detect-local-mode', 'detectLocalMode', 'text'],
  ['pod-bridge-interface', 'detectLocal.bridgeInterface', 'text'],
  ['pod-interface-name-prefix', 'detectLocal.interfaceNamePrefix', 'text'],
  ['nodeport-addresses', 'nodePortAddresses', 'list'],
  ['masquerade-all', 'masqueradeAll', 'flag'],
  ['iptables-localhost-nodeports', 'iptables.localhostNodePorts', 'flag'],
  ['iptables-sync-period', 'iptables.syncPeriod', 'text'],
  ['ipvs-sync-period', 'ipvs.syncPeriod', 'text'],
  ['ipvs-scheduler', 'ipvs.scheduler', 'text'],
  ['ipvs-strict-arp', 'ipvs.strictARP', 'flag'],
  ['conntrack-max-per-core', 'conntrack.maxPerCore', 'number'],
  ['conntrack-min', 'conntrack.min', 'number'],
  ['conntrack-tcp-timeout-established', 'conntrack.tcpEstablishedTimeout', 'text'],
  ['conntrack-tcp-timeout-close-wait', 'conntrack.tcpCloseWaitTimeout', 'text'],
  ['conntrack-tcp-be-liberal', 'conntrack.tcpBeLiberal', 'flag'],
  ['conntrack-udp-timeout', 'conntrack.udpTimeout', 'text'],
  ['conntrack-udp-timeout-stream', 'conntrack.udpStreamTimeout', 'text'],
  ['oom-score-adj', 'oomScoreAdj', 'number'],
]

/** They count beside a file, too. Source: kube-proxy --help: every other flag "is ignored if a config file is specified by --config". */
const BESIDE_FILE = new Set(['kubeconfig', 'hostname-override', 'oom-score-adj'])

export interface ParsedFlags {
  /** A KubeProxyConfiguration document. */
  readonly config?: string
  readonly cleanup: boolean
  /** Ours, with `cleanup`: what this mode has stays, since a proxy serves by it. */
  readonly keep?: ProxyMode
  /** Only what needs all of root's rights, and then the end. */
  readonly initOnly: boolean
  readonly version: boolean
  /** The configuration goes into this file, and then the end. */
  readonly writeConfigTo?: string
  /** The API server, in place of the kubeconfig's. */
  readonly master?: string
  /** Allows `externalIPs`, which kube-proxy always does and we do not (CVE-2020-8554). */
  readonly allowExternalIPs: boolean
  /** Ours: which `iptables` is called, and whose names and rules iptables mode has. */
  readonly iptables: IptablesOptions
  /** What the flags set, as a document of the same kind. */
  readonly document: Readonly<Record<string, unknown>>
  readonly warnings: readonly string[]
}

/** @throws TypeError for what is no flag, or has no such value */
export function parseFlags(argv: readonly string[]): ParsedFlags {
  const values = readValues(argv)
  if (values.keep !== undefined && !values.cleanup)
    throw new TypeError('Cannot use --keep: it says what --cleanup leaves, which is not given')
  const given = FLAGS.filter(([name]) => values[name as keyof typeof values] !== undefined)
  const { config } = values
  const counted = given.filter(([name]) => config === undefined || BESIDE_FILE.has(name))
  const document: Record<string, unknown> = {}
  for (const [name, path, kind] of counted) {
    const value = convert(name, kind, values[name as keyof typeof values] as string | string[])
    // One flag for two fields; which one counts is the mode's.
    const paths =
      path === 'masqueradeAll' ? ['iptables.masqueradeAll', 'nftables.masqueradeAll'] : [path]
    for (const path of paths) setField(document, path, value)
  }
  return {
    ...(config !== undefined && { config }),
    cleanup: values.cleanup === true,
    ...oneOf('keep', 'keep', values.keep, PROXY_MODES),
    initOnly: values['init-only'] === true,
    version: values.version === true,
    ...(values.master && { master: values.master }),
    ...(values['write-config-to'] && { writeConfigTo: values['write-config-to'] }),
    allowExternalIPs: values['allow-external-ips'] === true,
    iptables: {
      ...oneOf('variant', 'iptables-variant', values['iptables-variant'], [
        'nft',
        'legacy',
      ] as const),
      ...oneOf('layout', 'iptables-layout', values['iptables-layout'], [
        'modern',
        'classic',
      ] as const),
    },
    document,
    warnings: [
      ...given
        .filter((flag) => !counted.includes(flag))
        .map(([name]) => `flag --${name} is ignored: a file is given by --config`),
      ...WITHOUT_EFFECT.filter((name) => name in values).map(
        (name) => `flag --${name} has no effect here`,
      ),
    ],
  }
}

function readValues(argv: readonly string[]) {
  return parseArgs({
    args: argv.flatMap(completeFlag),
    allowPositionals: false,
    options: {
      config: { type: 'string' },
      cleanup: { type: 'boolean' },
      keep: { type: 'string' },
      'init-only': { type: 'boolean' },
      version: { type: 'boolean' },
      master: { type: 'string' },
      'write-config-to': { type: 'string' },
      'allow-external-ips': { type: 'boolean' },
      'iptables-variant': { type: 'string' },
      'iptables-layout': { type: 'string' },
      ...Object.fromEntries(
        [...SILENT, ...WITHOUT_EFFECT].map((name) => [name, { type: 'string' as const }]),
      ),
      ...Object.fromEntries(
        FLAGS.map(([name, , kind]) => [
          name,
          { type: 'string' as const, ...(kind === 'list' && { multiple: true }) },
        ]),
      ),
      // klog's: kube-proxy's manifests set it.
      v: { type: 'string', short: 'v' },
    },
  }).values
}

/** As pflag reads it: a flag that is true or false needs no value, and words of a name may be joined by `_`. */
function completeFlag(argument: string): readonly string[] {
  const [, name = '', rest = ''] = /^--([\w-]+)(=.*)?$/s.exec(argument) ?? []
  if (name === '') return [argument]
  const joined = name.replaceAll('_', '-')
  // These are either there or not.
  const truth = OWN_TRUTHS.includes(joined) ? truthOf(rest.slice(1)) : undefined
  if (truth !== undefined) return truth ? [`--${joined}`] : []
  const isTruth = FLAGS.some(([each, , kind]) => kind === 'flag' && each === joined)
  return [`--${joined}${rest || (isTruth || BARE.includes(joined) ? '=true' : '')}`]
}

/** As Go's strconv.ParseBool. */
function truthOf(text: string): boolean | undefined {
  if (/^(1|t|true|True|T|TRUE)$/.test(text)) return true
  return /^(0|f|false|False|F|FALSE)$/.test(text) ? false : undefined
}

const OWN_TRUTHS = ['cleanup', 'init-only', 'version', 'allow-external-ips']

function oneOf<K extends string, V extends string>(
  key: K,
  flag: string,
  text: unknown,
  values: readonly V[],
): { readonly [key in K]?: V } {
  if (text === undefined) return {}
  const value = values.find((each) => each === text)
  if (value) return { [key]: value } as { readonly [key in K]?: V }
  throw new TypeError(
    `Cannot use --${flag} ${JSON.stringify(text)}: it is none of ${values.join(', ')}`,
  )
}

function convert(name: string, kind: Flag[2], value: string | readonly string[]): unknown {
  if (kind === 'list') return [value].flat().flatMap((list) => (list === '' ? [] : list.split(',')))
  const text = String(value)
  if (kind === 'number') {
    if (/^-?\d{1,10}$/.test(text)) return Number(text)
    throw new TypeError(`Cannot use --${name} ${JSON.stringify(text)}: it is no whole number`)
  }
  if (kind === 'text') return text
  const truth = truthOf(text)
  if (truth !== undefined) return truth
  throw new TypeError(`Cannot use --${name} ${JSON.stringify(text)}: it is neither true nor false`)
}

/** The fields of `over` in place of those of `document`, field by field. */
export function overlay(
  document: Readonly<Record<string, unknown>>,
  over: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const merged: Record<string, unknown> = { ...document }
  for (const [name, value] of Object.entries(over)) {
    const inner = merged[name]
    const isInner = typeof value === 'object' && value !== null && !Array.isArray(value)
    merged[name] = isInner && typeof inner === 'object' ? { ...inner, ...value } : value
  }
  return merged
}

function setField(document: Record<string, unknown>, path: string, value: unknown): void {
  const [outer = '', inner] = path.split('.')
  if (inner === undefined) document[outer] = value
  else document[outer] = { ...(document[outer] as object | undefined), [inner]: value }
}
