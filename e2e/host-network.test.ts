import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { createNetns, deleteNetns } from '#kernel/netns/netns.ts'
import { createHome, fairleadCommand, uniqueName } from './support/cluster.ts'
import { diffNetworkStates, readNetworkState } from './support/host-network.ts'

// The promise: design.md D4, with the comparisons it names.
suite("The host's network", () => {
  test('is the same before, during and after a cluster', () => {
    using home = createHome()
    const name = uniqueName('host')
    const before = readNetworkState()
    const up = home.fairlead([
      'up',
      '--name',
      name,
      '--nodes',
      process.env.FAIRLEAD_TEST_NODES ?? '3',
    ])
    assert.equal(up.status, 0, up.stderr)
    const during = readNetworkState()
    assert.equal(
      home.fairlead(['exec', 'outside', '--name', name, '--', 'ping', '-c1', '-W2', '172.30.0.11'])
        .status,
      0,
    )
    // From one pod to another by a ClusterIP; with one node, both hang on one bridge, and the reply must find its way back.
    const [pod = ''] = home
      .kubectl(name, [
        'get',
        'pods',
        '-n',
        'kube-system',
        '-o',
        'name',
        '-l',
        'app.kubernetes.io/name=ingress-nginx',
      ])
      .stdout.trim()
      .split('\n')
    const dig = ['dig', '+short', '+tries=3', '@10.96.0.10', 'kubernetes.default.svc.cluster.local']
    const answer = home.fairlead([
      'exec',
      `pod/kube-system/${pod.replace('pod/', '')}`,
      '--name',
      name,
      '--',
      ...dig,
    ])
    assert.equal(answer.stdout.trim(), '10.96.0.1', answer.stderr)
    assert.equal(home.fairlead(['down', '--name', name]).status, 0)
    const after = readNetworkState()
    assert.deepEqual(diffNetworkStates(before, during), [])
    assert.deepEqual(diffNetworkStates(before, after), [])
  })

  test("stays so where a test namespace stands for the host's, and a deliberate change there is caught", () => {
    using home = createHome()
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-host-'))
    const path = join(folder, 'netns')
    const netns = createNetns(path)
    const inside = (command: readonly string[]) =>
      spawnSync('nsenter', [`--net=${path}`, '--', ...command], { encoding: 'utf8', env: home.env })
    try {
      assert.equal(inside(['ip', 'link', 'set', 'lo', 'up']).status, 0)
      const name = uniqueName('host')
      const before = readNetworkState(path)
      const up = inside([fairleadCommand, 'up', '--name', name, '--nodes', '1'])
      assert.equal(up.status, 0, up.stderr)
      const during = readNetworkState(path)
      assert.equal(inside([fairleadCommand, 'down', '--name', name]).status, 0)
      assert.deepEqual(diffNetworkStates(before, during), [])
      assert.deepEqual(diffNetworkStates(before, readNetworkState(path)), [])
      for (const change of [
        ['ip', 'link', 'add', 'stray0', 'type', 'veth', 'peer', 'name', 'stray1'],
        ['ip', 'route', 'add', '192.0.2.0/24', 'dev', 'lo', 'table', '77'],
        ['ip', 'rule', 'add', 'from', '192.0.2.1', 'table', '77'],
        ['nft', 'add', 'table', 'ip', 'stray'],
        ['iptables', '-A', 'INPUT', '-s', '192.0.2.1', '-j', 'DROP'],
        ['sysctl', '-q', 'net.ipv4.conf.lo.forwarding=1'],
        ['sysctl', '-q', 'net.ipv4.conf.lo.forwarding=0'],
      ]) {
        const earlier = readNetworkState(path)
        assert.equal(inside(change).status, 0, change.join(' '))
        assert.notDeepEqual(
          diffNetworkStates(earlier, readNetworkState(path)),
          [],
          `not caught: ${change.join(' ')}`,
        )
      }
    } finally {
      netns[Symbol.dispose]()
      deleteNetns(path)
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
