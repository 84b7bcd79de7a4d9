import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { eventually, fairleadCommand, startCluster, type TestCluster } from './support/cluster.ts'

const examples = new URL('../examples/', import.meta.url).pathname

/** kube-proxy's own kind of file (k8s.io/kube-proxy config/v1alpha1). */
const CONFIG = `
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: userspace
nodePortAddresses: [primary, localhost]
`

// The promise: with --proxy userspace Services work as they did in the first kube-proxy, and `up --proxy` changes the mode under way.
suite('A cluster with --proxy userspace', () => {
  let cluster: TestCluster
  before(() => {
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-proxy-config-'))
    try {
      const config = join(folder, 'config.yaml')
      writeFileSync(config, CONFIG)
      cluster = startCluster('usp', ['--nodes', '2', '--proxy-config', config])
    } finally {
      rmSync(folder, { recursive: true })
    }
    for (const file of ['app1.yaml', 'clients.yaml'])
      must(cluster.kubectl(['apply', '-f', `${examples}${file}`]))
    must(cluster.kubectl(['rollout', 'status', 'deployment/app1', '--timeout=180s']))
    must(cluster.kubectl(['wait', 'pod/client', '--for=condition=Ready', '--timeout=180s']))
  })
  after(() => cluster?.[Symbol.dispose]())

  const curl = (from: string, url: string, ...more: readonly string[]) =>
    cluster.exec(from, ['curl', '-sS', '--max-time', '5', ...more, url])
  const rules = () => cluster.exec('node/node1', ['iptables-save']).stdout

  test('answers by name over UDP, ClusterIP and nodePort, also on localhost', () => {
    assert.match(curl('pod/default/client', 'http://app1:8080/').stdout, /app1-/)
    const { stdout: name } = cluster.exec('pod/default/client', [
      'dig',
      '+short',
      'app1.default.svc.cluster.local',
    ])
    assert.match(name, /^10\.96\./)
    assert.match(curl('node/node2', `http://${name.trim()}:8080/`).stdout, /app1-/)
    for (const node of ['172.30.0.11', '172.30.0.12'])
      assert.match(curl('outside', `http://${node}:30062/`).stdout, /app1-/)
    assert.match(curl('node/node1', 'http://127.0.0.1:30062/').stdout, /app1-/)
    // Before a second SYN, which is sent after one second (RFC 6298, 2.1).
    assert.match(
      curl('pod/default/client', 'http://nobody/').stderr,
      /Failed to connect .*after \d{1,3} ms/,
    )
    // kubernetes.io/docs, "Debug Services", "Userspace": two rules for each port of a Service.
    assert.match(
      rules(),
      new RegExp(
        `-A KUBE-PORTALS-CONTAINER -d ${name.trim()}/32 -p tcp -m comment --comment "?default/app1:?\\w*"? -m tcp --dport 8080 -j REDIRECT --to-ports \\d+`,
      ),
    )
  })

  test('a client with affinity stays with one pod', async () => {
    const affinity = (to: string) =>
      must(
        cluster.kubectl(['patch', 'service', 'app1', '-p', `{"spec":{"sessionAffinity":"${to}"}}`]),
      )
    // One exec for all: each is a process here.
    const eight =
      'for i in 1 2 3 4 5 6 7 8; do curl -sS --max-time 5 http://app1:8080/ || exit; done'
    const pods = () => {
      const answers = must(cluster.exec('pod/default/client', ['sh', '-c', eight]))
      const names = [...answers.matchAll(/"pod":"([^"]+)"/g)].map(([, name]) => name)
      assert.equal(names.length, 8)
      return new Set(names)
    }
    assert.ok(pods().size > 1, 'they are spread')
    affinity('ClientIP')
    await eventually('it does', () => pods().size === 1)
    affinity('None')
  })

  // kubernetes.io/docs, reference/networking/virtual-ips, "Traffic distribution".
  test('trafficDistribution keeps traffic in the zone, where nodes say theirs', async () => {
    const words = (command: string) => must(cluster.kubectl(command.split(' ')))
    for (const node of ['node1', 'node2'])
      words(`label node ${node} topology.kubernetes.io/zone=zone-of-${node}`)
    const own = words('get pod client -o jsonpath={.spec.nodeName}')
    const near = words(
      'get pods -l name=app1 -o jsonpath={range.items[*]}{.spec.nodeName}={.metadata.name},{end}',
    )
      .split(',')
      .filter((pair) => pair.startsWith(`${own}=`))
      .map((pair) => pair.slice(own.length + 1))
    assert.ok(near.length === 1 || near.length === 2, `some of three: ${near}`)
    const prefer = (where: string) =>
      must(
        cluster.kubectl([
          'patch',
          'service',
          'app1',
          '-p',
          `{"spec":{"trafficDistribution":${where}}}`,
        ]),
      )
    const six = 'for i in 1 2 3 4 5 6; do curl -sS --max-time 5 http://app1:8080/ || exit; done'
    const pods = () => {
      const answers = must(cluster.exec('pod/default/client', ['sh', '-c', six]))
      return new Set([...answers.matchAll(/"pod":"([^"]+)"/g)].map(([, name]) => name!))
    }
    prefer('"PreferSameZone"')
    await eventually('only pods of the zone answer', () => pods().isSubsetOf(new Set(near)))
    prefer('null')
    await eventually('all do again', () => !pods().isSubsetOf(new Set(near)))
  })

  test('no request fails while a pod dies', async () => {
    const requests = spawn(
      fairleadCommand,
      [
        ...['exec', 'pod/default/client', '--name', cluster.name, '--', 'sh', '-c'],
        'for i in $(seq 40); do curl -sS --max-time 5 -o /dev/null http://app1:8080/ || echo failed; sleep 0.05; done; echo done',
      ],
      { env: cluster.home.env },
    )
    let output = ''
    requests.stdout.on('data', (chunk) => {
      output += chunk
    })
    requests.stderr.on('data', (chunk) => {
      output += chunk
    })
    const pod = must(cluster.kubectl(['get', 'pod', '-l', 'name=app1', '-o', 'name'])).split(
      '\n',
    )[0]!
    must(cluster.kubectl(['delete', pod, '--now', '--wait=false']))
    await once(requests, 'close')
    assert.equal(output.trim(), 'done')
  })

  for (const mode of ['nftables', 'iptables', 'userspace'] as const)
    test(`up --proxy ${mode} changes the mode, and what flows goes on`, async () => {
      const address = must(
        cluster.kubectl(['get', 'service', 'app1', '-o', 'jsonpath={.spec.clusterIP}']),
      )
      const held = spawn(
        fairleadCommand,
        [
          ...['exec', 'pod/default/client', '--name', cluster.name, '--', 'bash', '-c'],
          `exec 3<>/dev/tcp/${address}/8080; echo held; read; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; grep -o app1- <&3 | head -1`,
        ],
        { env: cluster.home.env },
      )
      let output = ''
      held.stdout.on('data', (chunk) => {
        output += chunk
      })
      await eventually('a connection is held', () => output.includes('held'))
      // The old one of both: the other is in e2e/proxy-iptables.test.ts.
      const variant = mode === 'iptables' ? ['--iptables-variant', 'legacy'] : []
      const { status, stderr } = cluster.fairlead(['up', '--proxy', mode, ...variant])
      assert.equal(status, 0, stderr)
      assert.match(curl('node/node1', 'http://127.0.0.1:30062/').stdout, /app1-/)
      assert.match(curl('pod/default/client', 'http://app1:8080/').stdout, /app1-/)
      held.stdin.end('\n')
      await once(held, 'close')
      assert.match(output, /app1-/, 'the held connection goes on')
      const marks = { nftables: 'fairlead-proxy', iptables: 'KUBE-SVC-', userspace: 'KUBE-PORTALS' }
      const list = ['sh', '-c', 'nft list tables && iptables-save && iptables-legacy-save']
      if (mode === 'iptables')
        assert.match(cluster.exec('node/node1', ['iptables-legacy-save']).stdout, /KUBE-SVC-/)
      await eventually('only its own rules are there', () => {
        const found = must(cluster.exec('node/node1', list))
        return Object.entries(marks).every(
          ([each, mark]) => found.includes(mark) === (each === mode),
        )
      })
    })

  test('up --proxy ipvs says why it cannot, and changes nothing', () => {
    const { status, stderr } = cluster.fairlead(['up', '--proxy', 'ipvs'])
    // A kernel that has IP_VS switches: e2e/ipvs.test.ts.
    if (status === 0)
      return assert.match(cluster.exec('node/node1', ['ip', 'link']).stdout, /kube-ipvs0/)
    assert.match(
      stderr,
      /Cannot use --proxy ipvs for cluster .*: (this kernel has no IP_VS|ipset is not installed)/,
    )
    assert.match(curl('pod/default/client', 'http://app1:8080/').stdout, /app1-/)
  })
})

function must({
  status,
  stdout,
  stderr,
}: {
  status: number
  stdout: string
  stderr: string
}): string {
  assert.equal(status, 0, stderr)
  return stdout.trim()
}
