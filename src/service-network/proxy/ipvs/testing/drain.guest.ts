/** Runs where the kernel has IP_VS: e2e/ipvs.test.ts brings it there. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, suite, test } from 'node:test'
import * as resources from '#api/resources.ts'
import { createInformer } from '#client/create-informer.ts'
import { ip } from '#ip/ip.ts'
import { createLog } from '#log/log.ts'
import { waitFor } from '#testing/wait-for.ts'
import type { ProxyMode } from '../../mode.ts'
import { createSockets } from '../../relay/sockets.ts'
import { runSwitchingProxy } from '../../switch-modes.ts'
import { createNodeLab, type NodeLab } from '../../testing/node-lab.ts'
import { portOf, serviceOf, sliceOf } from '../../testing/objects.ts'
import { A, B, C, PROXY_OPTIONS } from '../../testing/packet-flows.ts'

suite('the ipvs mode', () => {
  let cluster: NodeLab
  const abort = new AbortController()
  const wanted: ProxyMode[] = ['ipvs']
  let wake = () => {}
  let taken: ProxyMode | undefined
  let running: Promise<void>

  async function* modes() {
    while (!abort.signal.aborted) {
      const mode = wanted.shift()
      if (mode) yield mode
      else
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
  }
  before(async () => {
    cluster = await createNodeLab()
    await cluster.put(
      serviceOf('web', { clusterIP: '10.96.1.1', ports: portOf(80) }),
      sliceOf('web', [A, B, C]),
      serviceOf('sticky', {
        clusterIP: '10.96.1.2',
        ports: portOf(80),
        sessionAffinity: 'ClientIP',
      }),
      sliceOf('sticky', [A, B, C]),
    )
    running = runSwitchingProxy(
      {
        services: createInformer(cluster.api, resources.services, abort.signal),
        slices: createInformer(cluster.api, resources.endpointSlices, abort.signal),
        log: createLog('proxy'),
        netns: cluster.node,
        onMode: (mode) => {
          taken = mode
        },
      },
      PROXY_OPTIONS,
      modes(),
      abort.signal,
    )
    await waitFor(() => taken === 'ipvs', { what: 'the ipvs mode' })
  })
  after(async () => {
    abort.abort()
    wake()
    await running
    cluster[Symbol.dispose]()
  })

  const exec = (...argv: readonly string[]) => cluster.lab.exec(cluster.node, argv).stdout
  const ask = async (address: string, count = 1) =>
    (await cluster.ask(B, [{ protocol: 'tcp', address, port: 80, count, timeoutMs: 5000 }]))[0]!
      .answers
  /** A connection from pod b that stays. */
  const hold = async () => {
    const socket = createSockets(cluster.netnsOf(B)).connect({ ip: ip('10.96.1.1'), port: 80 })
    const [greeting] = await once(socket, 'data')
    const echo = async (text: string) => {
      socket.write(text)
      const [answer] = await once(socket, 'data', { signal: AbortSignal.timeout(20_000) })
      return String(answer)
    }
    return { endpoint: String(greeting)[0]!, echo, end: () => socket.destroy() }
  }
  const ADDRESSES: Readonly<Record<string, string>> = { a: A, b: B, c: C }

  test('spreads over all, and keeps a client with affinity by its endpoint', async () => {
    assert.equal(new Set((await ask('10.96.1.1', 6)).map((answer) => answer[0])).size, 3)
    assert.equal(new Set((await ask('10.96.1.2', 6)).map((answer) => answer[0])).size, 1)
    assert.match(exec('ipvsadm', '-Ln'), /TCP {2}10\.96\.1\.2:80 rr persistent 10800/)
  })

  test('an endpoint that is gone gets nothing new, and what it has goes on', async () => {
    const held = await hold()
    const gone = ADDRESSES[held.endpoint]!
    await cluster.put(
      sliceOf(
        'web',
        [A, B, C].filter((address) => address !== gone),
      ),
    )
    const line = new RegExp(`${gone.replaceAll('.', '\\.')}:8080 +Masq +0 +1`)
    await waitFor(() => line.test(exec('ipvsadm', '-Ln', '-t', '10.96.1.1:80')), {
      what: 'its weight to be 0',
    })
    assert.equal(await held.echo('still here'), 'still here')
    const answers = await ask('10.96.1.1', 6)
    assert.ok(
      answers.every((answer) => answer[0] !== held.endpoint),
      `${answers}`,
    )
    await cluster.put(sliceOf('web', [A, B, C]))
    await waitFor(() => !/Masq +0 /.test(exec('ipvsadm', '-Ln', '-t', '10.96.1.1:80')), {
      what: 'its weight to be 1 again',
    })
    held.end()
  })

  test('a client with affinity leaves an endpoint that is gone, for another one', async () => {
    const [first] = await ask('10.96.1.2')
    const gone = ADDRESSES[first![0]!]!
    const others = [A, B, C].filter((address) => address !== gone)
    await cluster.put(sliceOf('sticky', others))
    const isHeld = () => exec('ipvsadm', '-Ln', '-t', '10.96.1.2:80').includes(`${gone}:8080 `)
    await waitFor(() => !isHeld() || /Masq +0 /.test(exec('ipvsadm', '-Ln')), {
      what: 'the endpoint to go',
    })
    const names = new Set((await ask('10.96.1.2', 6)).map((answer) => answer[0]))
    assert.equal(names.size, 1)
    assert.ok(!names.has(first![0]))
    await cluster.put(sliceOf('sticky', [A, B, C]))
  })

  for (const to of ['nftables', 'iptables', 'userspace'] as const)
    test(`leaves for ${to} and comes back: held connections go on, nothing stays behind`, async () => {
      const held = await hold()
      const switchTo = async (mode: ProxyMode) => {
        wanted.push(mode)
        wake()
        await waitFor(() => taken === mode, { what: mode })
      }
      await switchTo(to)
      assert.match((await ask('10.96.1.1'))[0]!, /^[abc] /)
      assert.equal(await held.echo('over the switch'), 'over the switch')
      await waitFor(() => !exec('iptables-save').includes('KUBE-IPVS-FILTER'), {
        what: 'its rules to go',
      })
      await waitFor(() => exec('ipset', 'list', '-n') === '', { what: 'its sets to go' })
      assert.match(exec('ip', 'link'), /kube-ipvs0/, 'it drains')
      assert.equal(await held.echo('while it drains'), 'while it drains')
      held.end()
      await waitFor(() => !exec('ip', 'link').includes('kube-ipvs0'), { what: 'the device to go' })
      assert.doesNotMatch(exec('ipvsadm', '-Ln'), /TCP|UDP/)
      assert.match((await ask('10.96.1.1'))[0]!, /^[abc] /)

      const under = await hold()
      await switchTo('ipvs')
      assert.match((await ask('10.96.1.1'))[0]!, /^[abc] /)
      assert.equal(await under.echo('and back'), 'and back')
      // Of a mode of iptables nothing stays, also where both have a chain of a name: the filter table's KUBE-SERVICES refuses.
      const left = /:KUBE-(SERVICES|EXTERNAL-SERVICES|PORTALS)/
      await waitFor(() => !left.test(exec('iptables-save', '-t', 'filter')), {
        what: `${to} to go`,
      })
      under.end()
    })
})
