import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { after, before, suite, test } from 'node:test'
import { DUMP } from '../src/service-network/proxy/iptables/testing/tutorial-dump.ts'
import { eventually, fairleadCommand, startCluster, type TestCluster } from './support/cluster.ts'

const examples = new URL('../examples/', import.meta.url).pathname

// The promise: with --proxy iptables Services work as with kube-proxy, and their rules read as kube-proxy's.
suite('A cluster with --proxy iptables', () => {
  let cluster: TestCluster
  before(() => {
    cluster = startCluster('ipt', [
      ...['--nodes', '2', '--proxy', 'iptables', '--ip-family', 'dual', '--allow-external-ips'],
    ])
    for (const file of ['app1.yaml', 'clients.yaml', 'app1-load-balancer.yaml'])
      must(cluster.kubectl(['apply', '-f', `${examples}${file}`]))
    must(cluster.kubectl(['rollout', 'status', 'deployment/app1', '--timeout=180s']))
    must(cluster.kubectl(['wait', 'pod/client', '--for=condition=Ready', '--timeout=180s']))
  })
  after(() => cluster?.[Symbol.dispose]())

  const curl = (from: string, url: string, ...more: readonly string[]) =>
    cluster.exec(from, ['curl', '-sS', '--max-time', '5', ...more, url])

  test('answers by name, ClusterIP, nodePort and LoadBalancer', async () => {
    assert.match(curl('pod/default/client', 'http://app1:8080/').stdout, /app1-/)
    const clusterIP = must(
      cluster.kubectl(['get', 'service', 'app1', '-o', 'jsonpath={.spec.clusterIP}']),
    )
    assert.match(curl('node/node2', `http://${clusterIP}:8080/`).stdout, /app1-/)
    for (const node of ['172.30.0.11', '172.30.0.12'])
      assert.match(curl('outside', `http://${node}:30062/`).stdout, /app1-/)
    // What kube-proxy's nftables mode has not: nodePorts at 127.0.0.1.
    assert.match(curl('node/node1', 'http://127.0.0.1:30062/').stdout, /app1-/)
    const balanced = await eventually('the LoadBalancer has an address', () =>
      cluster
        .kubectl([
          'get',
          'service',
          'app1-public',
          '-o',
          'jsonpath={.status.loadBalancer.ingress[0].ip}',
        ])
        .stdout.trim(),
    )
    await eventually('the LoadBalancer answers', () =>
      /app1-/.test(curl('outside', `http://${balanced}/`).stdout),
    )
    assert.match(
      curl('pod/default/client', 'http://nobody/').stderr,
      /Failed to connect .*after \d{1,3} ms/,
    )
  })

  test('answers over IPv6 too', async () => {
    const dual = { spec: { ipFamilyPolicy: 'PreferDualStack' } }
    must(cluster.kubectl(['patch', 'service', 'app1', '-p', JSON.stringify(dual)]))
    const ip = await eventually('it has an IPv6 address', () =>
      cluster
        .kubectl(['get', 'service', 'app1', '-o', 'jsonpath={.spec.clusterIPs[1]}'])
        .stdout.trim(),
    )
    await eventually('it answers', () =>
      /app1-/.test(curl('pod/default/client', `http://[${ip}]:8080/`).stdout),
    )
    const saved = must(cluster.exec('node/node1', ['ip6tables-save', '-t', 'nat']))
    assert.match(
      saved,
      new RegExp(
        `^-A KUBE-SERVICES -d ${ip}/128 -p tcp -m comment --comment "default/app1 cluster IP" -m tcp --dport 8080 -j KUBE-SVC-`,
        'm',
      ),
    )
    assert.match(saved, /! -d ::1\/128 .*-m addrtype --dst-type LOCAL -j KUBE-NODEPORTS$/m)
  })

  test('iptables-save reads as that of kube-proxy', async () => {
    const saved = await eventually('rules of three endpoints', () => {
      const { stdout } = cluster.exec('node/node1', ['iptables-save'])
      return count(stdout, /default\/app1 -> /) === 3 && stdout
    })
    for (const line of EXPECTED) assert.match(saved, line)
    // sha256("kube-system/kube-dns:dns" + "udp"): the name on every cluster of kube-proxy's (facts/services.md 2.0).
    assert.match(saved, /^:KUBE-SVC-TCOU7JCQXEZGVUNU - /m)
  })

  // Source of the rule: facts/services.md 2.1.
  test('answers at externalIPs, since the cluster allows them', async () => {
    const patch = { spec: { externalIPs: ['192.0.2.77', '2001:db8::77'] } }
    must(cluster.kubectl(['patch', 'service', 'app1', '-p', JSON.stringify(patch)]))
    for (const url of ['http://192.0.2.77:8080/', 'http://[2001:db8::77]:8080/'])
      for (const from of ['pod/default/client', 'node/node1'])
        await eventually(`${url} answers`, () => /app1-/.test(curl(from, url).stdout))
    assert.match(
      must(cluster.exec('node/node1', ['iptables-save', '-t', 'nat'])),
      /^-A KUBE-SERVICES -d 192\.0\.2\.77\/32 -p tcp -m comment --comment "default\/app1 external IP" -m tcp --dport 8080 -j KUBE-EXT-/m,
    )
  })

  test('a client with affinity stays with one pod', async () => {
    const affinity = (to: string) =>
      must(
        cluster.kubectl(['patch', 'service', 'app1', '-p', `{"spec":{"sessionAffinity":"${to}"}}`]),
      )
    affinity('ClientIP')
    await eventually('it does', () => {
      const { stdout } = curl('pod/default/client', 'http://app1:8080/?[1-20]')
      const pods = stdout.match(/"pod":"[^"]*"/g) ?? []
      return pods.length === 20 && new Set(pods).size === 1
    })
    affinity('None')
  })

  test('a rolling update fails no request, by ClusterIP and nodePort', async () => {
    const loads = [
      startLoad(cluster, 'pod/default/client', 'http://app1:8080/'),
      startLoad(cluster, 'outside', 'http://172.30.0.11:30062/'),
    ]
    await eventually('requests flow', () => loads.every(({ codes }) => codes().length > 20))
    must(cluster.kubectl(['rollout', 'restart', 'deployment/app1']))
    must(cluster.kubectl(['rollout', 'status', 'deployment/app1', '--timeout=180s']))
    for (const load of loads) assert.deepEqual(await load.ended(), ['200'])
  })

  test('a restart of the proxy fails no request, and leaves the rules', async () => {
    const load = startLoad(cluster, 'outside', 'http://172.30.0.11:30062/')
    await eventually('requests flow', () => load.codes().length > 20)
    const { components } = JSON.parse(must(cluster.fairlead(['status', '-o', 'json']))) as {
      components: readonly { component: string; node: string; pid: number }[]
    }
    const agent = components.find((one) => one.component === 'node-agent' && one.node === 'node1')
    process.kill(agent!.pid, 'SIGKILL')
    must(cluster.fairlead(['up']))
    assert.deepEqual(await load.ended(), ['200'])
  })

  test('heals when somebody flushes the rules', async () => {
    cluster.exec('node/node1', ['iptables', '-t', 'nat', '-F'])
    await eventually(
      'the rules are back',
      () => /app1-/.test(curl('outside', 'http://172.30.0.11:30062/').stdout),
      60_000,
    )
  })
})

