/** A server for connects.ts: accepts on every address and answers by hanging up. `accept.ts PORT` */
import { createServer } from 'node:net'

const server = createServer((socket) => {
  socket.on('error', () => {})
  socket.destroy()
})
server.listen({ port: Number(process.argv[2]), host: '0.0.0.0', backlog: 4096 }, () =>
  console.log('ready'),
)
