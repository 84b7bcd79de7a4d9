import { type Family, type IP, ipFromBytes } from '#ip/ip.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { type NftSocket, openNftSocket } from '#kernel/nft/nft-socket.ts'
import { decodeAttributes } from '#wire/netlink/attributes.ts'
import { readText } from '#wire/netlink/bytes.ts'
import { CHAIN, ELEMENTS, NFT_MSG } from '#wire/netlink/nftables/constants.ts'
import { decodeSetElements, type SetElement } from '#wire/netlink/nftables/decode-elements.ts'
import type { Protocol } from '../../model.ts'
import { addressBytes, protocolOfNumber } from './encode/encode-key.ts'
import { encodeChanges, encodeRemoval, encodeTable } from './encode/encode-plan.ts'
import { protocolFamily } from './encode/encode-set.ts'
import type { NftPlan, SetName } from './nft-plan.ts'
import { TABLE_NAME } from './render.ts'
import type { AffinityEntry, TableWriter } from './table-writer.ts'

/** Talks to nf_tables by messages: no text, no process, and no listing of what is there. */
export function openMessageTableWriter(family: Family, netns?: Netns): TableWriter {
  const socket = openNftSocket(netns)
  const elementsOf = (set: SetName) => dumpElements(socket, family, set)
  return {
    socket,
    replace: (plan, affinity, send) =>
      socket.commit((writer) => encodeTable(writer, plan, affinity), send),
    change: (changes) => socket.commit((writer) => encodeChanges(writer, changes, family)),
    remove: () => socket.commit((writer) => encodeRemoval(writer, family)),
    affinity() {
      try {
        return elementsOf('affinity').flatMap((element) => toAffinityEntry(element, family))
      } catch {
        return [] // no table yet, or one that is not as we left it
      }
    },
    invalidPackets: () =>
      elementsOf('invalid-packets').flatMap(({ key, packets = 0 }) => {
        const peer = readPeer(key, 0, family)
        return peer ? [{ ...peer, packets }] : []
      }),
    isIntact: (plan) => areChainsIntact(socket, plan, family),
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  }
}

function dumpElements(socket: NftSocket, family: Family, set: SetName): readonly SetElement[] {
  const bodies = socket.dump(`list set ${set}`, (writer, flags) => {
    writer.begin(NFT_MSG.getSetElem, flags, protocolFamily(family))
    writer.text(ELEMENTS.table, TABLE_NAME)
    writer.text(ELEMENTS.set, set)
  })
  return bodies.flatMap(decodeSetElements)
}

function toAffinityEntry(element: SetElement, family: Family): readonly AffinityEntry[] {
  const { key, value, timeoutMs = 0, expiresMs = 0 } = element
  const frontend = readPeer(key, addressBytes(family), family)
  if (!frontend || value?.length !== 4) return []
  return [
    {
      client: readIP(key, 0, family),
      frontend,
      choice: Buffer.from(value).readUInt32LE(),
      timeoutSeconds: timeoutMs / 1000,
      expiresSeconds: expiresMs / 1000,
    },
  ]
}

/** Address, protocol and port, as a concatenation has them. */
function readPeer(
  key: Uint8Array,
  at: number,
  family: Family,
): { readonly ip: IP; readonly protocol: Protocol; readonly port: number } | undefined {
  const rest = at + addressBytes(family)
  const protocol = protocolOfNumber(key[rest] ?? 0)
  if (!protocol || key.length < rest + 8) return
  return { ip: readIP(key, at, family), protocol, port: (key[rest + 4]! << 8) | key[rest + 5]! }
}

function readIP(key: Uint8Array, at: number, family: Family): IP {
  return ipFromBytes(key.subarray(at, at + addressBytes(family)))
}

/** Every chain of the plan is there, and those with a hook have all their rules: the kernel counts what uses a chain. */
function areChainsIntact(socket: NftSocket, plan: NftPlan, family: Family): boolean {
  const uses = new Map<string, number>()
  const bodies = socket.dump('list chains', (writer, flags) =>
    writer.begin(NFT_MSG.getChain, flags, protocolFamily(family)),
  )
  for (const body of bodies) {
    const attributes = decodeAttributes(body, 4, 'nftables chain')
    const text = (attribute: number) => readText(attributes.get(attribute) ?? new Uint8Array(0))
    if (text(CHAIN.table) !== TABLE_NAME) continue
    uses.set(
      text(CHAIN.name),
      Buffer.from(attributes.get(CHAIN.use) ?? [0, 0, 0, 0]).readUInt32BE(),
    )
  }
  return [...plan.chains.values()].every(({ name, base, rules }) =>
    base ? uses.get(name) === rules.length : (uses.get(name) ?? -1) >= rules.length,
  )
}
