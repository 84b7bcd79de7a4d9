import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Service } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { runController } from '#client/controller.ts'
import { createInformer } from '#client/create-informer.ts'
import { createEventRecorder } from '#client/event-recorder.ts'
import { createFakeAPI, type FakeAPI } from '#client/fake-api.ts'
import { ip } from '#ip/ip.ts'
import { silentLog } from '#log/log.ts'
import { parseAddressPool } from './address-pool.ts'
import { loadBalancerAllocator } from './controller.ts'
import { planAddresses } from './plan-addresses.ts'

const pool = { first: ip('172.30.0.200'), last: ip('172.30.0.202') }
const pool6 = { first: ip('fd00:172:30::200'), last: ip('fd00:172:30::202') }

function service(name: string, spec: Partial<Service['spec']> = {}, held?: string): Service {
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      creationTimestamp: `2026-11-21T00:00:0${name.length}Z`,
    },
    spec: { type: 'LoadBalancer', ...spec },
    ...(held !== undefined && {
      status: { loadBalancer: { ingress: [{ ip: held, ipMode: 'VIP' }] } },
    }),
  }
}

suite('planAddresses()', () => {
  // Behaviour and sentences: MetalLB controller/service.go and internal/allocator (facts/external-access.md 6).
  const cases: readonly {
    name: string
    services: readonly Service[]
    assign?: Readonly<Record<string, string | undefined>>
    refuse?: Readonly<Record<string, string>>
  }[] = [
    {
      name: 'the first free one',
      services: [service('a'), service('b')],
      assign: { a: '172.30.0.200', b: '172.30.0.201' },
    },
    {
      name: 'one of each family that it has, in its order',
      services: [
        service('a', { ipFamilies: ['IPv4', 'IPv6'] }),
        service('b', { ipFamilies: ['IPv6', 'IPv4'] }),
        service('c', { ipFamilies: ['IPv6'] }),
      ],
      assign: {
        a: '172.30.0.200,fd00:172:30::200',
        b: 'fd00:172:30::201,172.30.0.201',
        c: 'fd00:172:30::202',
      },
    },
    {
      name: 'the second family to one that has the first',
      services: [service('a', { ipFamilies: ['IPv4', 'IPv6'] }, '172.30.0.202')],
      assign: { a: '172.30.0.202,fd00:172:30::200' },
    },
    {
      name: 'what it asks for of one family, and any of the other',
      services: [
        service('a', { ipFamilies: ['IPv4', 'IPv6'], loadBalancerIP: 'fd00:172:30::202' }),
      ],
      assign: { a: '172.30.0.200,fd00:172:30::202' },
    },
    {
      name: 'no address of a family that it has not',
      services: [service('a', { loadBalancerIP: 'fd00:172:30::202' })],
      refuse: { a: '["fd00:172:30::202"] is not allowed in config' },
    },
    {
      name: 'what it holds already',
      services: [service('a'), service('bb', {}, '172.30.0.200')],
      assign: { a: '172.30.0.201' },
    },
    {
      name: 'what it asks for',
      services: [service('a'), service('bb', { loadBalancerIP: '172.30.0.200' })],
      assign: { a: '172.30.0.201', bb: '172.30.0.200' },
    },
    {
      name: 'what it asks for later',
      services: [service('a', { loadBalancerIP: '172.30.0.202' }, '172.30.0.200')],
      assign: { a: '172.30.0.202' },
    },
    {
      name: 'nothing where the wish is outside the pool',
      services: [service('a', { loadBalancerIP: '10.0.0.1' })],
      refuse: { a: '["10.0.0.1"] is not allowed in config' },
    },
    {
      name: 'nothing where the wish is no address',
      services: [service('a', { loadBalancerIP: 'x' })],
      refuse: { a: 'invalid spec.loadBalancerIP "x"' },
    },
    {
      name: 'nothing where the wish is in use',
      services: [
        service('a', {}, '172.30.0.200'),
        service('bb', { loadBalancerIP: '172.30.0.200' }),
      ],
      refuse: { bb: 'address 172.30.0.200 is in use by "default/a"' },
    },
    {
      name: 'nothing where the pool is used up',
      services: [
        service('a', {}, '172.30.0.200'),
        service('bb', {}, '172.30.0.201'),
        service('ccc', {}, '172.30.0.202'),
        service('dddd'),
      ],
      refuse: { dddd: 'no available IPs' },
    },
    {
      name: 'another one where it holds one outside the pool',
      services: [service('a', {}, '192.0.2.1')],
      assign: { a: '172.30.0.200' },
    },
    {
      name: 'another one where two hold the same: the older keeps it',
      services: [service('bb', {}, '172.30.0.200'), service('a', {}, '172.30.0.200')],
      assign: { bb: '172.30.0.201' },
    },
    {
      name: 'of our class',
      services: [service('a', { loadBalancerClass: 'fairlead.dev/layer2' })],
      assign: { a: '172.30.0.200' },
    },
    {
      name: 'nothing of another class',
      services: [
        service('a', { loadBalancerClass: 'example.com/lb' }),
        service('bb', { loadBalancerClass: 'example.com/lb' }, '192.0.2.7'),
      ],
    },
    {
      name: 'nothing of another type, and it gives back what it holds',
      services: [
        service('a', { type: 'ClusterIP' }, '172.30.0.200'),
        service('b', { type: 'NodePort' }),
      ],
      assign: { a: undefined },
    },
    {
      name: 'nothing that another Service gives back just now',
      services: [service('a', { type: 'ClusterIP' }, '172.30.0.200'), service('b')],
      assign: { a: undefined, b: '172.30.0.201' },
    },
  ]
  for (const { name, services, assign = {}, refuse = {} } of cases) {
    test(`gives ${name}`, () => {
      const plan = planAddresses(services, [pool, pool6])
      assert.deepEqual(
        Object.fromEntries(
          plan.assign.map(({ service, addresses }) => [
            service.metadata.name,
            addresses.length > 0 ? addresses.join(',') : undefined,
          ]),
        ),
        assign,
      )
      assert.deepEqual(
        Object.fromEntries(plan.refuse.map(({ service, why }) => [service.metadata.name, why])),
        refuse,
      )
    })
  }
})

