/**
 * An API server that holds COUNT Services with ENDPOINTS endpoints each, for a proxy in the same network: `api-server.ts FOLDER COUNT
 * ENDPOINTS`. Writes FOLDER/kubeconfig, says `ready`, and then changes an endpoint a line that it reads.
 */
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { startTestServer } from '#apiserver/testing/test-server.ts'
import { formatCIDR } from '#ip/cidr.ts'
import { writeKubeconfig } from '../support/kubeconfig.ts'
import { NODE_IP, nameOf, SERVICE_CIDR, serviceOf, sliceOf } from './services.ts'

const AT_ONCE = 64
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/bench/endpointslices'

const [folder = '', count = '', endpoints = ''] = process.argv.slice(2)
const server = await startTestServer()

async function post(path: string, body: unknown): Promise<void> {
  const { code, text } = await server.request('POST', path, { body })
  if (code !== 201) throw new Error(`Cannot fill the API server: ${code} ${text}`)
}

await post('/api/v1/namespaces', { metadata: { name: 'bench' } })
await post('/apis/networking.k8s.io/v1/servicecidrs', {
  metadata: { name: 'kubernetes' },
  spec: { cidrs: [formatCIDR(SERVICE_CIDR)] },
})
await post('/api/v1/nodes', {
  metadata: { name: 'node1' },
  status: { addresses: [{ type: 'InternalIP', address: NODE_IP }] },
})
let next = 0
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let i = next++; i < Number(count); i = next++) {
      await post('/api/v1/namespaces/bench/services', serviceOf(i))
      await post(SLICES, sliceOf(i, Number(endpoints)))
    }
  }),
)
writeKubeconfig(join(folder, 'kubeconfig'), server)
console.log('ready')
let generation = 0
for await (const _ of createInterface({ input: process.stdin })) {
  generation++
  const index = (generation * 7919) % Number(count)
  await server.request('PUT', `${SLICES}/${nameOf(index)}-x`, {
    body: sliceOf(index, Number(endpoints), generation),
  })
}
