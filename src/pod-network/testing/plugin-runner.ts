import { join } from 'node:path'
import type { Netns } from '#kernel/netns/netns.ts'
import type { Lab } from '#testing/netns.ts'
import { createPluginHost } from '../cni/plugins/plugin.ts'
import { runPlugin } from '../cni/plugins/run-plugin.ts'

/** Where Debian's containernetworking-plugins puts them (1.1.1: spec up to 1.0.0, iptables only). */
export const REFERENCE_DIR = '/usr/lib/cni'

export interface PluginCall {
  readonly type: string
  readonly verb: string
  readonly containerID?: string
  readonly netns?: string
  readonly ifname?: string
  readonly args?: string
  /** JSON unless it is text. */
  readonly config: object | string
  readonly env?: Readonly<Record<string, string>>
}

export interface PluginAnswer {
  readonly exitCode: number
  readonly stdout: string
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON a plugin prints
  readonly json: any
}

export type RunPlugin = (call: PluginCall) => Promise<PluginAnswer>

/** Runs plugins on one node: Debian's by exec, ours in this process. Delegates are looked for in `path`, by default beside the reference. */
export function createPluginRunner(
  lab: Lab,
  node: Netns,
  path = REFERENCE_DIR,
): { readonly reference: RunPlugin; readonly ours: RunPlugin } & Disposable {
  const host = createPluginHost(node)
  const envOf = ({
    verb,
    containerID = 'a',
    netns = '',
    ifname = 'eth0',
    args,
    env,
  }: PluginCall) => ({
    CNI_COMMAND: verb,
    CNI_CONTAINERID: containerID,
    CNI_NETNS: netns,
    CNI_IFNAME: ifname,
    CNI_PATH: path,
    ...(args !== undefined && { CNI_ARGS: args }),
    ...env,
  })
  const textOf = ({ config }: PluginCall) =>
    typeof config === 'string' ? config : JSON.stringify(config)
  const parse = (stdout: string) => {
    try {
      return JSON.parse(stdout)
    } catch {
      return undefined
    }
  }
  return {
    async reference(call) {
      const program = join(REFERENCE_DIR, call.type)
      const options = { input: textOf(call), env: envOf(call), timeoutMs: 30_000 }
      const { status, stdout } = lab.exec(node, [program], options)
      return { exitCode: status, stdout, json: parse(stdout) }
    },
    async ours(call) {
      const stdin = Buffer.from(textOf(call))
      const { exitCode, stdout } = await runPlugin(
        { type: call.type, env: envOf(call), stdin },
        host,
      )
      return { exitCode, stdout, json: parse(stdout) }
    },
    [Symbol.dispose]: () => host[Symbol.dispose](),
  }
}
