import { randomInt } from 'node:crypto'
import type { IP } from '#ip/ip.ts'
import type { MAC } from '#ip/mac.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { openPacketSocket, type PacketSocket } from '#kernel/packet/open-packet-socket.ts'
import { decodeUDPFrame, encodeUDPFrame } from '#wire/dhcp/frame.ts'
import {
  type DHCPMessage,
  decodeDHCP,
  encodeDHCP,
  MESSAGE_TYPE,
  OPTION,
} from '#wire/dhcp/message.ts'
import { type DHCPLease, parseLease } from './parse-lease.ts'

export interface DHCPClientOptions {
  readonly netns: Netns
  readonly device: string
  readonly clientID: string
  /** Said in every message. */
  readonly options: ReadonlyMap<number, Uint8Array>
  readonly broadcast: boolean
  /** For one answer. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/** A lease, and where its server is. */
export interface HeldLease extends DHCPLease {
  readonly serverMAC: MAC
}

/** What is lost is said again, after longer and longer pauses (RFC 2131, 4.1). */
const FIRST_PAUSE_MS = 1000

const [CLIENT_PORT, SERVER_PORT] = [68, 67]
const ANY = '0.0.0.0' as IP
const EVERYBODY = '255.255.255.255' as IP
const EVERYBODY_MAC = 'ff:ff:ff:ff:ff:ff' as MAC

/** Asks everybody, takes the first offer, and asks its server for that (RFC 2131, 3.1). @throws Error where nobody answers */
export async function acquireLease(options: DHCPClientOptions): Promise<HeldLease> {
  await using exchange = openExchange(options)
  const offer = await exchange.ask({ type: MESSAGE_TYPE.discover }, [MESSAGE_TYPE.offer])
  const wanted = new Map<number, Uint8Array>([[OPTION.requestedIP, bytesOf(offer.message.yourIP!)]])
  const server = offer.message.options.get(OPTION.serverID)
  if (server) wanted.set(OPTION.serverID, server)
  return exchange.requestLease({ options: wanted })
}

/** Asks the server itself for more time (RFC 2131, 4.4.5). @throws Error where it does not answer, or refuses */
export async function renewLease(held: HeldLease, options: DHCPClientOptions): Promise<HeldLease> {
  await using exchange = openExchange(options)
  const { address: clientIP } = held.address
  return exchange.requestLease({
    clientIP,
    to: { ip: held.server ?? EVERYBODY, mac: held.serverMAC },
  })
}

/** Nobody answers that. */
export async function releaseLease(held: HeldLease, options: DHCPClientOptions): Promise<void> {
  await using exchange = openExchange(options)
  const server = held.server ? new Map([[OPTION.serverID, bytesOf(held.server)]]) : new Map()
  const to = { ip: held.server ?? EVERYBODY, mac: held.serverMAC }
  const clientIP = held.address.address
  exchange.say({ type: MESSAGE_TYPE.release, clientIP, to, options: server })
}

interface Question {
  readonly type: number
  readonly clientIP?: IP
  readonly options?: ReadonlyMap<number, Uint8Array>
  readonly to?: { readonly ip: IP; readonly mac: MAC }
}

interface Reply {
  readonly message: DHCPMessage
  readonly from: MAC
}

function openExchange(client: DHCPClientOptions) {
  const socket = openPacketSocket(client.device, client.netns)
  const mac = macOf(client)
  const transaction = randomInt(2 ** 32)
  const say = (question: Question) => {
    const { to = { ip: EVERYBODY, mac: EVERYBODY_MAC }, clientIP = ANY } = question
    const payload = encodeDHCP(toMessage(question, client, { mac, transaction }))
    const from = { mac, ip: clientIP, port: CLIENT_PORT }
    socket.send(encodeUDPFrame({ from, to: { ...to, port: SERVER_PORT }, payload }))
  }
  const ask = async (question: Question, types: readonly number[]): Promise<Reply> => {
    const start = performance.now()
    let pauseMs = FIRST_PAUSE_MS
    let nextAt = start
    while (performance.now() < start + client.timeoutMs && !client.signal?.aborted) {
      if (performance.now() >= nextAt) {
        say(question)
        nextAt += pauseMs
        pauseMs *= 2
      }
      const reply = await receiveReply(socket, transaction)
      const type = reply?.message.options.get(OPTION.messageType)?.[0]
      if (reply && type !== undefined && types.includes(type)) return reply
    }
    throw new Error('no matching response packet received')
  }
  return {
    say,
    ask,
    async requestLease(question: Omit<Question, 'type'>): Promise<HeldLease> {
      const request = { ...question, type: MESSAGE_TYPE.request }
      const { message, from } = await ask(request, [MESSAGE_TYPE.ack, MESSAGE_TYPE.nak])
      if (message.options.get(OPTION.messageType)?.[0] === MESSAGE_TYPE.nak) {
        const why = Buffer.from(message.options.get(OPTION.message) ?? []).toString()
        throw new Error(`got NAK${why && `: ${why}`}`)
      }
      return { ...parseLease(message), serverMAC: from }
    },
    [Symbol.asyncDispose]: () => socket[Symbol.asyncDispose](),
  }
}

function toMessage(
  { type, clientIP, options = new Map() }: Question,
  client: DHCPClientOptions,
  { mac, transaction }: { readonly mac: MAC; readonly transaction: number },
): DHCPMessage {
  // As upstream: type 0, "not a hardware address" (RFC 2132, 9.14).
  const clientID = Buffer.concat([Uint8Array.of(0), Buffer.from(client.clientID)])
  const own = [
    [OPTION.messageType, Uint8Array.of(type)] as const,
    [OPTION.clientID, clientID] as const,
  ]
  return {
    isReply: false,
    transaction,
    clientMAC: mac,
    broadcast: client.broadcast,
    ...(clientIP && { clientIP }),
    options: new Map([...own, ...options, ...client.options]),
  }
}

async function receiveReply(socket: PacketSocket, transaction: number): Promise<Reply | undefined> {
  const bytes = await socket.receive()
  const frame = bytes && decodeUDPFrame(bytes)
  if (frame?.to.port !== CLIENT_PORT) return
  try {
    const message = decodeDHCP(frame.payload)
    const isOurs = message.isReply && message.transaction === transaction
    return isOurs ? { message, from: frame.from.mac } : undefined
  } catch {
    // Whatever that is, it is no answer.
    return undefined
  }
}

function macOf({ device, netns }: DHCPClientOptions): MAC {
  using rtnetlink = openRtnetlink(netns)
  const mac = rtnetlink.link(device)?.mac
  if (!mac) throw new Error(`error looking up "${device}": Link not found`)
  return mac
}

function bytesOf(address: IP): Uint8Array {
  return Uint8Array.from(address.split('.').map(Number))
}
