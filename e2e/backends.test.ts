import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createHome, uniqueName } from './support/cluster.ts'

// vxlan, the default, is what all other files run over.
suite('Every backend carries a whole cluster', () => {
  for (const { backend, route } of [
    // facts/pod-network.md 3.4: what each backend's routes look like
    { backend: 'host-gw', route: /^10\.244\.\d+\.0\/24 via 172\.30\.0\.12 dev eth0 proto 241/m },
    { backend: 'udp', route: /^10\.244\.0\.0\/16 dev flannel0 proto 241/m },
  ]) {
    test(backend, () => {
      using home = createHome()
      const name = uniqueName('bk')
      const up = home.fairlead(['up', '--name', name, '--nodes', '2', '--backend', backend])
      assert.equal(up.status, 0, up.stderr)
      const demo = home.fairlead(['demo', '--name', name])
      assert.equal(demo.status, 0, demo.stdout + demo.stderr)
      const routes = home.fairlead(['exec', 'node/node1', '--name', name, '--', 'ip', 'route'])
      assert.match(routes.stdout, route)
      const other = home.fairlead(['up', '--name', name, '--backend', 'vxlan'])
      assert.equal(other.status, 1)
      assert.match(
        other.stderr,
        new RegExp(`it was made with --backend ${backend} \\(asked: vxlan\\)`),
      )
    })
  }
})
