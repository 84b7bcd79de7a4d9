import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import * as resources from '#api/resources.ts'
import { createInformer } from '#client/create-informer.ts'
import { readSysctl } from '#kernel/sysctl/sysctl.ts'
import { silentLog } from '#log/log.ts'
import { waitFor } from '#testing/wait-for.ts'
import { createConntrackCommand } from './conntrack-command.ts'
import type { ProxyMode } from './mode.ts'
import { openModeMemory } from './mode-memory.ts'
import type { ProxyOptions } from './run-proxy.ts'
import { runSwitchingProxy } from './switch-modes.ts'
import { createNodeLab, type NodeLab } from './testing/node-lab.ts'
import { portOf, serviceOf, sliceOf } from './testing/objects.ts'
import { A, B, C, NODE, PROXY_OPTIONS } from './testing/packet-flows.ts'

const web = serviceOf('web', {
  clusterIP: '10.96.1.1',
  ports: [...portOf(80, { name: 'http' }), ...portOf(53, { name: 'dns', protocol: 'UDP' })],
})

/** Each to each of those that this kernel can do; ipvs: e2e/ipvs.test.ts. */
const WAY: readonly ProxyMode[] = [
  'nftables',
  'iptables',
  'userspace',
  'nftables',
  'userspace',
  'iptables',
  'nftables',
]

