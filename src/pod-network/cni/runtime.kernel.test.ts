import assert from 'node:assert/strict'
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { openNft } from '#kernel/nft/open-nft.ts'
import { createLab } from '#testing/netns.ts'
import { createPodNetwork } from '../pod-network.ts'
import { createCNINode, sandbox } from '../testing/cni-node.ts'
import { assertLimited, measureRate } from '../testing/measure-rate.ts'
import { createCNIRuntime } from './runtime.ts'

suite('createCNIRuntime() and createPodNetwork()', () => {
  test('attach a pod by the chain, and detach it in a later life', async () => {
    using lab = createLab()
    using node = await createCNINode(lab)
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
    assert.deepEqual(readdirSync(node.dataDir).sort(), ['boot_id', 'last_reserved_ip.0', 'lock'])
    using nft = openNft(node.netns)
    assert.doesNotMatch(nft.read('list ruleset'), /uid-a/)
  })

  test('what a pod may receive and send is limited, until it is detached', async () => {
    using lab = createLab()
    using node = await createCNINode(lab)
    await node.serve()
    const pod = lab.netns('a')
    const rate = 8_000_000
    const limited = { ...sandbox('a', pod), bandwidth: { ingress: rate, egress: rate } }
    await node.podNetwork.attach(limited)
    for (const [from, to, address] of [
      [node.netns, pod, '10.244.1.2'],
      [pod, node.netns, '10.244.1.1'],
    ] as const)
      await assertLimited(() => measureRate(lab, from, to, address, rate / 10), rate)
    await node.podNetwork.detach(limited)
    assert.doesNotMatch(lab.exec(node.netns, ['ip', 'link']).stdout, /bwp|veth/)
  })

  test('a failed attach leaves nothing', async () => {
    using lab = createLab()
    using node = await createCNINode(lab)
    await node.serve()
    const pod = lab.netns('a')
    const port = { hostPort: 0, containerPort: 8080, protocol: 'TCP' }
    await assert.rejects(
      node.podNetwork.attach(sandbox('a', pod, [port])),
      /^CNIError: failed to parse config: Invalid host port number: 0$/,
    )
    assert.deepEqual(readdirSync(node.dataDir).sort(), ['boot_id', 'last_reserved_ip.0', 'lock'])
    assert.doesNotMatch(lab.exec(pod, ['ip', 'link']).stdout, /eth0/)
  })

  test('attach again what an earlier life attached and did not tell', async () => {
    using lab = createLab()
    using node = await createCNINode(lab)
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
    using node = await createCNINode(lab)
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

  test('GC detaches what nobody wants any more, and frees what nobody remembers', async () => {
    using lab = createLab()
    using node = await createCNINode(lab)
    await node.serve()
    const port = { hostPort: 8088, containerPort: 8080, protocol: 'TCP' }
    for (const name of ['a', 'b', 'c']) {
      await node.podNetwork.attach(sandbox(name, lab.netns(name), [port]))
      port.hostPort++
    }
    // As after a runtime that lost its memory: of b nothing is known but what the plugins keep.
    rmSync(join(node.stateDir, 'results/fairlead-uid-b-eth0'))
    await node.podNetwork.keepOnly(['uid-c'])
    assert.deepEqual(readdirSync(join(node.stateDir, 'results')), ['fairlead-uid-c-eth0'])
    assert.deepEqual(
      readdirSync(node.dataDir).filter((it) => it.startsWith('10.')),
      ['10.244.1.4'],
    )
    using nft = openNft(node.netns)
    const rules = nft.read('list ruleset')
    assert.doesNotMatch(rules, /uid-[ab]/)
    assert.match(rules, /tcp dport 8090 dnat to 10\.244\.1\.4:8080 comment "uid-c"/)
  })

  test('status and validation ask every plugin', async () => {
    using lab = createLab()
    using node = await createCNINode(lab)
    const seen: string[] = []
    await node.serve({ seen: ({ env }) => void seen.push(env.CNI_COMMAND ?? '') })
    await node.runtime.status()
    assert.ok((await node.runtime.validate()).includes('portMappings'))
    assert.deepEqual(seen, ['STATUS', 'VERSION'])
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
