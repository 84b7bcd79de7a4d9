/**
 * The image `fairlead.dev/echo`: says who answered and who asked, over HTTP, TCP and UDP.
 *
 * Ports: `--http=8080 --tcp=8081 --udp=8082`, lists by comma, or ECHO_HTTP_PORTS and so on; an empty list serves none.
 * HTTP answers JSON, or lines where the client accepts text/plain. `/healthz` answers 200 until `POST /healthz/fail`, and again
 * after `POST /healthz/ok`; `/env` lists the environment. TCP says its lines at once and then echoes, UDP answers each datagram.
 * After SIGTERM it serves on for 3 s, so that what is still being sent here while endpoints change finds an answer.
 */
import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createTCPServer, isIPv6 } from 'node:net'
import { hostname } from 'node:os'
import { parseEchoPorts } from './echo-ports.ts'

// Asked for, not imported: an import takes 70 ms, since it evaluates all of node's fetch.
const { createServer } = process.getBuiltinModule('node:http')

const SERVE_ON_MS = 3000

interface Identity {
  readonly pod: string
  readonly namespace: string
  readonly node: string
  readonly podIP: string
}

/** What the node agent tells each of its containers; without it (another runtime) the usual variables count. */
function readIdentity(): Identity {
  const env = process.env
  let told: Partial<Identity> = {}
  try {
    told = JSON.parse(readFileSync('/etc/podinfo', 'utf8')) as Partial<Identity>
  } catch {
    // not there
  }
  return {
    pod: told.pod ?? env.POD_NAME ?? hostname(),
    namespace: told.namespace ?? env.POD_NAMESPACE ?? '',
    node: told.node ?? env.NODE_NAME ?? '',
    podIP: told.podIP ?? env.POD_IP ?? '',
  }
}

const identity = readIdentity()
const ports = parseEchoPorts(process.argv.slice(2), process.env)
let isHealthy = true

for (const port of ports.http) serveHTTP(port)
for (const port of ports.tcp) serveTCP(port)
for (const port of ports.udp) serveUDP(port)
console.log(`Serving HTTP on ${ports.http}, TCP on ${ports.tcp}, UDP on ${ports.udp}`)
process.on('SIGTERM', () => setTimeout(() => process.exit(0), SERVE_ON_MS))

function serveHTTP(port: number): void {
  createServer(answer).on('error', give).listen(port)
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  request.resume()
  const { method = 'GET', url = '/' } = request
  switch (url.split('?', 1)[0]) {
    case '/healthz':
      send(response, isHealthy ? 200 : 503, isHealthy ? 'ok\n' : 'failing\n')
      break
    case '/healthz/ok':
    case '/healthz/fail':
      if (method === 'POST') isHealthy = url.startsWith('/healthz/ok')
      if (method === 'POST') send(response, 200, `${isHealthy ? 'ok' : 'failing'} from now on\n`)
      else send(response, 405, 'POST switches it\n')
      break
    case '/env':
      send(response, 200, formatEnvironment())
      break
    default:
      sayWhoAnswered(request, response)
  }
}

function sayWhoAnswered(
  { socket, method, url, headers }: IncomingMessage,
  response: ServerResponse,
): void {
  const said = {
    ...identity,
    protocol: 'HTTP',
    client: formatAddress(socket.remoteAddress, socket.remotePort),
    server: formatAddress(socket.localAddress, socket.localPort),
    method: method ?? '',
    path: url ?? '',
  }
  // What `kubectl logs` shows; probes are not told of.
  process.stdout.write(`${said.method} ${said.path} from ${said.client}\n`)
  if (headers.accept?.includes('text/plain')) {
    const lines = Object.entries(headers).map(([name, value]) => `header ${name}: ${value}\n`)
    send(response, 200, formatLines(said) + lines.join(''))
  } else {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(`${JSON.stringify({ ...said, headers })}\n`)
  }
}

function formatEnvironment(): string {
  return Object.entries(process.env)
    .map(([name, value]) => `${name}=${value}\n`)
    .sort()
    .join('')
}

function send(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain' })
  response.end(text)
}

function serveTCP(port: number): void {
  createTCPServer((socket) => {
    const client = formatAddress(socket.remoteAddress, socket.remotePort)
    const server = formatAddress(socket.localAddress, socket.localPort)
    socket.on('error', () => socket.destroy()) // the client's affair
    socket.write(formatLines({ ...identity, protocol: 'TCP', client, server }))
    socket.pipe(socket)
  })
    .on('error', give)
    .listen(port)
}

function serveUDP(port: number): void {
  const socket = createSocket({ type: 'udp6', ipv6Only: false })
  socket.on('message', (message, { address, port: clientPort }) => {
    const client = formatAddress(address, clientPort)
    const said = { ...identity, protocol: 'UDP', client, port, data: message.toString().trimEnd() }
    socket.send(formatLines(said), clientPort, address)
  })
  socket.on('error', give).bind(port)
}

function formatLines(said: Readonly<Record<string, string | number>>): string {
  return Object.entries(said)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('')
}

function formatAddress(address = '', port = 0): string {
  const plain = address.replace(/^::ffff:/, '')
  return isIPv6(plain) ? `[${plain}]:${port}` : `${plain}:${port}`
}

function give(error: Error): never {
  console.error(`Cannot serve: ${error.message}`)
  process.exit(1)
}
