import { CNI_CODE, CNIError } from '../protocol/cni-error.ts'
import { isObject, readFields } from '../protocol/fields.ts'
import { type CNIVersion, parseCNIVersion } from '../protocol/version.ts'

/** A conflist: plugins that are called one after the other. */
export interface NetworkList {
  readonly name: string
  readonly cniVersion: CNIVersion
  readonly disableCheck: boolean
  readonly plugins: readonly PluginConf[]
  /** As it was read. */
  readonly text: string
}

export interface PluginConf {
  readonly type: string
  readonly config: Readonly<Record<string, unknown>>
}

/** @throws CNIError 7 */
export function parseNetworkList(text: string): NetworkList {
  try {
    const fields = readFields(JSON.parse(text), 'conflist')
    const plugins = fields.list('plugins').map((each) => {
      const type = readFields(each, 'plugins').text('type')
      if (!type || !isObject(each)) throw new SyntaxError('a plugin has no type')
      return { type, config: each }
    })
    const name = fields.text('name')
    if (!name) throw new SyntaxError('it has no name')
    if (plugins.length === 0) throw new SyntaxError('it has no plugins')
    const cniVersion = parseCNIVersion(fields.raw('cniVersion'))
    const disableCheck = [true, 'true'].includes(fields.raw('disableCheck') as boolean | string)
    return { name, cniVersion, disableCheck, plugins, text }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CNIError(CNI_CODE.badConfig, `Cannot read conflist: ${why}`, { cause })
  }
}

/** What a plugin of the list reads: its own part, and what the runtime puts in (libcni, buildOneConfig). */
export function planStdin(
  { name, cniVersion }: NetworkList,
  { config }: PluginConf,
  {
    prevResult,
    capabilityArgs = {},
  }: {
    readonly prevResult?: unknown
    readonly capabilityArgs?: Readonly<Record<string, unknown>>
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
  })
}
