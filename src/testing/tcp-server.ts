import type { Netns } from '#kernel/netns/netns.ts'
import type { LabProcess } from './lab-process.ts'
import type { Lab } from './netns.ts'

const SCRIPT = `
  const [address, port, text] = process.argv.slice(1)
  require('node:http').createServer((request, response) => response.end(text + ' ' + request.socket.remoteAddress))
    .listen(Number(port), address, () => console.log('listening'))`

interface ServerOptions {
  readonly address: string
  readonly port: number
  /** What it answers, followed by a space and the client's address as the server sees it. */
  readonly text: string
}

/** An HTTP server as a process inside a namespace, ready when this returns. Node's own sockets cannot be opened there from here. */
export async function startServer(
  lab: Lab,
  netns: Netns,
  { address, port, text }: ServerOptions,
): Promise<LabProcess> {
  const server = lab.spawn(netns, [process.execPath, '-e', SCRIPT, address, `${port}`, text])
  await server.outputs('listening')
  return server
}
