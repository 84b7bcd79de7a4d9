import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { killed, soak } from '../soak/lifecycle.ts'
import { createHome, fairleadCommand, uniqueName } from './support/cluster.ts'
import { assertGone, pidsOf } from './support/gone.ts'

// The promises: design.md D4 ("down leaves nothing behind") and "The CLI (a contract)".
suite('fairlead up and down', () => {
  test('leave nothing behind: no folder, mount, process or context', () => {
    using home = createHome()
    const name = uniqueName('life')
    const up = home.fairlead(['up', '--name', name, '--nodes', '2'])
    assert.equal(up.status, 0, up.stderr)
    assert.match(
      readFileSync(home.env.KUBECONFIG!, 'utf8'),
      new RegExp(`current-context: fairlead-${name}`),
    )
    const pids = pidsOf(home, name)
    assert.ok(pids.length >= 3)
    assert.equal(home.fairlead(['down', '--name', name]).status, 0)
    assertGone(home, name, pids)
    const again = home.fairlead(['down', '--name', name])
    assert.equal(again.status, 0, 'down is safe to repeat')
  })

  test('up on a whole cluster says that it runs; with other options it refuses', () => {
    using home = createHome()
    const name = uniqueName('life')
    assert.equal(home.fairlead(['up', '--name', name, '--nodes', '1']).status, 0)
    const second = home.fairlead(['up', '--name', name])
    assert.equal(second.status, 0, second.stderr)
    assert.match(second.stderr, /runs already/)
    const other = home.fairlead(['up', '--name', name, '--nodes', '2'])
    assert.equal(other.status, 1)
    assert.match(other.stderr, /Cannot change cluster .*--nodes 1 \(asked: 2\)/)
  })

  test('several clusters live side by side', () => {
    using home = createHome()
    const names = [uniqueName('side'), uniqueName('side')]
    for (const name of names)
      assert.equal(home.fairlead(['up', '--name', name, '--nodes', '1']).status, 0)
    const { stdout } = home.fairlead(['get', 'clusters', '-o', 'name'])
    assert.deepEqual(stdout.trim().split('\n').sort(), names.toSorted())
    for (const name of names)
      assert.match(home.kubectl(name, ['get', 'nodes', '-o', 'name']).stdout, /node\/node1/)
    assert.equal(home.fairlead(['down', '--name', names[0]!]).status, 0)
    assert.match(home.kubectl(names[1]!, ['get', 'nodes', '-o', 'name']).stdout, /node\/node1/)
  })

  test('two at once: one makes the cluster, the other is told', async () => {
    using home = createHome()
    const name = uniqueName('twice')
    const children = [0, 1].map(() => home.start(['up', '--name', name, '--nodes', '1']))
    const ends = await Promise.all(
      children.map(async (child) => {
        let stderr = ''
        child.stderr?.on('data', (text) => {
          stderr += text
        })
        const { promise, resolve } = Promise.withResolvers<number | null>()
        child.once('exit', resolve)
        return { code: await promise, stderr }
      }),
    )
    assert.deepEqual(ends.map(({ code }) => code).sort(), [0, 1], JSON.stringify(ends))
    assert.match(
      ends.find(({ code }) => code === 1)!.stderr,
      /another `fairlead up` or `down` works on it/,
    )
  })

  // Each moment is a folder or file whose appearance tells how far `up` has come.
  for (const moment of [
    'cluster.json',
    'pki/ca.crt',
    'processes/control-plane.json',
    'nodes/node1',
  ]) {
    test(`up killed once ${moment} is there: down removes every trace`, async () => {
      using home = createHome()
      const name = uniqueName('kill')
      const child = home.start(['up', '--name', name, '--nodes', '2'])
      const deadline = Date.now() + 20_000
      while (
        !existsSync(join(home.env.FAIRLEAD_HOME!, name, moment)) &&
        Date.now() < deadline &&
        child.exitCode === null
      )
        await delay(1)
      await killed(child)
      const pids = pidsOf(home, name)
      const down = home.fairlead(['down', '--name', name])
      assert.equal(down.status, 0, down.stderr)
      assertGone(home, name, pids)
    })
  }

  // A hundredth of `npm run soak -- lifecycle`.
  test('up and down killed at random moments leave nothing that the next down does not remove', async () => {
    await soak({ seed: Date.now() % 1_000_000, rounds: 5, log: (line) => console.log(line) })
  })

  test('up killed half-way: the next up makes the cluster', async () => {
    using home = createHome()
    const name = uniqueName('kill')
    const child = home.start(['up', '--name', name, '--nodes', '1'])
    while (
      !existsSync(join(home.env.FAIRLEAD_HOME!, name, 'processes/node1.json')) &&
      child.exitCode === null
    )
      await delay(1)
    await killed(child)
    const up = home.fairlead(['up', '--name', name, '--nodes', '1'])
    assert.equal(up.status, 0, up.stderr)
  })

  test('down killed half-way: the next down ends it', async () => {
    using home = createHome()
    const name = uniqueName('kill')
    assert.equal(home.fairlead(['up', '--name', name, '--nodes', '2']).status, 0)
    const pids = pidsOf(home, name)
    const child = home.start(['down', '--name', name])
    await delay(150)
    await killed(child)
    const down = home.fairlead(['down', '--name', name])
    assert.equal(down.status, 0, down.stderr)
    assertGone(home, name, pids)
  })

  test('up interrupted by Ctrl-C removes what it made', async () => {
    using home = createHome()
    const name = uniqueName('int')
    const child = home.start(['up', '--name', name, '--nodes', '1'])
    while (
      !existsSync(join(home.env.FAIRLEAD_HOME!, name, 'processes/control-plane.json')) &&
      child.exitCode === null
    )
      await delay(1)
    const { promise, resolve } = Promise.withResolvers<number | null>()
    child.once('exit', resolve)
    const pids = pidsOf(home, name)
    child.kill('SIGINT')
    assert.equal(await promise, 1)
    assertGone(home, name, pids)
  })
})