suite('A cluster in the classic layout', () => {
  test("prints the tutorial's lines, byte for byte", async () => {
    using cluster = startCluster('ipt', [
      ...['--nodes', '1', '--proxy', 'iptables', '--iptables-layout', 'classic'],
      ...['--pod-cidr', '172.16.0.0/16', '--service-cidr', '172.19.0.0/20'],
    ])
    must(
      cluster.kubectl(
        ['apply', '-f', '-'],
        JSON.stringify({ apiVersion: 'v1', kind: 'List', items: TUTORIAL }),
      ),
    )
    // Another load balancer's class: ours leaves it alone.
    const status = { status: { loadBalancer: { ingress: [{ ip: '39.96.133.156' }] } } }
    must(
      cluster.kubectl([
        ...['patch', 'service', 'wrinkled-crocodile-selenium-hub', '--subresource', 'status'],
        ...['-p', JSON.stringify(status)],
      ]),
    )
    let missing: readonly string[] = DUMP
    await eventually('the dump is there', () => {
      const { stdout } = cluster.exec('node/node1', ['iptables', '-S', '-t', 'nat'])
      missing = DUMP.filter((line) => !stdout.split('\n').includes(line))
      return missing.length === 0
    }).catch((error) => assert.deepEqual(missing, [], error))
    const dig = cluster.exec('node/node1', [
      'dig',
      '+short',
      '@172.19.0.10',
      'nginx.default.svc.cluster.local',
    ])
    assert.equal(dig.stdout.trim(), '172.19.15.240')
  })
})