suite('loadBalancerAllocator()', () => {
  async function withAllocator(
    use: (api: FakeAPI, until: (isSo: () => Promise<boolean>) => Promise<void>) => Promise<void>,
  ) {
    const api = createFakeAPI()
    const abort = new AbortController()
    const services = createInformer(api, resources.services, abort.signal)
    const events = createEventRecorder(api, { component: 'test' })
    const running = runController(
      loadBalancerAllocator({ api, services, events }, [pool]),
      silentLog,
      abort.signal,
    )
    try {
      await use(api, async (isSo) => {
        for (const deadline = performance.now() + 60_000; !(await isSo()); ) {
          assert.ok(performance.now() < deadline, 'not so after 60 s')
          await new Promise((resolve) => setTimeout(resolve, 2))
        }
      })
    } finally {
      abort.abort()
      await running
    }
  }
  const addressOf = async (api: FakeAPI, name: string) =>
    (await api.get(resources.services, { namespace: 'default', name }))?.status?.loadBalancer
      ?.ingress

  test('writes the address to the status, says so, and frees it with the type', () =>
    withAllocator(async (api, until) => {
      await api.create(resources.services, service('web'))
      await until(async () => (await addressOf(api, 'web')) !== undefined)
      assert.deepEqual(await addressOf(api, 'web'), [{ ip: '172.30.0.200', ipMode: 'VIP' }])
      await until(async () =>
        (await api.list(resources.events)).items.some(
          ({ reason, message }) =>
            reason === 'IPAllocated' && message === 'Assigned IP ["172.30.0.200"]',
        ),
      )
      await api.patch(resources.services, { namespace: 'default', name: 'web' }, 'merge', {
        spec: { type: 'ClusterIP' },
      })
      await until(async () => (await addressOf(api, 'web')) === undefined)
      await api.create(resources.services, service('next'))
      await until(async () => (await addressOf(api, 'next'))?.[0]?.ip === '172.30.0.200')
    }))

  test('says once why there is no address, and gives one when there is', () =>
    withAllocator(async (api, until) => {
      for (const name of ['a', 'bb', 'ccc', 'dddd'])
        await api.create(resources.services, service(name))
      await until(async () =>
        (await api.list(resources.events)).items.some(
          ({ reason }) => reason === 'AllocationFailed',
        ),
      )
      const failures = (await api.list(resources.events)).items.filter(
        ({ reason }) => reason === 'AllocationFailed',
      )
      assert.deepEqual(
        failures.map(({ message, count }) => [message, count]),
        [['Failed to allocate IP for "default/dddd": no available IPs', 1]],
      )
      await api.delete(resources.services, { namespace: 'default', name: 'bb' })
      await until(async () => (await addressOf(api, 'dddd'))?.[0]?.ip === '172.30.0.201')
    }))
})

suite('parseAddressPool()', () => {
  // Both forms as in MetalLB's IPAddressPool spec.addresses.
  const cases = [
    { text: '172.30.0.200-172.30.0.250', want: { first: '172.30.0.200', last: '172.30.0.250' } },
    {
      text: ' 172.30.0.200 - 172.30.0.200 ',
      want: { first: '172.30.0.200', last: '172.30.0.200' },
    },
    { text: '172.30.1.0/28', want: { first: '172.30.1.0', last: '172.30.1.15' } },
  ]
  for (const { text, want } of cases)
    test(text, () => assert.deepEqual(parseAddressPool(text), want))

  for (const text of [
    '',
    '172.30.0.9',
    '172.30.0.9-172.30.0.1',
    '172.30.0.1-fd00::1',
    '172.30.1.1/28',
    '1-2-3',
  ]) {
    test(`refuses ${JSON.stringify(text)}`, () =>
      assert.throws(() => parseAddressPool(text), SyntaxError))
  }
})
