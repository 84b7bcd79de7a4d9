import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type Family, familyOf, type IP, parseIP } from '#ip/ip.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { openListener } from '#kernel/socket/listener.ts'

/** Where packets come from and go to: a socket in a namespace, which stays there whatever this process does. */
export interface End extends Disposable {
  readonly name: string
  readonly address: IP
  /**
   * Sends a datagram until an answer comes or `patienceMs` are over.
   * @returns the address that the receiver saw, and the one that the answer came from; `undefined` where none came
   */
  ask(to: IP, port?: number, patienceMs?: number): Promise<Reply | undefined>
}

export interface Reply {
  readonly seen: IP
  readonly from: IP
}

interface EndOptions {
  readonly name: string
  readonly netns: Netns
  /** Answers at this address, and asks from it. */
  readonly address: IP
  /** Asks from whatever address the kernel chooses. */
  readonly unbound?: boolean
}

export const ECHO_PORT = 7
/** More than the smallest MTU of IPv6: what only small packets pass is no way. */
const PAYLOAD_BYTES = 1300
const ANY: Readonly<Record<Family, IP>> = { 4: parseIP('0.0.0.0')!, 6: parseIP('::')! }
const RESEND_MS = 100

/** Answers every datagram with the address it came from (RFC 862, but for what it says). */
export async function createEnd({ name, netns, address, unbound }: EndOptions): Promise<End> {
  const family = familyOf(address)
  const open = async (bound: IP, port: number) => {
    const socket = createSocket(family === 4 ? 'udp4' : 'udp6').unref()
    const listening = once(socket, 'listening')
    socket.bind({ fd: openListener({ netns, protocol: 'udp', address: bound, port }) })
    await listening
    return socket
  }
  const server = await open(address, ECHO_PORT)
  server.on('error', () => {})
  server.on('message', (packet, from) => {
    const [id] = packet.toString('latin1').split(' ')
    server.send(`${id} ${from.address}`, from.port, from.address, () => {})
  })
  const client = await open(unbound ? ANY[family] : address, 0)
  const ask = createAsker(client)
  return {
    name,
    address,
    ask: (to, port = ECHO_PORT, patienceMs = 1000) => ask(to, port, patienceMs),
    [Symbol.dispose]() {
      server.close()
      client.close()
    },
  }
}

function createAsker(client: Socket) {
  const waiting = new Map<string, (reply: Reply) => void>()
  let last = 0
  client.on('error', () => {}) // refused: no answer
  client.on('message', (packet, from) => {
    const [id = '', text = ''] = packet.toString('latin1').split(' ')
    const seen = parseIP(text)
    const source = parseIP(from.address)
    if (seen && source) waiting.get(id)?.({ seen, from: source })
  })
  return async (to: IP, port: number, patienceMs: number): Promise<Reply | undefined> => {
    const id = String(++last)
    const { promise, resolve } = Promise.withResolvers<Reply | undefined>()
    waiting.set(id, resolve)
    const send = () => client.send(`${id} `.padEnd(PAYLOAD_BYTES), port, to, () => {})
    const again = setInterval(send, RESEND_MS)
    const end = setTimeout(resolve, patienceMs, undefined)
    send()
    const reply = await promise
    clearInterval(again)
    clearTimeout(end)
    waiting.delete(id)
    return reply
  }
}
