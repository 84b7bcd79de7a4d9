import { type CNICall, type CNIEnvironment, parseCall } from '../protocol/cni-call.ts'
import { CNI_CODE, CNIError, toCNIError } from '../protocol/cni-error.ts'
import { encodeResult } from '../protocol/result.ts'
import { CNI_VERSIONS, describeVersions, requireSince } from '../protocol/version.ts'
import type { Plugin, PluginHost } from './plugin.ts'
import { loadPlugin } from './registry.ts'

/** One execution of a plugin: the edges of its process as values. */
export interface PluginRun {
  /** Name of the executable: `bridge`. */
  readonly type: string
  readonly env: CNIEnvironment
  readonly stdin: Uint8Array
}

export interface PluginOutcome {
  readonly exitCode: 0 | 1
  readonly stdout: string
  readonly stderr: string
}

/** Runs one of our plugins. Never throws: every failure is an outcome, in the words and with the code of the specification. */
export async function runPlugin(run: PluginRun, host: PluginHost): Promise<PluginOutcome> {
  const verb = run.env.CNI_COMMAND
  if (!verb) return { ...DONE, stderr: describePlugin(run.type) }
  if (verb === 'VERSION') {
    const plugin = await loadPlugin(run.type)
    return { ...DONE, stdout: `${describeVersions(plugin?.since)}\n` }
  }
  try {
    const plugin = await loadPlugin(run.type)
    if (!plugin) {
      throw new CNIError(
        CNI_CODE.internal,
        `Cannot run CNI plugin ${run.type}: it is not one of ours`,
      )
    }
    const call = parseCall(run.env, run.stdin)
    if (plugin.since) requireSince(call.cniVersion, plugin.since)
    return { ...DONE, stdout: await dispatch(plugin, call, host) }
  } catch (error) {
    const { code, message: msg, details } = toCNIError(error)
    // As upstream: without cniVersion, and details only where there are some.
    const stdout = JSON.stringify({ code, msg, ...(details && { details }) }, undefined, 4)
    return { exitCode: 1, stdout: `${stdout}\n`, stderr: '' }
  }
}

const DONE = { exitCode: 0, stdout: '', stderr: '' } as const

function describePlugin(type: string): string {
  return `CNI plugin ${type} (fairlead)\nCNI protocol versions supported: ${CNI_VERSIONS.join(', ')}\n`
}

/** @returns what the verb prints */
async function dispatch(plugin: Plugin, call: CNICall, host: PluginHost): Promise<string> {
  switch (call.verb) {
    case 'ADD': {
      const result = encodeResult(await plugin.add(call, host), call.cniVersion)
      return `${JSON.stringify(result, undefined, 4)}\n`
    }
    case 'DEL':
      await plugin.del(call, host)
      return ''
    case 'CHECK':
      await plugin.check(call, host)
      return ''
    case 'GC':
      await plugin.gc?.(call, host)
      return ''
    case 'STATUS':
      await plugin.status?.(call, host)
      return ''
    case 'VERSION':
      return ''
  }
}
