import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { openPodNetnsIfThere, type PluginHost } from './cni/plugins/plugin.ts'
import { keepLink, keepSysctls } from './cni/plugins/pod-interface/keep-pod-interface.ts'
import { hostVethName } from './cni/plugins/pod-interface/veth.ts'
import { loadPlugin } from './cni/plugins/registry.ts'
import { parseCall } from './cni/protocol/cni-call.ts'
import type { CNIRuntime, RuntimeAttachment } from './cni/runtime.ts'
import type { createTurns } from './cni/turns.ts'

/** Of which attachments to look. */
export interface KeepScope {
  /** By the names of the node's ends of their cables. */
  readonly cables: 'all' | ReadonlySet<string>
  /** Lines of nftables that are there no more. */
  readonly lostRules: readonly string[]
}

export interface Kept {
  /** Containers of which anything was missing. */
  readonly containerIDs: readonly string[]
  /** By cable, of the attachments that were looked at: what sends no news when it changes. */
  readonly silent: ReadonlyMap<string, SilentSettings>
}

export interface SilentSettings {
  readonly netnsPath: string
  readonly sysctls: ReadonlyMap<string, string>
}

interface KeepDeps {
  readonly runtime: CNIRuntime
  readonly inTurn: ReturnType<typeof createTurns>
  readonly host: PluginHost
}

/** In a turn for each, so that nothing comes back that is just being detached. @throws AggregateError */
export async function keepAll(
  { runtime, inTurn, host }: KeepDeps,
  { cables, lostRules }: KeepScope = { cables: 'all', lostRules: [] },
): Promise<Kept> {
  const attachments = await runtime.attachments()
  // Rules go with the pods that they belong to: these are missed by nobody.
  const rewritesRules = lostRules.some(
    (rule) =>
      !rule.includes(' comment "') ||
      attachments.some(({ containerID }) => rule.includes(containerID)),
  )
  const containerIDs = new Set<string>()
  const silent = new Map<string, SilentSettings>()
  const errors: unknown[] = []
  for (const attachment of attachments) {
    const cable = hostVethName(attachment)
    if (cables !== 'all' && !cables.has(cable)) continue
    const { containerID } = attachment
    const keepOne = async () => {
      const kept = await keepAttachment(attachment, { runtime, host }, rewritesRules)
      if (!kept) return
      silent.set(cable, { netnsPath: kept.netnsPath, sysctls: kept.sysctls })
      if (kept.wasMissing) containerIDs.add(containerID)
    }
    await inTurn(containerID, keepOne).catch((error: unknown) => errors.push(error))
  }
  if (errors.length === 0) return { containerIDs: [...containerIDs], silent }
  throw new AggregateError(errors, errors.map((error) => (error as Error).message).join('; '))
}

/** Undefined where the attachment is gone, or its pod's namespace. */
async function keepAttachment(
  attachment: RuntimeAttachment,
  { runtime, host }: Pick<KeepDeps, 'runtime' | 'host'>,
  rewritesRules: boolean,
): Promise<(SilentSettings & { readonly wasMissing: boolean }) | undefined> {
  const runs = await runtime.checks(attachment)
  const [first] = runs
  using netns = first && openPodNetnsIfThere(parseCall(first.env, first.stdin))
  if (!netns || netns.inode === host.netns.inode) return undefined
  const chain = await Promise.all(
    runs.map(async ({ type, env, stdin }) => {
      const [plugin, call] = [await loadPlugin(type), parseCall(env, stdin)]
      const settings = { sysctls: new Map(), link: {}, ...plugin?.settings?.(call) }
      return { plugin, call, settings }
    }),
  )
  const sysctls = new Map(chain.flatMap(({ settings }) => [...settings.sysctls]))
  const link = Object.assign({}, ...chain.map(({ settings }) => settings.link))
  // First, for where IPv6 is off no address can be added; and again, for an interface that is new.
  const missing = [upLoopback(netns), keepSysctls(sysctls, netns)]
  for (const { plugin, call } of chain) {
    missing.push((await plugin?.keep?.(call, { host, netns, rewritesRules })) ?? false)
  }
  missing.push(keepLink(attachment.ifname, link, netns), keepSysctls(sysctls, netns))
  return { netnsPath: netns.path, sysctls, wasMissing: missing.includes(true) }
}

/** @returns whether it was down */
function upLoopback(netns: Netns): boolean {
  using rtnetlink = openRtnetlink(netns)
  if (rtnetlink.link('lo')?.up) return false
  rtnetlink.setLink('lo', { up: true })
  return true
}