suite('switching proxy modes', () => {
  let cluster: NodeLab
  before(async () => {
    cluster = await createNodeLab()
    await cluster.put(web, sliceOf('web', [A, B, C], ['http=8080', 'dns=8082/udp']))
  })
  after(() => cluster?.[Symbol.dispose]())

  function start(first: ProxyMode, options: ProxyOptions = PROXY_OPTIONS) {
    const abort = new AbortController()
    const wanted = [first]
    let wake = () => {}
    async function* modes() {
      for (;;) {
        const mode = wanted.shift()
        if (mode) yield mode
        else if (abort.signal.aborted) return
        else
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
    }
    const taken: ProxyMode[] = []
    const path = join(cluster.lab.folder, 'proxy-modes')
    const running = runSwitchingProxy(
      {
        services: createInformer(cluster.api, resources.services, abort.signal),
        slices: createInformer(cluster.api, resources.endpointSlices, abort.signal),
        log: silentLog,
        netns: cluster.node,
        openConntrack: (family) =>
          createConntrackCommand(family, [
            'nsenter',
            `--net=/proc/${process.pid}/fd/${cluster.node.fd}`,
          ]),
        memory: openModeMemory(path),
        onMode: (mode) => taken.push(mode),
      },
      options,
      modes(),
      abort.signal,
    )
    return {
      taken: (mode: ProxyMode) => waitFor(() => taken.at(-1) === mode, { what: mode }),
      remembered: () => readFileSync(path, 'utf8').trim().split('\n'),
      switchTo(mode: ProxyMode) {
        wanted.push(mode)
        wake()
      },
      async stop() {
        abort.abort()
        wake()
        await running
      },
    }
  }

  const hold = async (from = B, to = '10.96.1.1/80') => {
    const held = cluster.lab.spawn(cluster.netnsOf(from), [
      'bash',
      '-c',
      `exec 3<>/dev/tcp/${to}; read -u 3 first; echo "$first"; while read line; do echo "$line" >&3; read -u 3 -t 3 answer && echo "$answer"; done`,
    ])
    await held.outputs('\n')
    return {
      async answers(text: string) {
        held.child.stdin?.write(`${text}\n`)
        await held.outputs(text)
      },
      end: () => held[Symbol.dispose](),
    }
  }
  const ask = async (protocol: 'tcp' | 'udp', port: number) =>
    (await cluster.ask(B, [{ protocol, address: '10.96.1.1', port }]))[0]!.answers[0]!

  /** What each mode would leave. */
  const traces: Readonly<Record<string, () => boolean>> = {
    nftables: () => cluster.nft('list tables').includes('fairlead-proxy'),
    iptables: () => save().includes('KUBE-SVC-') || save().includes(':KUBE-SERVICES'),
    userspace: () => /KUBE-PORTALS|KUBE-NODEPORT-|FAIRLEAD-PORTALS/.test(save()),
  }
  const save = () => cluster.lab.exec(cluster.node, ['iptables-save']).stdout

  test('new connections never fail, held ones go on, and nothing of the old mode stays', async () => {
    const proxy = start(WAY[0]!)
    await proxy.taken(WAY[0]!)
    for (const [i, to] of WAY.entries()) {
      if (i === 0) continue
      const from = WAY[i - 1]!
      const held = await hold()
      assert.match(await ask('udp', 53), /^[abc] /)
      proxy.switchTo(to)
      const answers: string[] = []
      const isOver = () =>
        proxy.taken(to).then(
          () => true,
          () => false,
        )
      let over = false
      void isOver().then(() => {
        over = true
      })
      while (!over) answers.push(await ask('tcp', 80))
      assert.deepEqual(
        answers.filter((answer) => !/^[abc] /.test(answer)),
        [],
        `${from} to ${to}`,
      )
      assert.match(await ask('udp', 53), /^[abc] /, `${from} to ${to}`)
      await held.answers(`held over ${from} to ${to}`)
      await waitFor(() => !traces[from]!(), { what: `${from} to go, after ${to} came` })
      assert.ok(traces[to]!(), `${to} is there`)
      await held.answers(`after ${from} is gone`)
      assert.match(await ask('tcp', 80), /^[abc] /)
      held.end()
    }
    await waitFor(() => proxy.remembered().length === 1, { what: 'connections to end' })
    assert.deepEqual(proxy.remembered(), ['nftables'])
    await proxy.stop()
  })

  // The issue: "userspace and ipvs connections drain for at most 15 minutes, no other is cut".
  test('connections to a nodePort on localhost go on, whichever mode is left', async () => {
    const open = serviceOf('open', {
      type: 'NodePort',
      clusterIP: '10.96.1.3',
      ports: portOf(80, { nodePort: 30_080 }),
    })
    await cluster.put(open, sliceOf('open', [A, B]))
    const proxy = start('nftables', {
      ...PROXY_OPTIONS,
      nodePortAddresses: ['primary', 'localhost'],
    })
    await proxy.taken('nftables')
    const routesLocalnet = () => readSysctl('net.ipv4.conf.all.route_localnet', cluster.node)
    for (const [i, to] of (['iptables', 'nftables', 'userspace', 'nftables'] as const).entries()) {
      const held = await hold(NODE, '127.0.0.1/30080')
      const wasRouted = routesLocalnet()
      proxy.switchTo(to)
      await proxy.taken(to)
      const next = await hold(NODE, '127.0.0.1/30080')
      await held.answers(`held at switch ${i}, to ${to}`)
      await next.answers(`made after switch ${i}`)
      if (wasRouted === '1') {
        await waitFor(() => !traces.iptables!(), { what: 'its rules to go' })
        assert.match(save(), /-A INPUT -j KUBE-FIREWALL/, 'what is open is guarded')
        assert.equal(routesLocalnet(), '1')
        await held.answers('while it drains')
      }
      held.end()
      next.end()
      await waitFor(() => proxy.remembered().join() === to, { what: 'connections to end' })
      assert.equal(routesLocalnet(), to === 'iptables' ? '1' : '0')
      assert.equal(save().includes('KUBE-FIREWALL'), to === 'iptables')
    }
    await proxy.stop()
    await cluster.remove(resources.services, 'open')
    await cluster.remove(resources.endpointSlices, 'open-x')
  })

  // Source of the answer: kubernetes pkg/proxy/healthcheck/service_health.go.
  test('health checks of load balancers are the next mode’s at once, also while connections drain', async () => {
    const port = 32_123
    const balanced = serviceOf('balanced', {
      type: 'LoadBalancer',
      clusterIP: '10.96.1.2',
      ports: portOf(80),
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: port,
    })
    const url = `http://${PROXY_OPTIONS.families[0]!.nodeIP}:${port}/`
    const isTold = async (localEndpoints: number) => {
      const script = 'for i in $(seq 600); do curl -s --max-time 1 "$0"; sleep 0.1; done'
      using asking = cluster.lab.spawn(cluster.node, ['bash', '-c', script, url])
      await asking.outputs(`"localEndpoints": ${localEndpoints}`)
    }
    await cluster.put(balanced, sliceOf('balanced', [A, B]))
    const proxy = start('userspace')
    await proxy.taken('userspace')
    await isTold(2)
    const held = await hold()
    proxy.switchTo('nftables')
    await proxy.taken('nftables')
    await cluster.put(balanced, sliceOf('balanced', [A]))
    await isTold(1)
    await held.answers('still through userspace')
    held.end()
    await proxy.stop()
  })

  test('a proxy that starts in another mode takes away what the one before it left', async () => {
    const first = start('userspace')
    await first.taken('userspace')
    await first.stop()
    assert.ok(traces.userspace!())
    const second = start('iptables')
    await second.taken('iptables')
    await waitFor(() => !traces.userspace!(), { what: 'the rules of userspace to go' })
    assert.match(await ask('tcp', 80), /^[abc] /)
    await second.stop()
  })
})
