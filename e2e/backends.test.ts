import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createHome, eventually, type Home, uniqueName } from './support/cluster.ts'

// vxlan, the default, is what all other files run over.
suite('Every backend carries a whole cluster', () => {
  for (const { backend, options = [], route } of [
    // facts/pod-network.md 3.4: what each backend's routes look like
    { backend: 'host-gw', route: /^10\.244\.\d+\.0\/24 via 172\.30\.0\.12 dev eth0 proto 241/m },
    { backend: 'udp', route: /^10\.244\.0\.0\/16 dev flannel0 proto 241/m },
    {
      backend: 'cloud',
      options: ['--underlay', 'routed'],
      // None on the node: its default route leads to the router, which has them all.
      route: /^default via 172\.30\.0\.1 dev eth0 (?![\s\S]*proto 241)/m,
    },
  ]) {
    test(backend, async () => {
      using home = createHome()
      const name = uniqueName('bk')
      const up = home.fairlead([
        'up',
        '--name',
        name,
        '--nodes',
        '2',
        '--backend',
        backend,
        ...options,
      ])
      assert.equal(up.status, 0, up.stderr)
      const demo = home.fairlead(['demo', '--name', name])
      const wrong = demo.stdout.split('\n').filter((line) => line.startsWith('✘'))
      assert.deepEqual(wrong, [])
      assert.equal(demo.status, 0, demo.stdout + demo.stderr)
      const routes = home.fairlead(['exec', 'node/node1', '--name', name, '--', 'ip', 'route'])
      assert.match(routes.stdout, route)
      const other = home.fairlead(['up', '--name', name, '--backend', 'vxlan'])
      assert.equal(other.status, 1)
      assert.match(
        other.stderr,
        new RegExp(`it was made with --backend ${backend} \\(asked: vxlan\\)`),
      )
      if (backend === 'cloud') await leavesWithItsRoute(home, name)
    })
  }
})

/** node2 ends and is deleted: its route leaves the router's table, and the service that has the table may end, too. */
async function leavesWithItsRoute(home: Home, name: string): Promise<void> {
  const routes = () => {
    const args = [
      'exec',
      'outside',
      '--name',
      name,
      '--',
      'curl',
      '-sS',
      'http://172.30.0.1/routes',
    ]
    const { stdout } = home.fairlead(args)
    return JSON.parse(stdout || '[]') as readonly { destination: string; nextHop: string }[]
  }
  const nextHops = () =>
    routes()
      .map(({ nextHop }) => nextHop)
      .sort()
      .join(' ')
  const components = (
    JSON.parse(home.fairlead(['status', '--name', name, '-o', 'json']).stdout) as {
      components: readonly { component: string; node: string; pid?: number }[]
    }
  ).components
  const pidOf = (component: string, node: string) =>
    components.find((it) => it.component === component && it.node === node)?.pid ?? 0
  assert.equal(nextHops(), '172.30.0.11 172.30.1.12')
  process.kill(pidOf('cloud', 'router'), 'SIGKILL')
  assert.equal(home.fairlead(['up', '--name', name]).status, 0)
  assert.equal(nextHops(), '172.30.0.11 172.30.1.12')
  process.kill(pidOf('node-agent', 'node2'), 'SIGKILL')
  assert.equal(home.kubectl(name, ['delete', 'node', 'node2']).status, 0)
  await eventually('the route of node2 is gone', () => nextHops() === '172.30.0.11')
}
