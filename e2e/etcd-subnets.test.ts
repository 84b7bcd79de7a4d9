import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { createEtcdClient, type EtcdAccess, type EtcdClient } from '#etcd/etcd-client.ts'
import { openGRPCSession } from '#etcd/grpc-session.ts'
import { MessageWriter } from '#etcd/wire.ts'
import { cidr, formatCIDR } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { silentLog } from '#log/log.ts'
import type { PerFamily } from '#pod-network/flannel/lease.ts'
import {
  createEtcdSubnetManager,
  waitForNetConf,
} from '#pod-network/flannel/leases/etcd-subnet-manager.ts'
import type { LeaseAttributes } from '#pod-network/flannel/leases/subnet-manager.ts'
import { waitFor } from '#testing/wait-for.ts'
import { startTestEtcd, type TestEtcd } from './support/etcd.ts'

const prefix = '/coreos.com/network'
const key = (subnet: string) => `${prefix}/subnets/${subnet}`

suite('Leases in a real etcd, as flannel keeps them', () => {
  let server: TestEtcd
  let etcd: EtcdClient
  before(async () => {
    server = await startTestEtcd()
    etcd = createEtcdClient(server.access)
  })
  after(async () => {
    etcd?.close()
    await server?.[Symbol.asyncDispose]()
  })

  const attributes = (n: number): LeaseAttributes => ({
    backendType: 'vxlan',
    publicIPs: { 4: ip(`172.30.0.${n}`) },
    data: { 4: { VNI: 1, VtepMAC: '02:00:00:00:00:01' } },
  })
  const clear = async (conf: object) => {
    await etcd.deleteRange(`${prefix}/`, `${prefix}0`)
    await etcd.put(`${prefix}/config`, JSON.stringify(conf))
  }
  const start = async (
    stop: AbortController,
    {
      previous = {} as PerFamily<ReturnType<typeof cidr>>,
      ttlSeconds = 60,
      renewMarginMinutes = 0,
    } = {},
  ) => {
    const deps = { etcd, log: silentLog }
    const conf = await waitForNetConf(deps, prefix, stop.signal)
    const options = { prefix, previous, renewMarginMinutes, ttlSeconds }
    return createEtcdSubnetManager(deps, conf, options, stop.signal)
  }
  const read = async (name: string) => (await etcd.range({ key: key(name) })).items[0]
  const withStop = async (body: (stop: AbortController) => Promise<void>) => {
    const stop = new AbortController()
    try {
      await body(stop)
    } finally {
      stop.abort()
    }
  }

  test('twenty nodes at once get subnets of their own, and hear of each other', () =>
    withStop(async (stop) => {
      await clear({
        Network: '10.5.0.0/16',
        SubnetMin: '10.5.1.0',
        SubnetMax: '10.5.20.0',
        Backend: { Type: 'vxlan' },
      })
      const nodes = await Promise.all(Array.from({ length: 20 }, () => start(stop)))
      const got = await Promise.all(nodes.map((node, i) => node.acquire(attributes(11 + i))))
      const subnets = new Set(got.map((it) => formatCIDR(it![4]!)))
      assert.equal(subnets.size, 20)
      await waitFor(() => nodes.every((node) => node.peers().length === 19), { what: 'the others' })
      const [first] = got
      const item = await read(formatCIDR(first![4]!).replace('/', '-'))
      // facts/pod-network.md 3.3
      assert.equal(
        item?.value,
        '{"PublicIP":"172.30.0.11","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:01"}}',
      )
      const { seconds } = await etcd.timeToLive(item!.lease!)
      assert.ok(seconds > 50 && seconds <= 60, `${seconds}`)
    }))

  test('a subnet is renewed, kept over a restart, and free when its node is gone', () =>
    withStop(async (stop) => {
      await clear({ Network: '10.5.0.0/16' })
      const life = new AbortController()
      const node = await start(life, { ttlSeconds: 2, renewMarginMinutes: 1 / 60 })
      const subnets = await node.acquire(attributes(11))
      const name = formatCIDR(subnets![4]!).replace('/', '-')
      const { modRevision, lease } = (await read(name))!
      await waitFor(async () => (await read(name))!.modRevision > modRevision, {
        what: 'renewal',
      })
      assert.notEqual((await read(name))!.lease, lease)
      life.abort()
      const again = await start(stop, { ttlSeconds: 2, renewMarginMinutes: 1 / 60 })
      assert.deepEqual(await again.acquire(attributes(11)), subnets)
      const third = await start(stop, { previous: { 4: cidr('10.5.77.0/24') } })
      assert.deepEqual(await third.acquire(attributes(12)), { 4: cidr('10.5.77.0/24') })
      assert.equal(third.peers().length, 1)
      stop.abort()
      await waitFor(async () => (await read(name)) === undefined, {
        what: 'the end of the lease',
      })
    }))

  test('a reservation is used and stays one', () =>
    withStop(async (stop) => {
      await clear({ Network: '10.5.0.0/16' })
      await etcd.put(key('10.5.40.0-24'), '{"PublicIP":"172.30.0.11"}')
      const node = await start(stop)
      assert.deepEqual(await node.acquire(attributes(11)), { 4: cidr('10.5.40.0/24') })
      const item = await read('10.5.40.0-24')
      assert.equal(item?.lease, undefined)
      assert.match(item!.value, /"VtepMAC"/)
    }))

  test('a lease that somebody revoked is acquired again', () =>
    withStop(async (stop) => {
      await clear({ Network: '10.5.0.0/16', EnableIPv6: true, IPv6Network: 'fc00::/48' })
      const node = await start(stop, {
        previous: { 4: cidr('10.5.3.0/24'), 6: cidr('fc00:0:0:3::/64') },
      })
      const subnets = await node.acquire(attributes(11))
      const name = '10.5.3.0-24&fc00:0:0:3::-64'
      await waitFor(() => read(name), { what: 'the lease' })
      const other = await start(stop)
      await other.synced
      await waitFor(() => other.peers().length === 1, { what: 'news of it' })
      let heard = 0
      node.subscribe(() => heard++)
      await waitFor(
        async () => {
          await etcd.deleteRange(key(name), `${key(name)}\0`)
          return heard > 0
        },
        { what: 'the revocation' },
      )
      await waitFor(() => other.peers().length === 0, { what: 'news of its end' })
      assert.deepEqual(await node.acquire(attributes(11)), subnets)
      await waitFor(() => other.peers().length === 1, { what: 'the lease again' })
      assert.deepEqual(other.peers()[0]?.subnets, subnets)
    }))

  test('a watch that broke begins anew, behind a compaction too', () =>
    withStop(async (stop) => {
      await clear({ Network: '10.5.0.0/16' })
      const node = await start(stop)
      await node.acquire(attributes(11))
      for (let i = 0; i < 20; i++)
        await etcd.put(key('10.5.99.0-24'), `{"PublicIP":"172.30.0.${100 + i}"}`)
      const { revision } = await etcd.range({ key: 'x' })
      await etcd.compact(revision)
      await server.kill(0)
      server.start(0)
      await etcd.put(key('10.5.98.0-24'), '{"PublicIP":"172.30.0.99"}')
      await waitFor(() => node.peers().some(({ name }) => name === '10.5.98.0-24'), {
        what: 'the new lease',
      })
      assert.ok(node.peers().some(({ publicIPs }) => publicIPs[4] === '172.30.0.119'))
    }))
})

