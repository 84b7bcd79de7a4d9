import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { readSysctl } from '#kernel/sysctl/sysctl.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { parseCall } from '../../protocol/cni-call.ts'
import { type By, createPluginLab, isSilent, normalize, ping } from '../testing/plugin-lab.ts'
import { parseTuningConfig } from './config.ts'

/** A pod with a cable to the node, by the bridge plugin. */
async function createPod(lab: Lab, name = 'a') {
  const it = createPluginLab(lab, { name: `node-${name}` })
  const pod = lab.netns(name)
  const ipam = it.hostLocal('10.1.1.0/24')
  const prevResult = await it.add('ours', name, { type: 'bridge', isGateway: true, ipam })
  return { ...it, name, pod, prevResult, stateDir: join(lab.folder, `tuning-${name}`) }
}

const LINK = { mac: '0a:00:00:00:00:07', mtu: 1300, promisc: true, allmulti: true, txQLen: 17 }

suite('tuning', () => {
  test('a sysctl acts on packets, and is as before after DEL', async () => {
    using lab = createLab()
    const it = await createPod(lab)
    using _host = it.host
    const sysctl = { 'net.ipv4.icmp_echo_ignore_all': '1', 'net.ipv4.conf.IFNAME.arp_filter': '1' }
    const step = { type: 'tuning', sysctl, dataDir: it.stateDir }
    assert.ok(ping(lab, it.node, '10.1.1.2'))
    const result = await it.add('ours', 'a', step, it)
    assert.ok(isSilent(lab, it.node, '10.1.1.2'))
    assert.equal(readSysctl('net.ipv4.conf.eth0.arp_filter', it.pod), '1')
    assert.deepEqual(result, it.prevResult)
    await it.run('ours', 'CHECK', 'a', step, it)
    for (const _ of [1, 2]) await it.run('ours', 'DEL', 'a', step)
    assert.ok(ping(lab, it.node, '10.1.1.2'))
    assert.equal(readSysctl('net.ipv4.conf.eth0.arp_filter', it.pod), '0')
    assert.match(
      await it.refused('ours', 'CHECK', 'a', step, it),
      /^Error: Tuning configured value of \/proc\/sys\/net\/ipv4\/icmp_echo_ignore_all is 1, current value is 0$/,
    )
  })

  test('the interface is changed, told, and as before after DEL', async () => {
    using lab = createLab()
    const it = await createPod(lab)
    using _host = it.host
    const show = () => lab.exec(it.pod, ['ip', 'link', 'show', 'eth0']).stdout
    const before = show()
    const step = { type: 'tuning', ...LINK, dataDir: it.stateDir }
    const result = await it.add('ours', 'a', step, it)
    assert.equal(result.interfaces[2].mac, LINK.mac)
    assert.match(show(), /ALLMULTI,PROMISC.*mtu 1300.*qlen 17.*0a:00:00:00:00:07/s)
    assert.equal(statSync(join(it.stateDir, 'a_eth0.json')).mode & 0o777, 0o600)
    await it.run('ours', 'CHECK', 'a', step, { prevResult: result })
    lab.exec(it.pod, ['ip', 'link', 'set', 'eth0', 'mtu', '1200'])
    const message = await it.refused('ours', 'CHECK', 'a', step, { prevResult: result })
    assert.equal(message, 'Error: Tuning configured MTU of eth0 is 1300, current value is 1200')
    await it.run('ours', 'DEL', 'a', step)
    assert.equal(show(), before)
    assert.equal(existsSync(join(it.stateDir, 'a_eth0.json')), false)
  })

  test('a change that fails leaves nothing changed', async () => {
    using lab = createLab()
    const it = await createPod(lab)
    using _host = it.host
    const sysctl = { 'net.ipv4.conf.IFNAME.arp_filter': '1', 'net.ipv4.conf.none.arp_filter': '1' }
    const step = { type: 'tuning', mtu: 1300, sysctl, dataDir: it.stateDir }
    assert.match(await it.refused('ours', 'ADD', 'a', step, it), /none/)
    assert.equal(readSysctl('net.ipv4.conf.eth0.arp_filter', it.pod), '0')
    assert.match(lab.exec(it.pod, ['ip', 'link', 'show', 'eth0']).stdout, /mtu 1500/)
  })

  test('GC forgets what attachments of its network were before, if they are not valid', async () => {
    using lab = createLab()
    const it = await createPod(lab)
    using _host = it.host
    const step = { type: 'tuning', cniVersion: '1.1.0', mtu: 1300, dataDir: it.stateDir }
    await it.add('ours', 'a', step, it)
    const file = join(it.stateDir, 'a_eth0.json')
    await it.run('ours', 'GC', 'a', { ...step, name: 'other', 'cni.dev/valid-attachments': [] })
    assert.ok(existsSync(file))
    await it.run('ours', 'GC', 'a', { ...step, 'cni.dev/valid-attachments': [] })
    assert.equal(existsSync(file), false)
  })

  test('says and makes what the reference does, and either takes back what the other changed', async () => {
    using lab = createLab()
    const seen = new Map<By, unknown[]>()
    for (const by of ['ours', 'reference'] as const) {
      const it = await createPod(lab, `pod-${by}`)
      using _host = it.host
      const show = () =>
        lab.exec(it.pod, ['ip', '-br', 'link', 'show', 'eth0']).stdout.replace(/@if\d+/, '')
      const before = show()
      // 1.1.1 does not know txQLen.
      const { txQLen: _, ...link } = LINK
      const step = { type: 'tuning', ...link, dataDir: it.stateDir }
      const result = await it.add(by, it.name, step, it)
      const state = JSON.parse(readFileSync(join(it.stateDir, `${it.name}_eth0.json`), 'utf8'))
      const { network: _ours, ...saved } = state
      seen.set(by, [normalize(result), normalize(saved), show()])
      const other = by === 'ours' ? 'reference' : 'ours'
      await it.run(other, 'CHECK', it.name, step, { prevResult: result })
      await it.run(other, 'DEL', it.name, step, { prevResult: result })
      assert.equal(show(), before)
    }
    const names = (seen: unknown[]) => JSON.stringify(seen).replaceAll(/node-pod-\w+/g, 'node')
    assert.equal(names(seen.get('ours')!), names(seen.get('reference')!))
  })

  // plugins/meta/tuning/tuning.go
  const refusals = [
    {
      name: 'a sysctl outside of the network’s',
      stdin: '{"sysctl":{"kernel.hostname":"x"}}',
      message: /^invalid net sysctl key: "kernel\.hostname"$/,
    },
    {
      name: 'a key that comes twice',
      stdin: '{"sysctl":{"net.core.somaxconn":"1","net.core.somaxconn":"2"}}',
      message: /^duplicated sysctl keys are not allowed$/,
    },
    {
      name: 'one that is not on the list',
      stdin: '{"sysctl":{"net.core.somaxconn":"1"}}',
      message:
        /^Sysctl net\.core\.somaxconn is not allowed\. Only the following sysctls are allowed: \[\^net\.ipv4 zz\]$/,
      allowed: '^net.ipv4\n  zz  \n\n',
    },
  ]
  for (const { name, stdin, message, allowed } of refusals) {
    test(`is refused for ${name}`, () => {
      using lab = createLab()
      const allowlist = join(lab.folder, 'allowlist.conf')
      if (allowed) writeFileSync(allowlist, allowed)
      const env = {
        CNI_COMMAND: 'ADD',
        CNI_CONTAINERID: 'a',
        CNI_NETNS: '/n',
        CNI_IFNAME: 'eth0',
        CNI_PATH: '/',
      }
      const text = stdin.replace('{', '{"cniVersion":"1.0.0","name":"n",')
      const call = parseCall(env, Buffer.from(text))
      assert.throws(() => parseTuningConfig(call, allowlist), { message })
    })
  }
})
