/**
 * Answers TCP on 8080 and 8081 and UDP on 8082 with its name and who it was that asked: `a 10.244.1.8`. A UDP answer says how many datagrams
 * came by that socket's port before.
 */
import { createSocket } from 'node:dgram'
import { createServer, isIPv6 } from 'node:net'

const [, , name = '', ...addresses] = process.argv

for (const address of addresses) {
  for (const port of [8080, 8081]) {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', (chunk) => socket.write(chunk)) // for connections that are held
      socket.write(`${name} ${socket.remoteAddress}\n`)
    })
    server.listen(port, address)
  }
  const udp = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  udp.on('message', (_, { address: from, port }) => udp.send(`${name} ${from}`, port, from))
  const isLast = address === addresses.at(-1)
  udp.bind(8082, address, () => isLast && process.stdout.write('ready\n'))
}
