import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { createLab, type Lab } from '#testing/netns.ts'
import { createCNINode } from '../testing/cni-node.ts'
import type { PluginRun } from './plugins/run-plugin.ts'

/** Runs an installed plugin as a container runtime does, inside the node. Not blocking: the agent is in this process. */
async function exec(
  lab: Lab,
  node: Awaited<ReturnType<typeof createCNINode>>,
  type: string,
  env: Record<string, string>,
  stdin: Buffer | string,
) {
  const child = lab.spawn(node.netns, [join(node.binDir, type)], { env })
  const chunks: { out: Buffer[]; error: Buffer[] } = { out: [], error: [] }
  child.child.stdout?.on('data', (chunk) => chunks.out.push(chunk))
  child.child.stderr?.on('data', (chunk) => chunks.error.push(chunk))
  const closed = new Promise<number>((resolve) => child.child.once('close', resolve))
  child.child.stdin?.on('error', () => {}) // it may end without reading
  child.child.stdin?.end(stdin)
  const status = await closed
  return {
    status,
    stdout: Buffer.concat(chunks.out).toString(),
    stderr: Buffer.concat(chunks.error).toString(),
  }
}

suite('the CNI executables', () => {
  test('hand the call to the agent unchanged, whatever bytes it holds', async () => {
    using lab = createLab()
    using node = await createCNINode(lab)
    const runs: PluginRun[] = []
    await node.serve({ seen: (run) => runs.push(run) })
    const stdin = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 256))
    const args = `A=\n'"$(id)\\;B=ü &x=1%41+#${'z'.repeat(50_000)}`
    const env = {
      CNI_COMMAND: 'ADD',
      CNI_CONTAINERID: 'a b@=&',
      CNI_NETNS: '@/etc/passwd',
      CNI_IFNAME: '-x',
      CNI_PATH: '/x y:/z',
      CNI_ARGS: args,
      http_proxy: 'http://127.0.0.1:1',
      ALL_PROXY: 'http://127.0.0.1:1',
    }
    const { status, stdout } = await exec(lab, node, 'bridge', env, stdin)
    assert.equal(status, 1)
    assert.equal(JSON.parse(stdout).code, 6)
    assert.equal(runs.length, 1)
    const [run] = runs
    assert.equal(run?.type, 'bridge')
    assert.ok(Buffer.from(run?.stdin ?? []).equals(stdin))
    for (const name of [
      'CNI_COMMAND',
      'CNI_CONTAINERID',
      'CNI_NETNS',
      'CNI_IFNAME',
      'CNI_PATH',
      'CNI_ARGS',
    ] as const) {
      assert.equal(run?.env[name], env[name], name)
    }
  })

  test('say what they are without a command, and their versions', async () => {
    using lab = createLab()
    using node = await createCNINode(lab)
    await node.serve()
    const about = await exec(lab, node, 'host-local', { CNI_COMMAND: '' }, '')
    assert.equal(about.status, 0)
    assert.match(
      about.stderr,
      /CNI plugin host-local .*\nCNI protocol versions supported: 0\.1\.0, .*1\.1\.0/,
    )
    const version = await exec(
      lab,
      node,
      'bridge',
      { CNI_COMMAND: 'VERSION' },
      '{"cniVersion":"1.0.0"}',
    )
    assert.equal(JSON.parse(version.stdout).cniVersion, '1.1.0')
  })

  test('only its owner may connect to the agent', async () => {
    using lab = createLab()
    using node = await createCNINode(lab)
    await node.serve()
    assert.equal(statSync(node.socketPath).mode & 0o777, 0o600)
  })

  const agents = [
    { name: 'by the agent', serve: true, stale: false },
    { name: 'without an agent, in Node', serve: false, stale: false },
    { name: 'without an agent that left its socket, in Node', serve: false, stale: true },
  ]
  for (const { name, serve, stale } of agents) {
    test(`work ${name}`, async () => {
      using lab = createLab()
      using node = await createCNINode(lab)
      if (serve) await node.serve()
      if (stale) {
        const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`
        lab.exec(node.netns, ['mkdir', '-p', join(lab.folder, 'run')])
        lab.exec(node.netns, [process.execPath, '-e', script, node.socketPath])
        assert.ok(existsSync(node.socketPath))
      }
      const pod = lab.netns('a')
      const env = {
        CNI_CONTAINERID: 'a',
        CNI_NETNS: pod.path,
        CNI_IFNAME: 'eth0',
        CNI_PATH: node.binDir,
      }
      const stdin = JSON.stringify({
        ...{ cniVersion: '0.2.0', name: 'n', type: 'bridge', isDefaultGateway: true },
        ipam: { type: 'host-local', subnet: '10.9.0.0/24', dataDir: join(lab.folder, 'x') },
      })
      const added = await exec(lab, node, 'bridge', { ...env, CNI_COMMAND: 'ADD' }, stdin)
      assert.equal(added.status, 0, added.stdout + added.stderr)
      // The shape of 0.2.0 (pod-network.md 1.1).
      assert.deepEqual(JSON.parse(added.stdout), {
        cniVersion: '0.2.0',
        ip4: {
          ip: '10.9.0.2/24',
          gateway: '10.9.0.1',
          routes: [{ dst: '0.0.0.0/0', gw: '10.9.0.1' }],
        },
        dns: {},
      })
      assert.equal(lab.exec(node.netns, ['ping', '-c1', '-W2', '10.9.0.2']).status, 0)
      const deleted = await exec(lab, node, 'bridge', { ...env, CNI_COMMAND: 'DEL' }, stdin)
      assert.deepEqual(deleted, { status: 0, stdout: '', stderr: '' })
      assert.doesNotMatch(lab.exec(pod, ['ip', 'link']).stdout, /eth0/)
    })
  }

  test('answer code 11 when the agent goes away in the middle', async () => {
    using lab = createLab()
    using node = await createCNINode(lab)
    const script = `require('net').createServer((s) => s.on('data', () => process.exit())).listen(process.argv[1], () => console.log('up'))`
    lab.exec(node.netns, ['mkdir', '-p', join(lab.folder, 'run')])
    await lab.spawn(node.netns, [process.execPath, '-e', script, node.socketPath]).outputs('up')
    const { status, stdout } = await exec(lab, node, 'bridge', { CNI_COMMAND: 'ADD' }, '{}')
    assert.equal(status, 1)
    assert.equal(JSON.parse(stdout).code, 11)
  })
})
