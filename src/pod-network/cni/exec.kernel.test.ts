import assert from 'node:assert/strict'
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { cidr } from '#ip/cidr.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { openNft } from '#kernel/nft/open-nft.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { createPodNetwork } from '../pod-network.ts'
import { installCNI } from './install-cni.ts'
import { createPluginHost } from './plugins/plugin.ts'
import { type PluginRun, runPlugin } from './plugins/run-plugin.ts'
import { createCNIRuntime } from './runtime.ts'
import { serveCNI } from './serve-cni.ts'

interface AgentOptions {
  readonly seen?: (run: PluginRun) => void
}

/** A node with plugins installed; with `serve`, also their agent. */
async function createNode(lab: Lab) {
  const netns = lab.netns('node')
  const socketPath = join(lab.folder, 'run/cni.sock')
  const { binDir, confFile } = await installCNI({
    binDir: join(lab.folder, 'bin'),
    socketPath,
    conflist: {
      confDir: join(lab.folder, 'net.d'),
      podCIDR: cidr('10.244.1.0/24'),
      mtuBytes: 1450,
      dataDir: join(lab.folder, 'networks'),
    },
  })
  const stateDir = join(lab.folder, 'state')
  const runtime = createCNIRuntime({ binDir, confFile: confFile!, stateDir })
  const stack = new DisposableStack()
  const stop = new AbortController()
  stack.defer(() => stop.abort())
  const serve = async ({ seen = () => {} }: AgentOptions = {}) => {
    const host = stack.use(createPluginHost(netns))
    const handler = (run: PluginRun) => {
      seen(run)
      return runPlugin(run, host)
    }
    await serveCNI(socketPath, handler, { signal: stop.signal })
  }
  return {
    netns,
    binDir,
    stateDir,
    socketPath,
    runtime,
    podNetwork: createPodNetwork({ runtime, ready: Promise.resolve() }),
    dataDir: join(lab.folder, 'networks/fairlead'),
    serve,
    [Symbol.dispose]: () => stack.dispose(),
  }
}

function sandbox(name: string, netns: Netns, hostPorts: object[] = []) {
  const ports = hostPorts as { hostPort: number; containerPort: number; protocol: string }[]
  return {
    podUID: `uid-${name}`,
    namespace: 'default',
    name,
    netnsPath: netns.path,
    hostPorts: ports,
  }
}

/** Runs an installed plugin as a container runtime does, inside the node. Not blocking: the agent is in this process. */
async function exec(
  lab: Lab,
  node: Awaited<ReturnType<typeof createNode>>,
  type: string,
  env: Record<string, string>,
  stdin: Buffer | string,
) {
  const child = lab.spawn(node.netns, [join(node.binDir, type)], { env })
  const chunks: { out: Buffer[]; error: Buffer[] } = { out: [], error: [] }
  child.child.stdout?.on('data', (chunk) => chunks.out.push(chunk))
  child.child.stderr?.on('data', (chunk) => chunks.error.push(chunk))
  const closed = new Promise<number>((resolve) => child.child.once('close', resolve))
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
    using node = await createNode(lab)
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
    using node = await createNode(lab)
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
    using node = await createNode(lab)
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
      using node = await createNode(lab)
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
    using node = await createNode(lab)
    const script = `require('net').createServer((s) => s.on('data', () => process.exit())).listen(process.argv[1], () => console.log('up'))`
    lab.exec(node.netns, ['mkdir', '-p', join(lab.folder, 'run')])
    await lab.spawn(node.netns, [process.execPath, '-e', script, node.socketPath]).outputs('up')
    const { status, stdout } = await exec(lab, node, 'bridge', { CNI_COMMAND: 'ADD' }, '{}')
    assert.equal(status, 1)
    assert.equal(JSON.parse(stdout).code, 11)
  })
})

