import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { Socket } from 'node:net'
import { familyOf, type IP } from '#ip/ip.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { openListener } from '#kernel/socket/listener.ts'
import { openSocket } from '#kernel/socket/open-socket.ts'
import type { Target } from './balancer.ts'

/** How a relay gets its sockets: in a network namespace of its own, or where this process is. */
export interface Sockets {
  /** A listening (tcp) or bound (udp) descriptor. Port 0 is any that is free. @throws KernelError EADDRINUSE */
  listen(protocol: 'tcp' | 'udp', address: IP, port: number): number
  /** Begins to connect. Errors are the socket's to tell. */
  connect(target: Target): Socket
  /** Connects a datagram socket, and calls back when it may send. */
  associate(target: Target, onReady: () => void): DatagramSocket
}

export function createSockets(netns?: Netns): Sockets {
  return {
    listen: (protocol, address, port) =>
      openListener({ protocol, address, port, ...(netns && { netns }) }),
    connect({ ip, port }) {
      const family = familyOf(ip)
      const options = { allowHalfOpen: true }
      const socket = netns
        ? new Socket({ ...options, fd: openSocket(netns, 'tcp', family) })
        : new Socket(options)
      return socket.connect({ host: ip, port, family })
    },
    associate({ ip, port }, onReady) {
      const family = familyOf(ip)
      const socket = createSocket(family === 4 ? 'udp4' : 'udp6')
      if (netns) socket.bind({ fd: openSocket(netns, 'udp', family) })
      socket.once('connect', onReady)
      socket.connect(port, ip)
      return socket
    },
  }
}
