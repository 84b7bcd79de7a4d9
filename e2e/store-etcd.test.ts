import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { openEtcdStore } from '#apiserver/storage/etcd/etcd-store.ts'
import {
  createHome,
  eventually,
  startCluster,
  type TestCluster,
  uniqueName,
} from './support/cluster.ts'
import { startTestEtcd } from './support/etcd.ts'
import { assertGone, pidsOf } from './support/gone.ts'

interface Component {
  readonly component: string
  readonly node: string
  readonly pid?: number
  readonly state: string
}

function components(cluster: TestCluster): readonly Component[] {
  return JSON.parse(cluster.fairlead(['status', '-o', 'json']).stdout).components
}

function pidOf(cluster: TestCluster, component: string): number {
  const pid = components(cluster).find((one) => one.component === component)?.pid
  assert.ok(pid, `${component} runs`)
  return pid
}

const uids = (cluster: TestCluster) =>
  cluster.kubectl(['get', 'pods,services', '-A', '-o', 'jsonpath={.items[*].metadata.uid}']).stdout

suite('fairlead up --store etcd', () => {
  test('keeps the state in an etcd of its own, which is shown, repaired and removed with the cluster', () => {
    using cluster = startCluster('etcd', ['--nodes', '1', '--store', 'etcd'])
    const home = join(cluster.home.env.FAIRLEAD_HOME!, cluster.name)
    assert.ok(!existsSync(join(home, 'state.sqlite')), 'no SQLite')
    assert.ok(existsSync(join(home, 'etcd/member')))
    assert.equal(
      components(cluster).find(({ component }) => component === 'etcd')?.state,
      'running',
    )
    // It listens in the control plane's network: nothing of the host or of a node leads there.
    assert.doesNotMatch(readFileSync('/proc/net/tcp', 'utf8'), /0100007F:094B/)
    assert.equal(cluster.kubectl(['create', 'configmap', 'kept', '--from-literal=a=1']).status, 0)
    const before = uids(cluster)

    process.kill(pidOf(cluster, 'etcd'), 'SIGKILL')
    assert.equal(cluster.fairlead(['status']).status, 1, 'a dead etcd is told')
    const up = cluster.fairlead(['up'])
    assert.equal(up.status, 0, up.stderr)
    assert.match(up.stderr, /started: etcd/)
    assert.equal(uids(cluster), before)
    assert.equal(
      cluster.kubectl(['get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}']).stdout,
      '1',
    )

    process.kill(pidOf(cluster, 'control-plane'), 'SIGKILL')
    const again = cluster.fairlead(['up'])
    assert.equal(again.status, 0, again.stderr)
    assert.equal(uids(cluster), before)
    assert.equal(cluster.kubectl(['create', 'configmap', 'more', '--from-literal=a=1']).status, 0)

    const pids = pidsOf(cluster.home, cluster.name)
    const down = cluster.fairlead(['down'])
    assert.equal(down.status, 0, down.stderr)
    assertGone(cluster.home, cluster.name, pids)
  })

  test('with --etcd-servers, goes on without one of three members, takes no place that is taken, and leaves it empty', async () => {
    await using etcd = await startTestEtcd(3)
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-etcd-e2e-'))
    const { caPEM = '', certPEM = '', keyPEM = '' } = etcd.access.tls ?? {}
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text, { mode: 0o600 })
      return join(folder, name)
    }
    const flags = [
      ...['--etcd-servers', etcd.access.endpoints.join(',')],
      ...['--etcd-cafile', file('ca.crt', caPEM)],
      ...[
        '--etcd-certfile',
        file('client.crt', certPEM),
        '--etcd-keyfile',
        file('client.key', keyPEM),
      ],
      ...['--etcd-prefix', '/test/e2e'],
    ]
    try {
      const cluster = startCluster('etcd', ['--nodes', '1', ...flags])
      try {
        for (const member of [0, 1, 2]) {
          await etcd.kill(member)
          const name = `without-${member}`
          await eventually(`${name} is made`, () =>
            /created|AlreadyExists/.test(
              `${Object.values(cluster.kubectl(['create', 'configmap', name]))}`,
            ),
          )
          etcd.start(member)
          await eventually(
            `member ${member} is back`,
            () => cluster.kubectl(['get', '--raw', '/api/v1/namespaces/default']).status === 0,
          )
        }
        const { stdout } = cluster.kubectl(['get', 'configmaps', '-o', 'name'])
        for (const member of [0, 1, 2]) assert.match(stdout, new RegExp(`without-${member}`))

        // Others might serve the same store: the controllers have asked for the lead, as upstream's do.
        const lease = ['get', 'lease', '-n', 'kube-system', 'kube-controller-manager']
        assert.notEqual(
          cluster.kubectl([...lease, '-o', 'jsonpath={.spec.holderIdentity}']).stdout,
          '',
        )

        using other = createHome()
        const refused = other.fairlead([
          'up',
          '--name',
          uniqueName('etcd'),
          '--nodes',
          '1',
          '--node-cidr',
          '172.29.0.0/24',
          ...flags,
        ])
        assert.notEqual(refused.status, 0)
        assert.match(refused.stderr, /below \/test\/e2e there are objects of another cluster/)
        assert.equal(
          cluster.kubectl(['get', 'configmap', 'without-0']).status,
          0,
          'and nothing is deleted',
        )
        assert.equal(cluster.fairlead(['down']).status, 0)
      } finally {
        cluster[Symbol.dispose]()
      }
      const store = await openEtcdStore({ ...etcd.access, prefix: '/test/e2e' })
      assert.deepEqual((await store.list('/')).items, [])
      await store.close()
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
