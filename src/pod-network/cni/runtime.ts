import { existsSync } from 'node:fs'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import { openNetns } from '#kernel/netns/netns.ts'
import { execPlugin, findPlugin } from './exec-plugin.ts'
import type { PluginRun } from './plugins/run-plugin.ts'
import { CNI_CODE, CNIError } from './protocol/cni-error.ts'
import { isObject, readFields } from './protocol/fields.ts'
import { type CNIResult, decodeResult, EMPTY_RESULT } from './protocol/result.ts'
import { isAtLeast } from './protocol/version.ts'
import {
  loadNetworkList,
  type NetworkList,
  type PluginConf,
  parseNetworkList,
  planStdin,
} from './runtime/network-list.ts'
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
  /**
   * DEL for what was attached and is no more among `valid`, then GC of each plugin from 1.1.0 on; nothing under `disableGC`. All of it is
   * tried. @throws AggregateError
   */
  gc(valid: readonly AttachmentName[]): Promise<void>
  /** @throws CNIError of the first plugin that cannot ADD now; before 1.1.0 nobody can say */
  status(): Promise<void>
  /** Asks each plugin for its versions. @returns the capabilities of the chain @throws AggregateError where one does not know the list's */
  validate(): Promise<readonly string[]>
  /** Those whose ADD succeeded and that no DEL came for. */
  attachments(): Promise<readonly RuntimeAttachment[]>
  /** How CHECK of an attachment calls the chain's plugins; none where it is not attached, or to subnets that the node had before. */
  checks(attachment: RuntimeAttachment): Promise<readonly PluginRun[]>
  /** Whether an ADD of this attachment succeeded and no DEL did. */
  isAdded(attachment: RuntimeAttachment): Promise<boolean>
}

export type AttachmentName = Pick<RuntimeAttachment, 'containerID' | 'ifname'>

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
  const currentList = () => loadNetworkList(confFile)

  /** The list that an attachment was made with, or else the current one. Undefined before there was any. */
  const heldList = async (attachment: RuntimeAttachment) => {
    if (!existsSync(confFile)) return undefined
    const current = await currentList()
    const cached = await cache.read(current.name, attachment)
    const list = cached ? parseNetworkList(cached.config) : current
    return { list, cached, attachment: { ...attachment, ...withCached(cached) } }
  }

  const del = async (attachment: RuntimeAttachment) => {
    const held = await heldList(attachment)
    if (!held) return
    const { list, cached } = held
    const prevResult = isAtLeast(list.cniVersion, '0.4.0') ? cached?.result : undefined
    for (const plugin of list.plugins.toReversed()) {
      const stdin = planStdin(list, plugin, { prevResult, ...held.attachment })
      await exec(plugin, 'DEL', held.attachment, stdin)
    }
    await cache.remove(list.name, attachment)
  }

  return {
    del,

    async add(attachment) {
      upLoopback(attachment)
      const list = await currentList()
      let prevResult: unknown
      for (const plugin of list.plugins) {
        const stdin = planStdin(list, plugin, { prevResult, ...attachment })
        prevResult = parseAnswer(await exec(plugin, 'ADD', attachment, stdin), plugin.type)
      }
      await cache.write(list, attachment, prevResult)
      return prevResult === undefined ? EMPTY_RESULT : decodeResult(prevResult, list.cniVersion)
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

    async gc(valid) {
      const list = await currentList()
      if (list.disableGC) return
      const stale = (await cache.list(list.name)).filter(
        ({ containerID, ifname }) =>
          !valid.some((each) => each.containerID === containerID && each.ifname === ifname),
      )
      const validAttachments = valid.map(({ containerID, ifname }) => ({ containerID, ifname }))
      const collect = (plugin: PluginConf) =>
        exec(plugin, 'GC', NO_ATTACHMENT, planStdin(list, plugin, { validAttachments }))
      await allOf([
        ...stale.map((attachment) => () => del(attachment)),
        ...(isAtLeast(list.cniVersion, '1.1.0')
          ? list.plugins.map((plugin) => () => collect(plugin))
          : []),
      ])
    },

    async status() {
      const list = await currentList()
      if (!isAtLeast(list.cniVersion, '1.1.0')) return
      for (const plugin of list.plugins) {
        await exec(plugin, 'STATUS', NO_ATTACHMENT, planStdin(list, plugin, {}))
      }
    },

    async validate() {
      const list = await currentList()
      await allOf(
        list.plugins.map((plugin) => async () => {
          const stdin = JSON.stringify({ cniVersion: list.cniVersion })
          requireVersion(plugin, list, await exec(plugin, 'VERSION', NO_ATTACHMENT, stdin))
        }),
      )
      return [...new Set(list.plugins.flatMap(capabilitiesOf))]
    },

    async attachments() {
      return existsSync(confFile) ? cache.list((await currentList()).name) : []
    },

    async checks(attachment) {
      const held = await heldList(attachment)
      if (!held?.cached || !hasSameIPAM(held.list, await currentList())) return []
      const { list, cached } = held
      return list.plugins.map((plugin) => ({
        type: plugin.type,
        env: environmentOf(binDir, 'CHECK', held.attachment),
        stdin: Buffer.from(
          planStdin(list, plugin, { prevResult: cached.result, ...held.attachment }),
        ),
      }))
    },

    async isAdded(attachment) {
      return (await heldList(attachment))?.cached !== undefined
    },
  }
}

