import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as resources from '#api/resources.ts'
import { createInformer } from '#client/create-informer.ts'
import { createFakeAPI } from '#client/fake-api.ts'
import { silentLog } from '#log/log.ts'
import { waitFor } from '#testing/wait-for.ts'
import { systemClock } from '../probes/prober.ts'
import { runNodeStatus } from './run-node-status.ts'

const identity = {
  nodeName: 'node2',
  nodeIPs: ['172.30.0.12'],
  kubeletVersion: 'v1.36.0',
  runtimeVersion: 'process://0.1.0',
  labels: {},
  port: 10250,
}

// The lease comes each 10 s and the status each 5 minutes: neither can be what brings the node back here.
test('runNodeStatus() registers a deleted node again at once, Ready', async () => {
  const api = createFakeAPI()
  const abort = new AbortController()
  const nodes = createInformer(api, resources.nodes, abort.signal)
  const networkReady = Promise.resolve()
  const deps = { api, nodes, clock: systemClock, log: silentLog, networkReady }
  const running = runNodeStatus(deps, identity, abort.signal)
  try {
    const registered = async (notUID?: string) => {
      const found = await waitFor(
        async () => {
          const node = await api.get(resources.nodes, { name: 'node2' })
          const ready = node?.status?.conditions?.find(({ type }) => type === 'Ready')
          return ready?.status === 'True' && node?.metadata.uid !== notUID ? node : undefined
        },
        { what: 'node2 to be Ready' },
      )
      await waitFor(() => nodes.get({ name: 'node2' })?.metadata.uid === found.metadata.uid, {
        what: 'the informer to know',
      })
      return found
    }
    const first = await registered()
    await api.delete(resources.nodes, { name: 'node2' })
    const second = await registered(first.metadata.uid)
    assert.equal(second.metadata.labels?.['kubernetes.io/hostname'], 'node2')
    assert.deepEqual(second.status?.addresses?.[0], { type: 'InternalIP', address: '172.30.0.12' })
  } finally {
    abort.abort()
    await running
  }
})
