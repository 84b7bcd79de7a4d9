import { isDeepStrictEqual } from 'node:util'
import { type Family, familyOf } from '#ip/ip.ts'
import type { AsyncIptables } from '#kernel/iptables/async-iptables.ts'
import { eachVariant } from '#kernel/iptables/each-variant.ts'
import { openAsyncIptables } from '#kernel/iptables/open-async-iptables.ts'
import { parseSave } from '#kernel/iptables/parse-save.ts'
import type { ServiceModel } from '../../model.ts'
import { areIntact, renderChains, renderChanges, renderRemoval } from '../chains/chain-script.ts'
import type { Chains } from '../chains/rule.ts'
import type { Mode, ModeDeps, ModeOptions, ModeTable, SyncOutcome } from '../mode.ts'
import { createRelayLimit } from '../relay/relay-limit.ts'
import { createSockets } from '../relay/sockets.ts'
import { planPortals, SKELETON } from './plan-portals.ts'
import { planRelays, REACHES, relayKey } from './plan-relays.ts'
import { createRelays, type Relays } from './relays.ts'
import { descriptorLimit, localPorts, roomForRelays } from './room.ts'

/** Connections and UDP sessions of one family together, two descriptors each. */
const MAX_CONNECTIONS = 20_000

/** The original kube-proxy: a listener of this process for each port of a Service, and rules that lead there. */
export const userspaceMode: Mode = {
  name: 'userspace',
  async open(deps, options) {
    return createUserspaceTable(
      await openOwnIptables(deps, familyOf(options.nodeIP)),
      deps,
      options,
    )
  },
  async removeLeftovers({ netns }, family, kept) {
    await eachVariant({ family, ...(netns && { netns }) }, kept, (iptables) =>
      removeChains(iptables, family),
    )
  },
}

function openOwnIptables({ netns }: ModeDeps, family: Family): Promise<AsyncIptables> {
  return openAsyncIptables({ family, ...(netns && { netns }) })
}

function createUserspaceTable(
  iptables: AsyncIptables,
  { netns, log }: ModeDeps,
  options: ModeOptions,
): ModeTable {
  const family = familyOf(options.nodeIP)
  const limit = createRelayLimit(MAX_CONNECTIONS)
  const most = roomForRelays(descriptorLimit(), localPorts(netns))
  const sockets = createSockets(netns)
  const relays = createRelays({ nodeIP: options.nodeIP, sockets, most, limit, log })
  let committed: Chains | undefined
  let synced: ServiceModel | undefined

  return {
    async sync(model) {
      const relayPlan = planRelays(model)
      await relays.open(relayPlan)
      const chains = planPortals(model, relays.portOf, options)
      const outcome = await commit(iptables, { committed, chains, family }).catch((error) => {
        committed = undefined
        throw error
      })
      const isNew = synced !== model
      committed = chains
      synced = model
      relays.closeOthers(relayPlan)
      return outcome === 'nothing' && isNew ? 'changed' : outcome
    },
    async isIntact() {
      return (
        committed !== undefined && areIntact(committed, parseSave(await iptables.save()), family)
      )
    },
    doubt() {
      committed = undefined
    },
    relaysOf: (service, port) =>
      REACHES.flatMap((reach) => {
        const relayPort = relays.portOf(relayKey(service, port, reach))
        return relayPort === undefined ? [] : [{ ip: options.nodeIP, port: relayPort }]
      }),
    async remove(drain, onRulesGone) {
      await removeChains(iptables, family)
      committed = undefined
      closeAll(relays)
      onRulesGone?.()
      if (limit.size > 0) log.info('Waiting for connections to end', { connections: limit.size })
      await limit.drained(drain)
    },
    async counters() {
      const rules = (committed?.chains ?? []).reduce((sum, chain) => sum + chain.rules.length, 0)
      return { rules }
    },
    async [Symbol.asyncDispose]() {
      closeAll(relays)
      limit.endAll()
      iptables[Symbol.dispose]()
    },
  }
}

interface Commit {
  readonly committed: Chains | undefined
  readonly chains: Chains
  readonly family: Family
}

async function commit(
  iptables: AsyncIptables,
  { committed, chains, family }: Commit,
): Promise<SyncOutcome> {
  if (!committed) {
    const saved = parseSave(await iptables.save())
    await iptables.restore(renderChains(chains, saved, family))
    return 'replaced'
  }
  if (isDeepStrictEqual(committed, chains)) return 'nothing'
  const changes = renderChanges(committed, chains, family)
  if (changes === '') return 'nothing'
  await iptables.restore(changes)
  return 'changed'
}

async function removeChains(iptables: AsyncIptables, family: Family): Promise<void> {
  const removal = renderRemoval(SKELETON, parseSave(await iptables.save()), family)
  if (removal !== '') await iptables.restore(removal)
}

function closeAll(relays: Relays): void {
  relays.closeOthers(new Map())
}