suite('An etcd that asks for a user and a password', () => {
  const credentials = { username: 'flannel', password: 'secret' }
  const text = (...values: readonly string[]) =>
    values.reduce((message, value, i) => message.text(i + 1, value), new MessageWriter())

  /** As `etcdctl` would: root, and a user who may read and write what is flannel's. */
  async function askForUsers(access: EtcdAccess): Promise<void> {
    const session = await openGRPCSession({ ...access, url: access.endpoints[0]! })
    const READ_WRITE = 2
    const permission = new MessageWriter()
      .number(1, READ_WRITE)
      .text(2, prefix)
      .text(3, `${prefix}0`)
    for (const [method, message] of [
      ['UserAdd', text('root', 'root')],
      ['RoleAdd', text('root')],
      ['UserGrantRole', text('root', 'root')],
      ['UserAdd', text(credentials.username, credentials.password)],
      ['RoleAdd', text('network')],
      ['RoleGrantPermission', text('network').message(2, permission)],
      ['UserGrantRole', text(credentials.username, 'network')],
      ['AuthEnable', text()],
    ] as const)
      await session.call(`Auth/${method}`, message, 5000)
    session.close()
  }

  test('gets them, also when its token is over, and names what is wrong', async () => {
    await using server = await startTestEtcd(1, ['--auth-token-ttl', '1'])
    await using stack = new AsyncDisposableStack()
    const open = (given: Partial<EtcdAccess>) => {
      const client = createEtcdClient({ ...server.access, ...given })
      stack.defer(() => client.close())
      return client
    }
    // Nobody asks yet.
    const etcd = open({ credentials })
    await etcd.put(`${prefix}/config`, '{"Network": "10.5.0.0/16"}')
    await askForUsers(server.access)
    const stop = new AbortController()
    stack.defer(() => stop.abort())
    const user = open({ credentials })
    const deps = { etcd: user, log: silentLog }
    const conf = await waitForNetConf(deps, prefix, stop.signal)
    const options = { prefix, previous: {}, renewMarginMinutes: 0 }
    const leases = createEtcdSubnetManager(deps, conf, options, stop.signal)
    const subnets = await leases.acquire({
      backendType: 'host-gw',
      publicIPs: { 4: ip('172.30.0.11') },
      data: {},
    })
    assert.match(formatCIDR(subnets![4]!), /^10\.5\.\d+\.0\/24$/)
    // etcd forgets a token that nobody used for a second.
    await new Promise((resolve) => setTimeout(resolve, 2500))
    assert.equal((await user.range({ key: `${prefix}/config` })).items.length, 1)
    // server/etcdserver/api/v3rpc/rpctypes/error.go
    await assert.rejects(user.range({ key: '/elsewhere' }), /etcdserver: permission denied/)
    const wrong = open({ credentials: { ...credentials, password: 'x' } })
    await assert.rejects(
      wrong.range({ key: prefix }),
      /etcdserver: authentication failed, invalid user ID or password/,
    )
  })
})
