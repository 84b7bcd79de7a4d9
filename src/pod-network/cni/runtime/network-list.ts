import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CNI_CODE, CNIError } from '../protocol/cni-error.ts'
import { type Fields, isObject, readFields } from '../protocol/fields.ts'
import {
  type CNIVersion,
  compareVersions,
  NEWEST_CNI_VERSION,
  parseCNIVersion,
} from '../protocol/version.ts'

/** A conflist: plugins that are called one after the other. */
export interface NetworkList {
  readonly name: string
  readonly cniVersion: CNIVersion
  readonly disableCheck: boolean
  readonly disableGC: boolean
  readonly plugins: readonly PluginConf[]
  /** The whole of it: what was read, with the fragments in it. */
  readonly text: string
}

export interface PluginConf {
  readonly type: string
  readonly config: Readonly<Record<string, unknown>>
}

/**
 * A `.conflist`, or a `.conf` of one plugin, with the fragments that others laid into the folder of the network's name beside it
 * (libcni/conf.go: `<folder>/<network>/*.conf`, in the order of names, unless `loadOnlyInlinedPlugins`).
 * @throws CNIError 7
 */
export async function loadNetworkList(file: string): Promise<NetworkList> {
  const text = await readFile(file, 'utf8')
  return parseNetworkList(text, await readFragments(file, text))
}

/** @param fragments texts of one plugin each. @throws CNIError 7 */
export function parseNetworkList(text: string, fragments: readonly string[] = []): NetworkList {
  try {
    const fields = readFields(JSON.parse(text), 'conflist')
    const name = fields.text('name')
    if (!name) throw new SyntaxError('it has no name')
    const inlined = inlinedPlugins(fields)
    const plugins = [...inlined, ...fragments.map((each) => JSON.parse(each))].map(toPlugin)
    if (plugins.length === 0) throw new SyntaxError('it has no plugins')
    return {
      name,
      cniVersion: chooseVersion(fields),
      disableCheck: flagOf(fields, 'disableCheck'),
      disableGC: flagOf(fields, 'disableGC'),
      plugins,
      text: fragments.length === 0 ? text : withPlugins(text, plugins),
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CNIError(CNI_CODE.badConfig, `Cannot read conflist: ${why}`, { cause })
  }
}

async function readFragments(file: string, text: string): Promise<readonly string[]> {
  const fields = readFields(parseOrNothing(text), 'conflist')
  const name = fields.raw('name')
  // Only a name may lead to a folder.
  if (typeof name !== 'string' || !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) return []
  if (fields.raw('type') !== undefined || isTold(fields, 'loadOnlyInlinedPlugins')) return []
  const folder = join(dirname(file), name)
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
    throw error
  })
  const conf = names.filter((each) => each.endsWith('.conf')).sort()
  return Promise.all(conf.map((each) => readFile(join(folder, each), 'utf8')))
}

function parseOrNothing(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

/** A file of one plugin is a list of it. */
function inlinedPlugins(fields: Fields): readonly unknown[] {
  if (fields.has('plugins')) {
    const plugins = fields.list('plugins')
    if (plugins.length === 0) throw new SyntaxError('it has no plugins')
    return plugins
  }
  if (flagOf(fields, 'loadOnlyInlinedPlugins')) {
    throw new SyntaxError('loadOnlyInlinedPlugins is true, and it has no plugins')
  }
  const type = fields.text('type')
  return type === undefined ? [] : [fields.all()]
}

function toPlugin(each: unknown): PluginConf {
  const type = readFields(each, 'plugins').text('type')
  if (!type || !isObject(each)) throw new SyntaxError('a plugin has no type')
  return { type, config: each }
}

/** The newest of `cniVersions` and `cniVersion` that we speak (SPEC.md 1.1.0, "Configuration format"). */
function chooseVersion(fields: Fields): CNIVersion {
  const told = fields.raw('cniVersion')
  if (!fields.has('cniVersions')) return parseCNIVersion(told)
  const versions = [...fields.list('cniVersions'), ...(told === undefined ? [] : [told])]
  const known = versions.map((each) => {
    if (typeof each === 'string' && /^\d+\.\d+\.\d+$/.test(each)) return each
    throw new SyntaxError(`cniVersions holds ${JSON.stringify(each)}`)
  })
  const ours = known
    .filter((each) => compareVersions(each, NEWEST_CNI_VERSION) <= 0)
    .sort(compareVersions)
  return parseCNIVersion(ours.at(-1) ?? told)
}

function isTold(fields: Fields, key: string): boolean {
  const value = fields.raw(key)
  return value === true || (typeof value === 'string' && value.toLowerCase() === 'true')
}

/** A boolean, or its word. */
function flagOf(fields: Fields, key: string): boolean {
  const value = fields.raw(key)
  const isWord = typeof value === 'string' && /^(true|false)$/i.test(value)
  if (value === undefined || typeof value === 'boolean' || isWord) return isTold(fields, key)
  throw new SyntaxError(`${key} is neither true nor false`)
}

function withPlugins(text: string, plugins: readonly PluginConf[]): string {
  const inlined = { plugins: plugins.map(({ config }) => config), loadOnlyInlinedPlugins: true }
  return JSON.stringify({ ...JSON.parse(text), ...inlined })
}

/** What a plugin of the list reads: its own part, and what the runtime puts in (libcni, buildOneConfig). */
export function planStdin(
  { name, cniVersion }: NetworkList,
  { config }: PluginConf,
  {
    prevResult,
    capabilityArgs = {},
    validAttachments,
  }: {
    readonly prevResult?: unknown
    readonly capabilityArgs?: Readonly<Record<string, unknown>>
    /** For GC. */
    readonly validAttachments?: readonly object[]
  },
): string {
  const capabilities = isObject(config.capabilities) ? config.capabilities : {}
  const runtimeConfig = Object.fromEntries(
    Object.entries(capabilityArgs).filter(([key]) => capabilities[key] === true),
  )
  return JSON.stringify({
    ...config,
    name,
    cniVersion,
    ...(prevResult !== undefined && { prevResult }),
    ...(Object.keys(runtimeConfig).length > 0 && { runtimeConfig }),
    // The second name is that of the first drafts (containernetworking/cni#1101).
    ...(validAttachments && {
      'cni.dev/valid-attachments': validAttachments,
      'cni.dev/attachments': validAttachments,
    }),
  })
}
