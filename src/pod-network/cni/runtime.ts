import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import { openNetns } from '#kernel/netns/netns.ts'
import { execPlugin, findPlugin } from './exec-plugin.ts'
import { CNI_CODE, CNIError } from './protocol/cni-error.ts'
import { type CNIResult, decodeResult, EMPTY_RESULT } from './protocol/result.ts'
import { isAtLeast } from './protocol/version.ts'
import { type PluginConf, parseNetworkList, planStdin } from './runtime/network-list.ts'
import { type CachedAttachment, createResultCache } from './runtime/result-cache.ts'

export interface RuntimeAttachment {
  readonly containerID: string
  /** Path of the pod's namespace; empty where it is gone. */
  readonly netns: string
  readonly ifname: string
  /** CNI_ARGS. */
  readonly args?: Readonly<Record<string, string>>
  /** Given to plugins that declare the capability: `{portMappings: […]}`. */
  readonly capabilityArgs?: Readonly<Record<string, unknown>>
}

/** What a container runtime does with CNI: the chain of a conflist by exec, as libcni does it. */
export interface CNIRuntime {
  /** @throws CNIError of the first plugin that failed; `del` then undoes what came before it */
  add(attachment: RuntimeAttachment): Promise<CNIResult>
  /** Idempotent: also for what was never added. With what was cached at ADD, also when the conflist changed since. */
  del(attachment: RuntimeAttachment): Promise<void>
  check(attachment: RuntimeAttachment): Promise<void>
  /** Whether an ADD of this attachment succeeded and no DEL did. */
  isAdded(attachment: RuntimeAttachment): Promise<boolean>
}

export interface CNIRuntimeOptions {
  readonly binDir: string
  readonly confFile: string
  /** Holds `results/`, in libcni's format. */
  readonly stateDir: string
}

export function createCNIRuntime({ binDir, confFile, stateDir }: CNIRuntimeOptions): CNIRuntime {
  const cache = createResultCache(stateDir)
  const exec = (plugin: PluginConf, verb: string, attachment: RuntimeAttachment, stdin: string) =>
    runOne(binDir, plugin, verb, attachment, stdin)
  const currentList = async () => parseNetworkList(await readFile(confFile, 'utf8'))

  /** The list that an attachment was made with, or else the current one. Undefined before there was any. */
  const heldList = async (attachment: RuntimeAttachment) => {
    if (!existsSync(confFile)) return undefined
    const current = await currentList()
    const cached = await cache.read(current.name, attachment)
    const list = cached ? parseNetworkList(cached.config) : current
    return { list, cached, attachment: { ...attachment, ...withCached(cached) } }
  }

  return {
    async add(attachment) {
      upLoopback(attachment)
      const list = await currentList()
      let prevResult: unknown
      for (const plugin of list.plugins) {
        const stdin = planStdin(list, plugin, { prevResult, ...attachment })
        prevResult = parseAnswer(await exec(plugin, 'ADD', attachment, stdin), plugin)
      }
      await cache.write(list, attachment, prevResult)
      return prevResult === undefined ? EMPTY_RESULT : decodeResult(prevResult, list.cniVersion)
    },

    async del(attachment) {
      const held = await heldList(attachment)
      if (!held) return
      const { list, cached } = held
      const prevResult = isAtLeast(list.cniVersion, '0.4.0') ? cached?.result : undefined
      for (const plugin of list.plugins.toReversed()) {
        const stdin = planStdin(list, plugin, { prevResult, ...held.attachment })
        await exec(plugin, 'DEL', held.attachment, stdin)
      }
      await cache.remove(list.name, attachment)
    },

    async check(attachment) {
      const held = await heldList(attachment)
      if (!held)
        throw new CNIError(CNI_CODE.badConfig, `Cannot read conflist ${confFile}: there is none`)
      const { list, cached } = held
      if (list.disableCheck) return
      for (const plugin of list.plugins) {
        const stdin = planStdin(list, plugin, { prevResult: cached?.result, ...held.attachment })
        await exec(plugin, 'CHECK', held.attachment, stdin)
      }
    },

    async isAdded(attachment) {
      return (await heldList(attachment))?.cached !== undefined
    },
  }
}

/** As containerd's internal loopback: what the plugin of that name does, without an execution. */
function upLoopback({ netns }: RuntimeAttachment): void {
  using pod = openNetns(netns)
  using rtnetlink = openRtnetlink(pod)
  if (!rtnetlink.link('lo')?.up) rtnetlink.setLink('lo', { up: true })
}

async function runOne(
  binDir: string,
  plugin: PluginConf,
  verb: string,
  { containerID, netns, ifname, args = {} }: RuntimeAttachment,
  stdin: string,
): Promise<string> {
  const env = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: containerID,
    CNI_NETNS: netns,
    CNI_IFNAME: ifname,
    CNI_ARGS: Object.entries(args)
      .map(([key, value]) => `${key}=${value}`)
      .join(';'),
    CNI_PATH: binDir,
  }
  return execPlugin(await findPlugin(plugin.type, [binDir]), env, stdin)
}

function withCached(cached: CachedAttachment | undefined) {
  return cached && { args: cached.args, capabilityArgs: cached.capabilityArgs }
}

function parseAnswer(stdout: string, { type }: PluginConf): unknown {
  try {
    return JSON.parse(stdout)
  } catch (cause) {
    throw new CNIError(CNI_CODE.decode, `Cannot read the answer of CNI plugin ${type}`, { cause })
  }
}
