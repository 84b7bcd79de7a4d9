import { existsSync, readFileSync } from 'node:fs'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import { type Fields, isObject, readFields } from '../../protocol/fields.ts'

export interface TuningConfig {
  /** By the name as sysctl(8) takes it. */
  readonly sysctls: ReadonlyMap<string, string>
  readonly mac?: string
  readonly promiscuous: boolean
  readonly mtuBytes?: number
  readonly allMulticast?: boolean
  readonly txQueueLength?: number
  /** Holds what was before, a file an attachment. */
  readonly dataDir: string
}

const DEFAULT_DATA_DIR = '/run/cni/tuning'
/** Regular expressions, one a line; where the file is missing, everything below `net.` may be set. */
const ALLOWLIST = '/etc/cni/tuning/allowlist.conf'

/** `args.cni` goes before the capability `mac`, and that before CNI_ARGS and the option. @throws CNIError with upstream's messages */
export function parseTuningConfig(call: CNICall, allowlist = ALLOWLIST): TuningConfig {
  const { config, args, ifname } = call
  refuseDuplicates(new TextDecoder().decode(call.stdin))
  const over = readFields(config.object('args').raw('cni'), 'args.cni')
  const sysctls = { ...readSysctls(config), ...readSysctls(over) }
  if (call.verb === 'ADD') requireAllowed(Object.keys(sysctls), allowlist)
  const mac =
    over.text('mac') ||
    config.object('runtimeConfig').text('mac') ||
    args.get('MAC') ||
    config.text('mac')
  const mtuBytes = over.number('mtu') ?? config.number('mtu')
  const txQueueLength = over.number('txQLen') ?? config.number('txQLen')
  const isSaid = (fields: Fields, key: string) => fields.raw(key) !== undefined
  const flagOf = (key: string) => (isSaid(over, key) ? over : config).flag(key)
  const hasAllMulticast = isSaid(over, 'allmulti') || isSaid(config, 'allmulti')
  return {
    sysctls: new Map(Object.entries(sysctls).map(([key, value]) => [toName(key, ifname), value])),
    ...(mac && { mac: mac.toLowerCase() }),
    promiscuous: flagOf('promisc'),
    ...(mtuBytes && { mtuBytes }),
    ...(hasAllMulticast && { allMulticast: flagOf('allmulti') }),
    ...(txQueueLength !== undefined && { txQueueLength }),
    dataDir: config.text('dataDir') || DEFAULT_DATA_DIR,
  }
}

function readSysctls(fields: Fields): Readonly<Record<string, string>> {
  const sysctls = fields.raw('sysctl')
  if (sysctls === undefined) return {}
  const isText = (value: unknown) => typeof value === 'string'
  if (isObject(sysctls) && Object.values(sysctls).every(isText)) {
    return sysctls as Readonly<Record<string, string>>
  }
  throw fail('failed to load netconf: sysctl is not an object of strings')
}

/** `net.ipv4.conf.IFNAME.arp_filter`: only below `net`, and IFNAME is the pod's interface, in which a dot parts nothing. */
function toName(key: string, ifname: string): string {
  const segments = key
    .replaceAll('.', '/')
    .replace('IFNAME', () => ifname)
    .split('/')
    .filter((segment) => segment !== '')
  if (segments[0] !== 'net' || segments.length < 2) throw fail(`invalid net sysctl key: "${key}"`)
  return segments.map((segment) => segment.replaceAll('.', '/')).join('.')
}

function requireAllowed(keys: readonly string[], path: string): void {
  if (!existsSync(path)) return
  const lines = readFileSync(path, 'utf8').split('\n')
  const allowed = lines.map((line) => line.trim()).filter((line) => line !== '')
  for (const key of keys) {
    if (allowed.some((pattern) => new RegExp(pattern).test(key))) continue
    const only = `Only the following sysctls are allowed: [${allowed.join(' ')}]`
    throw fail(`Sysctl ${key} is not allowed. ${only}`)
  }
}

/** JSON.parse() would keep the last of two; which one is meant cannot be known. */
function refuseDuplicates(json: string): void {
  const path: string[] = []
  const seen = new Set<string>()
  let name = ''
  const tokens = json.matchAll(/"(?:[^"\\]|\\.)*"(?=\s*(:)?)|[{}[\]]/g)
  for (const [token, isKey] of tokens) {
    if (token === '{' || token === '[') path.push(name)
    else if (token === '}' || token === ']') path.pop()
    else if (isKey) {
      name = JSON.parse(token) as string
      const isSysctl = path.length === 2 && path[1]?.toLowerCase() === 'sysctl'
      if (!isSysctl) continue
      if (seen.has(name)) throw fail('duplicated sysctl keys are not allowed')
      seen.add(name)
    }
  }
}
