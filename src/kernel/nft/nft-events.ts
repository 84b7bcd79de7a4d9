import { readText } from '#wire/netlink/bytes.ts'
import { NFNLGRP_NFTABLES, NFT_MSG } from '#wire/netlink/nftables/constants.ts'
import { KernelError } from '../kernel-error.ts'
import type { Netns } from '../netns/netns.ts'
import { openNetfilterSocket, setBufferBytes } from './netfilter-socket.ts'

/** Hears of every change of every table of one network namespace. */
export interface NftEvents extends Disposable {
  /**
   * Who changed which tables since it was asked last, each pair once; `lost` where there was more than could be kept. Costs a system call
   * where nothing happened.
   */
  take(): readonly NftChange[] | 'lost'
  /**
   * Hears nothing of what `work` does, nor of what others do meanwhile. An event is a page of memory for each element: those of a big table
   * take longer to make than the table.
   */
  deafTo(work: () => void): void
}

export interface NftChange {
  /** NFPROTO_*: 2 is IPv4, 10 IPv6. */
  readonly family: number
  readonly table: string
  /** The port of the netlink socket that asked for it. */
  readonly portID: number
}

const RECEIVE_BYTES = 1024 * 1024
const HEADER_BYTES = 16
/** Behind the header and `struct nfgenmsg`: the first attribute, which is the table in every message but that of the generation. */
const TABLE_ATTRIBUTE_AT = HEADER_BYTES + 4
const OP = 'hear of nftables changes'

export function openNftEvents(netns?: Netns): NftEvents {
  const socket = openNetfilterSocket(netns)
  socket.setMember(NFNLGRP_NFTABLES, true)
  setBufferBytes(socket.fd, 'receive', RECEIVE_BYTES)
  let isOpen = true
  return {
    take() {
      const changes = new Map<string, NftChange>()
      try {
        for (;;) {
          const datagram = socket.receiveWaiting(OP)
          if (!datagram) return [...changes.values()]
          for (const change of changesOf(datagram))
            changes.set(`${change.family} ${change.portID} ${change.table}`, change)
        }
      } catch (error) {
        if (error instanceof KernelError && error.errno === 'ENOBUFS') return 'lost'
        throw error
      }
    },
    deafTo(work) {
      socket.setMember(NFNLGRP_NFTABLES, false)
      try {
        work()
      } finally {
        socket.setMember(NFNLGRP_NFTABLES, true)
      }
    },
    [Symbol.dispose]() {
      if (isOpen) socket.close()
      isOpen = false
    },
  }
}

function* changesOf(datagram: Uint8Array): Generator<NftChange> {
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.length)
  for (let at = 0; at + TABLE_ATTRIBUTE_AT + 4 <= bytes.length; ) {
    const length = bytes.readUInt32LE(at)
    if (length < TABLE_ATTRIBUTE_AT) return
    if (bytes.readUInt16LE(at + 4) !== NFT_MSG.newGen) {
      const table = at + TABLE_ATTRIBUTE_AT
      const end = Math.min(table + bytes.readUInt16LE(table), bytes.length)
      yield {
        family: bytes[at + HEADER_BYTES] ?? 0,
        table: readText(bytes.subarray(table + 4, end)),
        portID: bytes.readUInt32LE(at + 12),
      }
    }
    at += (length + 3) & ~3
  }
}
