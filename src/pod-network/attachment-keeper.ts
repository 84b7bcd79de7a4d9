import { openNetns } from '#kernel/netns/netns.ts'
import { hasTable } from './cni/plugins/iptables-chains.ts'
import type { PluginHost } from './cni/plugins/plugin.ts'
import { wrongSysctls } from './cni/plugins/pod-interface/keep-pod-interface.ts'
import type { SilentSettings } from './keep-all.ts'
import { findLoss, iptablesRules, type NodePicture, takePicture } from './node-picture.ts'
import type { KeptPodNetwork } from './pod-network.ts'

export interface AttachmentKeeper {
  /** Something happened in the namespace of that number; undefined: in any. @returns whether it is one of a pod */
  touch(netnsID: number | undefined): boolean
  /** Looks what is missing, and puts it back. @returns containers of which anything was missing @throws AggregateError */
  look(): Promise<readonly string[]>
}

/** How often each attachment is compared though nothing is lost. */
const RESYNC_MS = 30_000
/** How often the same loss is looked at: what cannot come back is no loss any more. */
const ATTEMPTS = 3
/** The same, while things are put back each time. */
const MOST_ATTEMPTS = 30

export function createAttachmentKeeper(
  podNetwork: Pick<KeptPodNetwork, 'keep'>,
  host: PluginHost,
): AttachmentKeeper {
  /** What nothing was missing in; at first, what was found. */
  let whole: NodePicture | undefined
  let latest: NodePicture | undefined
  let lost: readonly string[] = []
  let attempts = 0
  let comparedAt = 0
  let usesIptables = false
  let isAnyTouched = false
  const touched = new Set<number>()
  const silent = new Map<string, SilentSettings>()

  /** Cables to compare, for what is known of their pods. */
  const findTouched = (picture: NodePicture): ReadonlySet<string> => {
    const before = latest?.cables ?? picture.cables
    const known = new Set([...before.values()].flat())
    const added = [...picture.cables.values()].flat().filter((cable) => !known.has(cable))
    // Also by the earlier one: a cable may have been drawn out of its pod.
    const cables = [before, picture.cables].flatMap((each) =>
      [...touched].flatMap((id) => each.get(id) ?? []),
    )
    return new Set([...added, ...cables, ...findSilentlyWrong(silent)])
  }

  const look = async () => {
    // Before: what is lost from here on is missing in the next one.
    const picture = takePicture(host, usesIptables)
    const cables = findTouched(picture)
    const isEach = isAnyTouched || !whole || performance.now() - comparedAt > RESYNC_MS
    latest = picture
    touched.clear()
    isAnyTouched = false
    const loss = findLoss(whole ?? picture, picture)
    attempts = `${loss.lines}` === `${lost}` ? attempts + 1 : 1
    lost = loss.lines
    const isAboutAll = isEach || loss.isOfNode || loss.rules.length > 0
    const some = cables.union(loss.cables)
    if (!isAboutAll && some.size === 0) {
      whole = picture
      return []
    }
    const scope = { cables: isAboutAll ? ('all' as const) : some, lostRules: loss.rules }
    const kept = await podNetwork.keep(host, scope)
    if (isAboutAll) {
      silent.clear()
      comparedAt = performance.now()
      const usedIptables = usesIptables
      usesIptables = hasTable(host, ['nat', 'filter']) && iptablesRules(host.iptables).length > 0
      // What was lost between this picture and the first with iptables is in neither.
      if (usesIptables && !usedIptables) isAnyTouched = true
    }
    for (const [cable, settings] of kept.silent) silent.set(cable, settings)
    // The picture is of the time before anything was put back. A loss that stays is none: its pod is gone, or it was seen at the
    // first look, when something else was missing.
    const isSettled = isAboutAll || loss.lines.length === 0 || attempts >= ATTEMPTS
    const isWhole = kept.containerIDs.length === 0 ? isSettled : attempts >= MOST_ATTEMPTS
    if (isWhole || !whole) whole = picture
    // Until nothing was missing of any.
    if (isEach && kept.containerIDs.length > 0) isAnyTouched = true
    return kept.containerIDs
  }

  return {
    touch(netnsID) {
      if (netnsID === undefined) isAnyTouched = true
      else touched.add(netnsID)
      return netnsID === undefined || latest?.cables.has(netnsID) === true
    },
    async look() {
      try {
        return await look()
      } catch (error) {
        // It is not known what was done.
        isAnyTouched = true
        throw error
      }
    },
  }
}

/** A pod that is gone is forgotten. */
function findSilentlyWrong(silent: Map<string, SilentSettings>): readonly string[] {
  return [...silent].flatMap(([cable, { netnsPath, sysctls }]) => {
    try {
      using netns = openNetns(netnsPath)
      return wrongSysctls(sysctls, netns).length > 0 ? [cable] : []
    } catch {
      silent.delete(cable)
      return []
    }
  })
}
