import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { familyOf, type IP } from '#ip/ip.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { openListener } from '#kernel/socket/listener.ts'

/**
 * Answers TCP on 8080 and 8081 and UDP on 8082 of an address with its name and who it was that asked: `a 10.244.1.8`. By sockets of this
 * process in a namespace, which needs no process in it: starting one takes seconds on an emulated machine.
 */
export async function answer(netns: Netns, name: string, address: IP): Promise<Disposable> {
  const stack = new DisposableStack()
  // Of a connection that conntrack forgot, the server never hears the end.
  const open = new Set<Socket>()
  stack.defer(() => {
    for (const socket of open) socket.destroy()
  })
  for (const port of [8080, 8081]) {
    const server = createServer((socket) => {
      open.add(socket)
      socket.once('close', () => open.delete(socket))
      socket.on('error', () => {})
      socket.on('data', (chunk) => socket.write(chunk)) // for connections that are held
      socket.write(`${name} ${socket.remoteAddress}\n`)
    })
    const listening = once(server, 'listening')
    server.listen({ fd: openListener({ netns, protocol: 'tcp', address, port }) })
    await listening
    stack.defer(() => server.close().unref())
  }
  const udp = createSocket(familyOf(address) === 4 ? 'udp4' : 'udp6')
  udp.on('message', (_, { address: from, port }) => udp.send(`${name} ${from}`, port, from))
  const bound = once(udp, 'listening')
  udp.bind({ fd: openListener({ netns, protocol: 'udp', address, port: 8082 }) })
  await bound
  stack.defer(() => udp.close())
  return stack
}
