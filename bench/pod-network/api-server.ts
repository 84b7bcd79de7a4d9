/**
 * An API server with COUNT nodes whose network daemons have spoken, for daemons on the same wire: `api-server.ts FOLDER COUNT`. Writes
 * FOLDER/kubeconfig, says `ready`, and then does what each line says: `register N`, `announce N`, `delete N` or `heartbeat N`.
 */
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { startTestServer } from '#apiserver/testing/test-server.ts'
import { writeKubeconfig } from '../support/kubeconfig.ts'
import { announcedNode, conditions, nodeName, nodeObject, SERVER_IP } from './nodes.ts'

const [folder = '', count = ''] = process.argv.slice(2)
const server = await startTestServer({}, SERVER_IP)
const NODES = '/api/v1/nodes'

async function call(...[method, path, options]: Parameters<typeof server.request>): Promise<void> {
  const { code, text } = await server.request(method, path, options)
  if (code >= 300) throw new Error(`Cannot ${method} ${path}: ${code} ${text}`)
}

let generation = 0
const actions: Readonly<Record<string, (n: number) => Promise<void>>> = {
  register: (n) => call('POST', NODES, { body: nodeObject(n) }),
  announce: (n) => call('POST', NODES, { body: announcedNode(n) }),
  delete: (n) => call('DELETE', `${NODES}/${nodeName(n)}`),
  heartbeat: (n) =>
    call('PATCH', `${NODES}/${nodeName(n)}/status`, {
      body: JSON.stringify({ status: { conditions: conditions(++generation) } }),
      headers: { 'content-type': 'application/strategic-merge-patch+json' },
    }),
}

for (let n = 1; n <= Number(count); n++) await actions.announce!(n)
writeKubeconfig(join(folder, 'kubeconfig'), server)
console.log('ready')
for await (const line of createInterface({ input: process.stdin })) {
  const [action = '', n] = line.split(' ')
  await actions[action]?.(Number(n))
}
