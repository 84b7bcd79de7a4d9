import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Deployment } from '#api/apps.ts'
import type { Pod } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { startTestServer } from '#apiserver/testing/test-server.ts'
import { createTestTokens } from '#apiserver/testing/tokens.ts'
import { createAccountClients } from '#client/account-clients.ts'
import type { API } from '#client/api.ts'
import { createInformer } from '#client/create-informer.ts'
import { createAPI } from '#client/http-api.ts'
import { readRequest } from '#cluster/read-request.ts'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { silentLog } from '#log/log.ts'
import { createServiceAdmission } from '#service-network/cluster-ip/service-admission.ts'
import { readComponentRoles } from './component-roles.ts'
import { runControllers } from './controllers.ts'

const options = {
  certificates: {
    read: async (pem: string) => readRequest(pem),
    sign: async () => ({ refused: 'no' }),
  },
  accounts: { caPEM: 'CA', sign: () => 'token' },
  podRanges: [{ clusterCIDR: '10.244.0.0/16', nodeMask: 24 }],
  serviceCIDRs: ['10.96.0.0/16'],
  loadBalancerPools: ['172.30.0.200-172.30.0.250'],
  log: silentLog,
}

/** The real API server on loopback, all controllers over the real client, and a stand-in for the node agents. */
async function withCluster(
  use: (
    api: API,
    until: (what: string, isSo: () => Promise<boolean>) => Promise<void>,
  ) => Promise<void>,
) {
  const admission = [
    createServiceAdmission({ serviceCIDRs: options.serviceCIDRs.map(cidr), log: silentLog }),
  ]
  // With the rights of a cluster: what a controller may not do fails here.
  await using server = await startTestServer({
    admission,
    access: { authorization: 'RBAC', policies: readComponentRoles() },
    accountTokens: createTestTokens(),
  })
  await using api = createAPI({
    server: server.url,
    caPEM: server.authority.caPEM,
    ...server.admin,
  })
  const abort = new AbortController()
  const identify = async (user: string) => ({
    server: server.url,
    caPEM: server.authority.caPEM,
    ...(await server.authority.sign(user)),
  })
  const manager = await identify('system:kube-controller-manager')
  await using managerAPI = createAPI(manager)
  await using scheduler = createAPI(await identify('system:kube-scheduler'))
  await using accounts = createAccountClients(managerAPI, manager)
  const clients = { api: managerAPI, scheduler, as: accounts.as }
  const running = runControllers(clients, options, abort.signal)
  const agent = runAgent(api, abort.signal)
  try {
    await use(api, async (what, isSo) => {
      for (const deadline = performance.now() + 60_000; !(await isSo()); ) {
        assert.ok(performance.now() < deadline, `not so after 60 s: ${what}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    })
  } finally {
    abort.abort()
    await Promise.all([running, agent])
  }
}

/** Bound pods get an address and become ready; deleted ones go. */
async function runAgent(api: API, signal: AbortSignal): Promise<void> {
  const pods = createInformer(api, resources.pods, signal)
  const work: Promise<unknown>[] = []
  let host = 1
  const care = async ({ metadata, spec, status }: Pod) => {
    if (metadata.deletionTimestamp !== undefined)
      await api.delete(resources.pods, metadata, { gracePeriodSeconds: 0 })
    else if (spec.nodeName && status?.podIP === undefined) {
      const podIP = `10.244.9.${++host}`
      const ready = { type: 'Ready', status: 'True', lastTransitionTime: '2026-11-21T00:00:00Z' }
      await api.patch(
        resources.pods,
        metadata,
        'merge',
        { status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions: [ready] } },
        'status',
      )
    }
  }
  pods.subscribe(
    ({ type, object }) =>
      void (type !== 'deleted' && work.push(care(object).catch(() => undefined))),
  )
  await new Promise((resolve) => signal.addEventListener('abort', resolve))
  await Promise.all(work)
}

async function addNode(api: API, name: string): Promise<void> {
  await api.create(resources.nodes, { metadata: { name } })
  const time = `${new Date().toISOString().slice(0, 19)}Z`
  const ready = {
    type: 'Ready',
    status: 'True',
    reason: 'KubeletReady',
    message: '',
    lastHeartbeatTime: time,
    lastTransitionTime: time,
  }
  await api.patch(resources.nodes, { name }, 'merge', { status: { conditions: [ready] } }, 'status')
}

const web = (namespace: string): Deployment => ({
  metadata: { name: 'web', namespace },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: 'fairlead.dev/echo:1' }] },
    },
  },
})

suite('runControllers()', () => {
  test('takes a Deployment and its Service all the way, and away again', () =>
    withCluster(async (api, until) => {
      for (const name of ['node1', 'node2', 'node3']) await addNode(api, name)
      const key = { namespace: 'default', name: 'web' }
      await api.create(resources.deployments, web('default'))
      const ports = [{ port: 80, targetPort: 8080 }]
      await api.create(resources.services, {
        metadata: key,
        spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports },
      })

      await until(
        'available',
        async () => (await api.get(resources.deployments, key))?.status?.availableReplicas === 3,
      )
      const nodes = (await api.list(resources.nodes)).items
      assert.deepEqual(nodes.map(({ spec }) => spec?.podCIDR).toSorted(), [
        '10.244.0.0/24',
        '10.244.1.0/24',
        '10.244.2.0/24',
      ])
      const pods = (await api.list(resources.pods)).items
      assert.deepEqual(pods.map(({ spec }) => spec.nodeName).toSorted(), [
        'node1',
        'node2',
        'node3',
      ])

      const addresses = pods.map(({ status }) => status?.podIP).toSorted()
      await until('endpoint slices', async () => {
        const slices = (
          await api.list(resources.endpointSlices, {
            labelSelector: 'kubernetes.io/service-name=web',
          })
        ).items
        const ready = slices
          .flatMap(({ endpoints }) => endpoints ?? [])
          .filter(({ conditions }) => conditions?.ready)
        return (
          ready
            .flatMap(({ addresses }) => addresses)
            .toSorted()
            .join() === addresses.join()
        )
      })
      await until(
        'endpoints',
        async () =>
          (await api.get(resources.endpoints, key))?.subsets?.[0]?.addresses?.length === 3,
      )
      const service = await api.get(resources.services, key)
      assert.deepEqual(service?.status?.loadBalancer?.ingress, [
        { ip: ip('172.30.0.200'), ipMode: 'VIP' },
      ])
      assert.ok(await api.get(resources.serviceAccounts, { namespace: 'default', name: 'default' }))

      await api.delete(resources.deployments, key, { propagationPolicy: 'Foreground' })
      await api.delete(resources.services, key)
      await until('all gone', async () => {
        const left = await Promise.all([
          api.list(resources.deployments),
          api.list(resources.replicaSets),
          api.list(resources.pods),
          api.list(resources.endpoints),
          api.list(resources.endpointSlices, { labelSelector: 'kubernetes.io/service-name=web' }),
        ])
        return left.every(({ items }) => items.length === 0)
      })
    }))

  test('empties a namespace that is deleted', () =>
    withCluster(async (api, until) => {
      await addNode(api, 'node1')
      await api.create(resources.namespaces, { metadata: { name: 'shop' } })
      await api.create(resources.deployments, web('shop'))
      await until(
        'available',
        async () =>
          (await api.get(resources.deployments, { namespace: 'shop', name: 'web' }))?.status
            ?.availableReplicas === 3,
      )
      await api.delete(resources.namespaces, { name: 'shop' })
      await until(
        'gone',
        async () => (await api.get(resources.namespaces, { name: 'shop' })) === undefined,
      )
      assert.deepEqual((await api.list(resources.pods)).items, [])
    }))
})
