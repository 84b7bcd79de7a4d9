import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, suite, test } from 'node:test'
import * as resources from '#api/resources.ts'
import { createInformer } from '#client/create-informer.ts'
import { readSysctl } from '#kernel/sysctl/sysctl.ts'
import { silentLog } from '#log/log.ts'
import { PATIENCE_MS, waitFor } from '#testing/wait-for.ts'
import { createConntrackCommand } from './conntrack-command.ts'
import type { ProxyMode } from './mode.ts'
import { openModeMemory } from './mode-memory.ts'
import { loadMode } from './modes.ts'
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
  let done = 0
  // A test that failed halfway leaves a mode's rules and route_localnet, which the next one would take for its own.
  afterEach(async () => {
    for (const name of new Set(WAY)) {
      const mode = await loadMode(name)
      await mode.removeLeftovers({ netns: cluster.node, log: silentLog }, 4)
    }
    done++
  })

  /** To be disposed of: what runs on would keep the file from ending, and change the rules of the next test. */
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
    // Each test has its own: what drains on after a test writes it when it ends.
    const path = join(cluster.lab.folder, `proxy-modes-${done}`)
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
      taken: (mode: ProxyMode) =>
        waitFor(() => taken.at(-1) === mode || abort.signal.aborted, { what: mode }),
      remembered: () => readFileSync(path, 'utf8').trim().split('\n'),
      switchTo(mode: ProxyMode) {
        wanted.push(mode)
        wake()
      },
      async [Symbol.asyncDispose]() {
        abort.abort()
        wake()
        await running
      },
    }
  }

  const hold = async (from = B, to = '10.96.1.1/80') => {
    using stack = new DisposableStack()
    const script = `exec 3<>/dev/tcp/${to}; read -u 3 first; echo "$first"; while read line; do echo "$line" >&3; read -u 3 answer && echo "$answer"; done`
    const held = stack.use(cluster.lab.spawn(cluster.netnsOf(from), ['bash', '-c', script]))
    await held.outputs('\n')
    const kept = stack.move()
    return {
      async answers(text: string) {
        held.child.stdin?.write(`${text}\n`)
        await held.outputs(text)
      },
      [Symbol.dispose]: () => kept.dispose(),
    }
  }
  // How long this process takes to see an answer says nothing of the rules: resentSYNs() tells of those that lost a packet.
  const ask = async (protocol: 'tcp' | 'udp', port: number) => {
    const question = { protocol, address: '10.96.1.1', port, timeoutMs: PATIENCE_MS }
    return (await cluster.ask(B, [question]))[0]!.answers[0]!
  }
  /** How many new connections of a pod had to be asked for again, by the kernel, since nothing answered for a second. */
  const resentSYNs = (from = B) => {
    const argv = ['nstat', '--ignore', '--noupdate', '--zeros', 'TcpExtTCPSynRetrans']
    const { stdout } = cluster.lab.exec(cluster.netnsOf(from), argv)
    const [, count] = /^TcpExtTCPSynRetrans +(\d+)/m.exec(stdout) ?? []
    assert.ok(count, stdout)
    return Number(count)
  }

  /** What each mode would leave. */
  const traces: Readonly<Record<string, () => boolean>> = {
    nftables: () => cluster.nft('list tables').includes('fairlead-proxy'),
    iptables: () => save().includes('KUBE-SVC-') || save().includes(':KUBE-SERVICES'),
    userspace: () => /KUBE-PORTALS|KUBE-NODEPORT-|FAIRLEAD-PORTALS/.test(save()),
  }
  const save = () => {
    const { status, stdout, stderr } = cluster.lab.exec(cluster.node, ['iptables-save'])
    assert.equal(status, 0, stderr) // else nothing would look like no rules
    return stdout
  }

  test('new connections never fail, held ones go on, and nothing of the old mode stays', async () => {
    await using proxy = start(WAY[0]!)
    await proxy.taken(WAY[0]!)
    for (const [i, to] of WAY.entries()) {
      if (i === 0) continue
      const from = WAY[i - 1]!
      using held = await hold()
      assert.match(await ask('udp', 53), /^[abc] /)
      const resentBefore = resentSYNs()
      proxy.switchTo(to)
      const answers: string[] = []
      let over = false
      const switched = proxy.taken(to).finally(() => {
        over = true
      })
      switched.catch(() => {}) // heard below
      do answers.push(await ask('tcp', 80))
      while (!over)
      await switched
      assert.deepEqual(
        answers.filter((answer) => !/^[abc] /.test(answer)),
        [],
        `${from} to ${to}`,
      )
      assert.equal(resentSYNs(), resentBefore, `${from} to ${to}`)
      assert.match(await ask('udp', 53), /^[abc] /, `${from} to ${to}`)
      await held.answers(`held over ${from} to ${to}`)
      await waitFor(() => !traces[from]!(), { what: `${from} to go, after ${to} came` })
      assert.ok(traces[to]!(), `${to} is there`)
      await held.answers(`after ${from} is gone`)
      assert.match(await ask('tcp', 80), /^[abc] /)
    }
    await waitFor(() => proxy.remembered().length === 1, { what: 'connections to end' })
    assert.deepEqual(proxy.remembered(), ['nftables'])
  })

  // The issue: "userspace and ipvs connections drain for at most 15 minutes, no other is cut".
  test('connections to a nodePort on localhost go on, whichever mode is left', async () => {
    const open = serviceOf('open', {
      type: 'NodePort',
      clusterIP: '10.96.1.3',
      ports: portOf(80, { nodePort: 30_080 }),
    })
    await cluster.put(open, sliceOf('open', [A, B]))
    await using proxy = start('nftables', {
      ...PROXY_OPTIONS,
      nodePortAddresses: ['primary', 'localhost'],
    })
    await proxy.taken('nftables')
    const routesLocalnet = () => readSysctl('net.ipv4.conf.all.route_localnet', cluster.node)
    const way = ['nftables', 'iptables', 'nftables', 'userspace', 'nftables'] as const
    for (const [i, to] of way.entries()) {
      if (i === 0) continue
      const from = way[i - 1]!
      using held = await hold(NODE, '127.0.0.1/30080')
      assert.equal(routesLocalnet(), from === 'iptables' ? '1' : '0')
      proxy.switchTo(to)
      await proxy.taken(to)
      using next = await hold(NODE, '127.0.0.1/30080')
      await held.answers(`held at switch ${i}, to ${to}`)
      await next.answers(`made after switch ${i}`)
      if (from === 'iptables') {
        await waitFor(() => !traces.iptables!(), { what: 'its rules to go' })
        assert.match(save(), /-A INPUT -j KUBE-FIREWALL/, 'what is open is guarded')
        assert.equal(routesLocalnet(), '1')
        await held.answers('while it drains')
      }
      held[Symbol.dispose]()
      next[Symbol.dispose]()
      await waitFor(() => proxy.remembered().join() === to, { what: 'connections to end' })
      assert.equal(routesLocalnet(), to === 'iptables' ? '1' : '0')
      assert.equal(save().includes('KUBE-FIREWALL'), to === 'iptables')
    }
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
    await using proxy = start('userspace')
    await proxy.taken('userspace')
    await isTold(2)
    using held = await hold()
    // A balancer that asks all the time is refused never: each of its requests is a connection of its own.
    const asks = 'for i in $(seq 3000); do curl -s -o /dev/null "$0" || echo unheard; done'
    using balancer = cluster.lab.spawn(cluster.node, ['bash', '-c', asks, url])
    proxy.switchTo('nftables')
    await proxy.taken('nftables')
    await cluster.put(balanced, sliceOf('balanced', [A]))
    await isTold(1)
    assert.equal(balancer.output(), '')
    await held.answers('still through userspace')
  })

  test('a proxy that starts in another mode takes away what the one before it left', async () => {
    {
      await using first = start('userspace')
      await first.taken('userspace')
    }
    assert.ok(traces.userspace!())
    await using second = start('iptables')
    await second.taken('iptables')
    await waitFor(() => !traces.userspace!(), { what: 'the rules of userspace to go' })
    assert.match(await ask('tcp', 80), /^[abc] /)
  })

  test('a proxy that starts by the other iptables takes away what the one before it left', async () => {
    const by = (variant: 'nft' | 'legacy') => ({ ...PROXY_OPTIONS, iptables: { variant } })
    const saved = (variant: 'nft' | 'legacy') => {
      const { status, stdout, stderr } = cluster.lab.exec(cluster.node, [
        `iptables-${variant}-save`,
      ])
      assert.equal(status, 0, stderr)
      return stdout
    }
    {
      await using first = start('iptables', by('legacy'))
      await first.taken('iptables')
    }
    assert.match(saved('legacy'), /KUBE-SVC-/)
    await using second = start('iptables', by('nft'))
    await second.taken('iptables')
    await waitFor(() => !saved('legacy').includes('KUBE-'), { what: 'the rules of legacy to go' })
    assert.match(saved('nft'), /KUBE-SVC-/)
    assert.match(await ask('tcp', 80), /^[abc] /)
    assert.deepEqual(second.remembered(), ['iptables'])
  })
})