suite('createCNIRuntime() and createPodNetwork()', () => {
  test('attach a pod by the chain, and detach it in a later life', async () => {
    using lab = createLab()
    using node = await createNode(lab)
    await node.serve()
    const pod = lab.netns('a')
    const port = { hostPort: 8088, containerPort: 8080, protocol: 'TCP' }
    const { ips } = await node.podNetwork.attach(sandbox('a', pod, [port]))
    assert.deepEqual(ips, ['10.244.1.2'])
    // libcni's cache: facts/pod-network.md 1.2
    const [file] = readdirSync(join(node.stateDir, 'results'))
    assert.equal(file, 'fairlead-uid-a-eth0')
    const cache = join(node.stateDir, 'results', file!)
    assert.equal(statSync(cache).mode & 0o777, 0o600)
    const cached = JSON.parse(readFileSync(cache, 'utf8'))
    assert.equal(cached.kind, 'cniCacheV1')
    assert.deepEqual(cached.capabilityArgs, { portMappings: [{ ...port, protocol: 'tcp' }] })
    assert.equal(JSON.parse(Buffer.from(cached.config, 'base64').toString()).name, 'fairlead')

    const later = createCNIRuntime({
      binDir: node.binDir,
      confFile: join(lab.folder, 'net.d/10-fairlead.conflist'),
      stateDir: node.stateDir,
    })
    const podNetwork = createPodNetwork({ runtime: later, ready: Promise.resolve() })
    for (const _ of [1, 2]) await podNetwork.detach(sandbox('a', pod))
    assert.deepEqual(readdirSync(join(node.stateDir, 'results')), [])
    assert.deepEqual(readdirSync(node.dataDir).sort(), ['last_reserved_ip.0', 'lock'])
    using nft = openNft(node.netns)
    assert.doesNotMatch(nft.read('list ruleset'), /uid-a/)
  })

  test('a failed attach leaves nothing', async () => {
    using lab = createLab()
    using node = await createNode(lab)
    await node.serve()
    const pod = lab.netns('a')
    const port = { hostPort: 0, containerPort: 8080, protocol: 'TCP' }
    await assert.rejects(
      node.podNetwork.attach(sandbox('a', pod, [port])),
      /^CNIError: Invalid host port number: 0$/,
    )
    assert.deepEqual(readdirSync(node.dataDir).sort(), ['last_reserved_ip.0', 'lock'])
    assert.doesNotMatch(lab.exec(pod, ['ip', 'link']).stdout, /eth0/)
  })

  test('attach again what an earlier life attached and did not tell', async () => {
    using lab = createLab()
    using node = await createNode(lab)
    await node.serve()
    const pod = lab.netns('a')
    await node.podNetwork.attach(sandbox('a', pod))
    const { ips } = await node.podNetwork.attach(sandbox('a', pod))
    assert.deepEqual(ips, ['10.244.1.3'])
    assert.deepEqual(
      readdirSync(node.dataDir).filter((it) => it.startsWith('10.')),
      ['10.244.1.3'],
    )
  })

  test('pass on the error of a foreign plugin, and fail for one that is not there', async () => {
    using lab = createLab()
    using node = await createNode(lab)
    const script = join(node.binDir, 'foreign')
    writeFileSync(
      script,
      `#!/bin/sh\ncat >/dev/null\necho '{"code":101,"msg":"no luck","details":"d"}'\nexit 1\n`,
    )
    chmodSync(script, 0o755)
    for (const [type, message] of [
      ['foreign', /no luck/],
      ['missing', /failed to find plugin "missing" in path/],
    ] as const) {
      const confFile = join(lab.folder, `${type}.conflist`)
      writeFileSync(
        confFile,
        JSON.stringify({ cniVersion: '1.0.0', name: 'n', plugins: [{ type }] }),
      )
      const runtime = createCNIRuntime({ binDir: node.binDir, confFile, stateDir: node.stateDir })
      await assert.rejects(
        runtime.add({ containerID: 'a', netns: lab.netns(type).path, ifname: 'eth0' }),
        message,
      )
    }
  })

  test('detach what was never attached, before there is a network', async () => {
    using lab = createLab()
    const runtime = createCNIRuntime({
      binDir: '/nowhere',
      confFile: join(lab.folder, 'none'),
      stateDir: lab.folder,
    })
    await createPodNetwork({ runtime, ready: new Promise(() => {}) }).detach(
      sandbox('a', lab.netns('a')),
    )
  })
})
