import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Ingress } from '#api/networking.ts'
import * as resources from '#api/resources.ts'
import { createInformer } from '#client/create-informer.ts'
import { createFakeAPI, type FakeAPI } from '#client/fake-api.ts'
import { silentLog } from '#log/log.ts'
import { waitFor } from '#testing/wait-for.ts'
import type { IngressPlan } from './model.ts'
import { planAddresses } from './publish-status.ts'
import { type ReverseProxy, runIngress } from './run-ingress.ts'

const publishService = { namespace: 'kube-system', name: 'ingress-nginx-controller' }

/** Keeps plans instead of serving them. */
function createFakeProxy(): ReverseProxy & {
  readonly plans: IngressPlan[]
  failure: Error | undefined
} {
  const plans: IngressPlan[] = []
  return {
    plans,
    failure: undefined,
    get isRunning() {
      return plans.length > 0
    },
    async apply(plan) {
      if (this.failure) throw this.failure
      plans.push(plan)
      return true
    },
    exited: () => new Promise(() => {}),
  }
}

async function start(api: FakeAPI) {
  const stop = new AbortController()
  const proxy = createFakeProxy()
  const events: string[] = []
  const deps = {
    api,
    ingresses: createInformer(api, resources.ingresses, stop.signal),
    classes: createInformer(api, resources.ingressClasses, stop.signal),
    services: createInformer(api, resources.services, stop.signal),
    slices: createInformer(api, resources.endpointSlices, stop.signal),
    secrets: createInformer(api, resources.secrets, stop.signal),
    events: {
      event: ({ metadata }: Ingress, type: string, reason: string, message: string) => {
        events.push(`${metadata.name} ${type} ${reason} ${message}`)
      },
    },
    proxy,
    log: silentLog,
  }
  const running = runIngress(deps, { publishService }, stop.signal)
  return {
    proxy,
    events,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
    },
  }
}

async function createCluster(): Promise<FakeAPI> {
  const api = createFakeAPI()
  await api.create(resources.ingressClasses, {
    metadata: { name: 'nginx' },
    spec: { controller: 'k8s.io/ingress-nginx' },
  })
  await api.create(resources.services, {
    metadata: publishService,
    spec: { type: 'LoadBalancer' },
    status: { loadBalancer: { ingress: [{ ip: '172.30.0.200', ipMode: 'VIP' }] } },
  })
  return api
}

function createIngress(api: FakeAPI, name: string, host: string): Promise<Ingress> {
  const backend = { service: { name: 'web', port: { number: 80 } } }
  return api.create<Ingress>(resources.ingresses, {
    metadata: { name, namespace: 'default' },
    spec: {
      ingressClassName: 'nginx',
      rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
    },
  })
}

suite('runIngress()', () => {
  test('follows Ingresses, writes their status once, and tells what it does', async () => {
    const api = await createCluster()
    await createIngress(api, 'first', 'a.example')
    await using running = await start(api)
    const statusOf = async (name: string) =>
      (await api.get(resources.ingresses, { namespace: 'default', name }))?.status?.loadBalancer
        ?.ingress
    await waitFor(() => statusOf('first'), { what: 'the status' })
    assert.deepEqual(await statusOf('first'), [{ ip: '172.30.0.200' }])
    await createIngress(api, 'second', 'b.example')
    await waitFor(() => statusOf('second'), { what: 'the second status' })
    const hosts = running.proxy.plans.at(-1)!.servers.map(({ host }) => host)
    assert.deepEqual(hosts, ['', 'a.example', 'b.example'])
    assert.deepEqual(running.events, [
      'first Normal Sync Scheduled for sync',
      'first Warning NotServed Cannot route to a backend: Service default/web does not exist',
      'second Normal Sync Scheduled for sync',
      'second Warning NotServed Cannot route to a backend: Service default/web does not exist',
    ])
    assert.equal(api.requests.filter((request) => request.startsWith('patch ingresses')).length, 2)
  })

  test('publishes the status also while nginx does not start', async () => {
    const api = await createCluster()
    await using running = await start(api)
    running.proxy.failure = new Error('no')
    await createIngress(api, 'first', 'a.example')
    await waitFor(() => api.requests.includes('patch ingresses default/first'), {
      what: 'the status',
    })
  })
})

suite('planAddresses()', () => {
  const cases = [
    {
      name: 'of a LoadBalancer',
      spec: { type: 'LoadBalancer' as const },
      want: [{ ip: '172.30.0.200' }],
    },
    {
      name: 'with external IPs',
      spec: { type: 'LoadBalancer' as const, externalIPs: ['192.0.2.1'] },
      want: [{ ip: '172.30.0.200' }, { ip: '192.0.2.1' }],
    },
    {
      name: 'of a NodePort',
      spec: { type: 'NodePort' as const, clusterIP: '10.96.0.9' },
      want: [{ ip: '10.96.0.9' }],
    },
    { name: 'of a headless Service', spec: { clusterIP: 'None' }, want: [] },
  ]
  const status = { loadBalancer: { ingress: [{ ip: '172.30.0.200' }] } }
  for (const { name, spec, want } of cases)
    test(name, () =>
      assert.deepEqual(planAddresses({ metadata: publishService, spec, status }), want),
    )
  test('of nothing', () => assert.deepEqual(planAddresses(undefined), []))
})