suite('fairlead refuses', () => {
  test('to make a cluster for who is not root, and makes nothing', () => {
    using home = createHome()
    const name = uniqueName('user')
    // A user namespace without a mapping: whoever calls is nobody in it.
    const { status, stderr } = spawnSync(
      'unshare',
      ['--user', fairleadCommand, 'up', '--name', name],
      { encoding: 'utf8', env: home.env },
    )
    assert.equal(status, 1)
    assert.match(stderr, /Cannot run `fairlead up`: .* only root may/)
    assertGone(home, name, [])
  })

  test('an --api-port that is taken, and makes nothing', async () => {
    using home = createHome()
    const server = createServer().listen(0, '127.0.0.1')
    try {
      await new Promise((resolve) => server.once('listening', resolve))
      const { port } = server.address() as { port: number }
      const name = uniqueName('port')
      const up = home.fairlead(['up', '--name', name, '--api-port', String(port)])
      assert.equal(up.status, 1)
      assert.match(
        up.stderr,
        new RegExp(`Cannot use --api-port ${port}: something listens on 127.0.0.1:${port}`),
      )
      assertGone(home, name, [])
    } finally {
      server.close()
    }
  })

  test('a corrupt state file, and leaves it as it is', () => {
    using home = createHome()
    const name = uniqueName('bad')
    const folder = join(home.env.FAIRLEAD_HOME!, name)
    mkdirSync(folder, { recursive: true })
    for (const text of [
      '{"version":1,',
      '[]',
      'null',
      '{"version":1,"phase":"up","options":{"name":"../x"}}',
    ]) {
      writeFileSync(join(folder, 'cluster.json'), text)
      const up = home.fairlead(['up', '--name', name])
      assert.equal(up.status, 1)
      assert.match(up.stderr, /Cannot read the state of cluster/)
      assert.equal(readFileSync(join(folder, 'cluster.json'), 'utf8'), text)
    }
    assert.equal(home.fairlead(['down', '--name', name]).status, 0)
  })

  test('a name that is in use from another home', () => {
    using first = createHome()
    using second = createHome()
    const name = uniqueName('own')
    assert.equal(first.fairlead(['up', '--name', name, '--nodes', '1']).status, 0)
    for (const verb of ['up', 'down']) {
      const { status, stderr } = second.fairlead([verb, '--name', name])
      if (verb === 'up') assert.equal(status, 1)
      assert.match(stderr, /the name is in use from/)
    }
    assert.match(first.kubectl(name, ['get', 'nodes', '-o', 'name']).stdout, /node\/node1/)
  })

  const usage: readonly {
    readonly name: string
    readonly args: readonly string[]
    readonly says: RegExp
  }[] = [
    { name: 'a verb that is none', args: ['fly'], says: /there is no such verb/ },
    { name: 'a verb that is not built', args: ['trace', 'a', 'b'], says: /not built yet/ },
    {
      name: 'a mode that is none',
      args: ['up', '--proxy', 'ebpf'],
      says: /Cannot use --proxy ebpf: it is one of nftables, iptables, ipvs, userspace/,
    },
    { name: 'an unknown flag', args: ['up', '--fast'], says: /Unknown option '--fast'/ },
    {
      name: 'a bad name',
      args: ['up', '--name', '../x'],
      says: /a name is 1 to 32 lower-case letters/,
    },
    {
      name: 'too many nodes',
      args: ['up', '--nodes', '1000'],
      says: /a cluster has 1 to 100 nodes/,
    },
    {
      name: 'ranges that overlap',
      args: ['up', '--pod-cidr', '10.96.0.0/16'],
      says: /it overlaps with/,
    },
    {
      name: 'a patience that is no duration',
      args: ['up', '--wait', '120'],
      says: /Cannot use --wait 120: it is no duration \(like 90s or 5m\)/,
    },
    { name: 'exec without a target', args: ['exec', '--', 'true'], says: /say where/ },
  ]
  for (const { name, args, says } of usage) {
    test(`${name}: exit 2`, () => {
      using home = createHome()
      const { status, stderr } = home.fairlead(args)
      assert.equal(status, 2)
      assert.match(stderr, says)
    })
  }
})