function hub(kind: string, spec: object) {
  return { apiVersion: 'v1', kind, metadata: { name: 'wrinkled-crocodile-selenium-hub' }, ...spec }
}

/** The Services of the tutorial, with its endpoints made by hand. */
const TUTORIAL: readonly object[] = [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'nginx' },
    spec: { clusterIP: '172.19.15.240', ports: [{ port: 80 }] },
  },
  {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'nginx' },
    subsets: [
      { addresses: [{ ip: '172.16.2.125' }, { ip: '172.16.2.229' }], ports: [{ port: 80 }] },
    ],
  },
  hub('Service', {
    spec: {
      type: 'LoadBalancer',
      loadBalancerClass: 'example.com/another',
      ports: [{ name: 'hub', port: 4444 }],
    },
  }),
  hub('Endpoints', {
    subsets: [{ addresses: [{ ip: '172.16.1.9' }], ports: [{ name: 'hub', port: 4444 }] }],
  }),
]

/** Lines of every node of kube-proxy's, with what is this cluster's: facts/services.md 2.1, k/k proxier_test.go. */
const EXPECTED: readonly RegExp[] = [
  /^:KUBE-PROXY-CANARY - \[\d+:\d+\]$/m,
  /^-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES$/m,
  /^-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES$/m,
  /^-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING$/m,
  /^-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL$/m,
  /^-A INPUT -m comment --comment "kubernetes health check service ports" -j KUBE-NODEPORTS$/m,
  /^-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000\/0x4000$/m,
  /^-A KUBE-POSTROUTING -m mark ! --mark 0x4000\/0x4000 -j RETURN$/m,
  /^-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000\/0x0$/m,
  /^-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully$/m,
  /^-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT$/m,
  /^-A KUBE-FIREWALL ! -s 127\.0\.0\.0\/8 -d 127\.0\.0\.0\/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP$/m,
  /^-A KUBE-SERVICES -d 10\.96\.0\.1\/32 -p tcp -m comment --comment "default\/kubernetes:https cluster IP" -m tcp --dport 443 -j KUBE-SVC-NPX46M4PTMTKRN6Y$/m,
  /^-A KUBE-SVC-NPX46M4PTMTKRN6Y ! -s 10\.244\.0\.0\/16 -d 10\.96\.0\.1\/32 -p tcp -m comment --comment "default\/kubernetes:https cluster IP" -m tcp --dport 443 -j KUBE-MARK-MASQ$/m,
  /^-A KUBE-SVC-NPX46M4PTMTKRN6Y -m comment --comment "default\/kubernetes:https -> 172\.30\.0\.2:6443" -j KUBE-SEP-\w{16}$/m,
  /^-A KUBE-SVC-\w{16} -m comment --comment "default\/app1 -> 10\.244\.\d+\.\d+:8080" -m statistic --mode random --probability 0\.33333333349 -j KUBE-SEP-\w{16}$/m,
  /^-A KUBE-NODEPORTS -p tcp -m comment --comment "default\/app1" -m tcp --dport 30062 -j KUBE-EXT-\w{16}$/m,
  /^-A KUBE-EXT-\w{16} -m comment --comment "masquerade traffic for default\/app1 external destinations" -j KUBE-MARK-MASQ$/m,
  /^-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS$/m,
  /^-A KUBE-SERVICES -d 10\.96\.\d+\.\d+\/32 -p tcp -m comment --comment "default\/nobody has no endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable$/m,
]

function count(text: string, pattern: RegExp): number {
  return text.match(new RegExp(pattern, 'g'))?.length ?? 0
}

function must(result: {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}): string {
  assert.equal(result.status, 0, result.stderr)
  return result.stdout
}

/** 250 requests, 50 a second, each by a connection of its own; `ended` gives their different answers. */
function startLoad(cluster: TestCluster, from: string, url: string) {
  const curl = ['curl', '-sS', '--max-time', '60', '--rate', '50/s', '-H', 'Connection: close']
  const load: ChildProcess = spawn(
    fairleadCommand,
    [
      ...['exec', from, '--name', cluster.name, '--', ...curl],
      ...['-o', '/dev/null', '-w', '%{http_code}\\n', `${url}?[1-250]`],
    ],
    { env: cluster.home.env, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let codes = ''
  load.stdout?.on('data', (text) => {
    codes += text
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  load.once('exit', () => resolve())
  return {
    codes: () => codes,
    async ended() {
      await promise
      const all = codes.trim().split('\n')
      assert.equal(all.length, 250)
      return [...new Set(all)]
    },
  }
}
