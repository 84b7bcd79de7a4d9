/**
 * An API server that holds COUNT Services with ENDPOINTS endpoints each, for a proxy in the same network: `api-server.ts FOLDER COUNT
 * ENDPOINTS`. Writes FOLDER/kubeconfig, says `ready`, and then changes an endpoint a line that it reads.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { startTestServer } from '#apiserver/testing/test-server.ts'
import { formatCIDR } from '#ip/cidr.ts'
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
const { admin, authority } = server
const base64 = (text: string) => Buffer.from(text).toString('base64')
writeFileSync(
  join(folder, 'kubeconfig'),
  JSON.stringify({
    'current-context': 'bench',
    contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }],
    clusters: [
      {
        name: 'bench',
        cluster: { server: server.url, 'certificate-authority-data': base64(authority.caPEM) },
      },
    ],
    users: [
      {
        name: 'bench',
        user: {
          'client-certificate-data': base64(admin.certPEM),
          'client-key-data': base64(admin.keyPEM),
        },
      },
    ],
  }),
)
console.log('ready')
let generation = 0
for await (const _ of createInterface({ input: process.stdin })) {
  generation++
  const index = (generation * 7919) % Number(count)
  await server.request('PUT', `${SLICES}/${nameOf(index)}-x`, {
    body: sliceOf(index, Number(endpoints), generation),
  })
}
