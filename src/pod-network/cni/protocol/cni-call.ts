import { CNI_CODE, CNIError } from './cni-error.ts'
import { type Fields, readFields } from './fields.ts'
import { type CNIResult, decodeResult } from './result.ts'
import {
  type CNIVersion,
  compareVersions,
  isAtLeast,
  NEWEST_CNI_VERSION,
  parseCNIVersion,
} from './version.ts'

export type CNIEnvironment = Readonly<Record<string, string | undefined>>

const VERBS = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION'] as const
export type CNIVerb = (typeof VERBS)[number]

/** One call of a plugin, checked. What concerns one attachment is empty for GC and STATUS. */
export interface CNICall {
  readonly verb: CNIVerb
  readonly containerID: string
  /** Path of the pod's namespace; may be empty for DEL. */
  readonly netns: string
  readonly ifname: string
  /** CNI_ARGS, split. */
  readonly args: ReadonlyMap<string, string>
  readonly path: readonly string[]
  readonly netnsOverride: boolean
  readonly networkName: string
  readonly cniVersion: CNIVersion
  readonly config: Fields
  readonly prevResult?: CNIResult
  /** As it came, for plugins that this one delegates to. */
  readonly env: CNIEnvironment
  readonly stdin: Uint8Array
}

type Verb = CNIVerb | 'UNKNOWN'

/** Checks in the order of upstream's skeleton, so that the same fault gets the same answer. @throws CNIError */
export function parseCall(env: CNIEnvironment, stdin: Uint8Array): CNICall {
  const verb = env.CNI_COMMAND ?? ''
  requireEnvironment(verb, env)
  const isOfAttachment = verb !== 'GC' && verb !== 'STATUS'
  const config = parseConfig(stdin)
  const networkName = requireNetworkName(config.text('name'))
  const { CNI_CONTAINERID: containerID = '', CNI_IFNAME: ifname = '', CNI_NETNS: netns = '' } = env
  if (isOfAttachment) requireAttachment(containerID, ifname)
  const known = VERBS.find((each) => each === verb)
  if (!known) throw new CNIError(CNI_CODE.badEnvironment, `unknown CNI_COMMAND: ${verb}`)
  const cniVersion = requireVersion(known, config.raw('cniVersion'))
  const prevResult = config.raw('prevResult')
  return {
    verb: known,
    containerID,
    netns,
    ifname,
    args: parseArgs(env.CNI_ARGS ?? ''),
    path: (env.CNI_PATH ?? '').split(':').filter((directory) => directory !== ''),
    netnsOverride: /^(?:true|1)$/i.test(env.CNI_NETNS_OVERRIDE ?? ''),
    networkName,
    cniVersion,
    config,
    ...(prevResult !== undefined && { prevResult: decodeResult(prevResult, cniVersion) }),
    env,
    stdin,
  }
}

/** In the order in which upstream names them. */
const REQUIRED: readonly (readonly [string, readonly Verb[]])[] = [
  ['CNI_CONTAINERID', ['ADD', 'CHECK', 'DEL']],
  ['CNI_NETNS', ['ADD', 'CHECK']],
  ['CNI_IFNAME', ['ADD', 'CHECK', 'DEL']],
  ['CNI_PATH', ['ADD', 'CHECK', 'DEL', 'GC', 'STATUS']],
]

function requireEnvironment(verb: string, env: CNIEnvironment): void {
  const missing = REQUIRED.filter(
    ([name, verbs]) => !env[name] && verbs.some((each) => each === verb),
  ).map(([name]) => name)
  if (missing.length === 0) return
  const names = missing.join(',')
  throw new CNIError(CNI_CODE.badEnvironment, `required env variables [${names}] missing`)
}

function parseConfig(stdin: Uint8Array): Fields {
  try {
    return readFields(JSON.parse(new TextDecoder().decode(stdin)))
  } catch (error) {
    const why =
      stdin.length === 0
        ? 'unexpected end of JSON input'
        : error instanceof Error
          ? error.message
          : ''
    throw new CNIError(CNI_CODE.decode, `error unmarshall network config: ${why}`, { cause: error })
  }
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/

function requireNetworkName(name: string | undefined): string {
  if (!name) throw new CNIError(CNI_CODE.badConfig, 'missing network name')
  if (!NAME.test(name)) {
    throw new CNIError(CNI_CODE.badConfig, 'invalid characters found in network name', {
      details: name,
    })
  }
  return name
}

/** IFNAMSIZ less the closing zero. */
const MAX_IFNAME_BYTES = 15

function requireAttachment(containerID: string, ifname: string): void {
  const fail = (message: string, details = '') => {
    throw new CNIError(CNI_CODE.badEnvironment, message, { details })
  }
  if (containerID === '') fail('missing containerID')
  if (!NAME.test(containerID)) fail('invalid characters in containerID', containerID)
  if (ifname === '') fail('interface name is empty')
  if (Buffer.byteLength(ifname) > MAX_IFNAME_BYTES) {
    fail('interface name is too long', `interface name should be less than 16 characters`)
  }
  if (ifname === '.' || ifname === '..') fail('interface name is . or ..')
  if (/[/:\s]/.test(ifname)) fail('interface name contains / or : or whitespace characters')
}

/** The verbs that came later are refused to configurations of before. */
const SINCE: Partial<Record<CNIVerb, CNIVersion>> = { CHECK: '0.4.0', GC: '1.1.0', STATUS: '1.1.0' }

function requireVersion(verb: CNIVerb, value: unknown): CNIVersion {
  const since = SINCE[verb]
  // By order, also of versions that nobody knows: upstream's answers differ for what is too old and what is too new.
  if (since && typeof value === 'string' && /^\d+\.\d+\.\d+$/.test(value)) {
    if (compareVersions(value, since) < 0) {
      throw new CNIError(CNI_CODE.incompatibleVersion, `config version does not allow ${verb}`)
    }
    if (compareVersions(value, NEWEST_CNI_VERSION) > 0) {
      throw new CNIError(CNI_CODE.incompatibleVersion, `plugin version does not allow ${verb}`)
    }
  }
  const version = parseCNIVersion(value)
  if (since && !isAtLeast(version, since)) {
    throw new CNIError(CNI_CODE.incompatibleVersion, `config version does not allow ${verb}`)
  }
  return version
}

/** `K=V;K2=V2`. @throws CNIError where a pair has no `=` */
function parseArgs(text: string): ReadonlyMap<string, string> {
  const pairs = text === '' ? [] : text.split(';')
  return new Map(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at < 0)
        throw new CNIError(CNI_CODE.internal, `ARGS: invalid pair ${JSON.stringify(pair)}`)
      return [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}

/** Fails for arguments that a plugin does not know, unless `IgnoreUnknown` says otherwise. @throws CNIError */
export function requireKnownArgs({ args }: CNICall, known: readonly string[]): void {
  const unknown = [...args].filter(([key]) => key !== 'IgnoreUnknown' && !known.includes(key))
  if (unknown.length === 0 || /^(?:true|1)$/i.test(args.get('IgnoreUnknown') ?? '')) return
  const pairs = unknown.map(([key, value]) => JSON.stringify(`${key}=${value}`)).join(' ')
  throw new CNIError(CNI_CODE.internal, `ARGS: unknown args [${pairs}]`)
}