const NO_ATTACHMENT: RuntimeAttachment = { containerID: '', netns: '', ifname: '' }

/** One after the other, whatever becomes of them. @throws AggregateError */
async function allOf(calls: readonly (() => Promise<unknown>)[]): Promise<void> {
  const errors: unknown[] = []
  for (const call of calls) await call().catch((error: unknown) => errors.push(error))
  if (errors.length === 0) return
  throw new AggregateError(errors, errors.map((error) => (error as Error).message).join('; '))
}

function requireVersion({ type }: PluginConf, { cniVersion }: NetworkList, stdout: string): void {
  const supported = readFields(parseAnswer(stdout, type), 'VERSION').list('supportedVersions')
  if (supported.includes(cniVersion)) return
  const message = `plugin ${type} does not support config version ${JSON.stringify(cniVersion)}`
  throw new CNIError(CNI_CODE.incompatibleVersion, message)
}

function capabilitiesOf({ config: { capabilities } }: PluginConf): readonly string[] {
  if (!isObject(capabilities)) return []
  return Object.keys(capabilities).filter((key) => capabilities[key] === true)
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
  attachment: RuntimeAttachment,
  stdin: string,
): Promise<string> {
  const executable = await findPlugin(plugin.type, [binDir])
  return execPlugin(executable, environmentOf(binDir, verb, attachment), stdin)
}

function hasSameIPAM(a: NetworkList, b: NetworkList): boolean {
  const text = ({ plugins }: NetworkList) =>
    JSON.stringify(plugins.map(({ config }) => config.ipam))
  return text(a) === text(b)
}

function environmentOf(
  binDir: string,
  verb: string,
  { containerID, netns, ifname, args = {} }: RuntimeAttachment,
) {
  return {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: containerID,
    CNI_NETNS: netns,
    CNI_IFNAME: ifname,
    CNI_ARGS: Object.entries(args)
      .map(([key, value]) => `${key}=${value}`)
      .join(';'),
    CNI_PATH: binDir,
  }
}

function withCached(cached: CachedAttachment | undefined) {
  return cached && { args: cached.args, capabilityArgs: cached.capabilityArgs }
}

function parseAnswer(stdout: string, type: string): unknown {
  try {
    return JSON.parse(stdout)
  } catch (cause) {
    throw new CNIError(CNI_CODE.decode, `Cannot read the answer of CNI plugin ${type}`, { cause })
  }
}
