/**
 * `fairlead proxy` in kube-proxy's place: a cluster whose nodes serve no Services gets the DaemonSet of deploy/, with kube-proxy's kind
 * of configuration, a ServiceAccount's token and the role `system:node-proxier`.
 */
import assert from 'node:assert/strict'
import { join, resolve } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { eventually, startCluster, type TestCluster } from './support/cluster.ts'

const root = resolve(import.meta.dirname, '..')
let cluster: TestCluster

before(() => {
  cluster = startCluster('alone', ['--nodes', '2', '--proxy', 'none'])
})
after(() => cluster?.[Symbol.dispose]())

const kubectl = (command: string) => {
  const { status, stdout, stderr } = cluster.kubectl(command.split(' '))
  assert.equal(status, 0, `kubectl ${command}: ${stderr}`)
  return stdout
}
const onNode = (name: string, command: string) =>
  cluster.exec(`node/${name}`, ['sh', '-c', command])
const curl = (name: string, words: string) => onNode(name, `curl -s --max-time 2 ${words}`).stdout

suite('fairlead proxy alone', () => {
  test('serves Services that nobody served before', async () => {
    kubectl(`apply -f ${join(root, 'examples/web.yaml')} -f ${join(root, 'examples/clients.yaml')}`)
    kubectl('rollout status deployment/web --timeout=180s')
    const clusterIP = kubectl('get service web -o jsonpath={.spec.clusterIP}')
    assert.equal(curl('node1', `http://${clusterIP}:8080/`), '')
    kubectl(`apply -f ${join(root, 'deploy/proxy.yaml')}`)
    kubectl('rollout status daemonset/fairlead-proxy -n kube-system --timeout=180s')
    for (const node of ['node1', 'node2'])
      await eventually(`${node} reaches the Service`, () =>
        curl(node, `http://${clusterIP}:8080/`).includes('"pod":"web-'),
      )
    // DNS needs Services to come up, and pods need DNS.
    kubectl('wait --for=condition=Ready pod/client --timeout=180s')
    await eventually('a pod reaches it by name', () =>
      cluster
        .exec('pod/default/client', ['curl', '-s', '--max-time', '2', 'http://web:8080/'])
        .stdout.includes('"pod":"web-'),
    )
  })

  // Source: facts/services.md 1.1, "health endpoints" and "metrics".
  test('tells how it fares where kube-proxy does', async () => {
    const health = JSON.parse(curl('node1', 'http://172.30.0.11:10256/healthz'))
    assert.equal(health.nodeEligible, true)
    assert.ok(Math.abs(Date.parse(health.lastUpdated) - Date.now()) < 60_000)
    assert.equal(
      curl('node1', '-o /dev/null -w %{http_code} http://172.30.0.11:10256/livez'),
      '200',
    )
    assert.equal(curl('node1', 'http://127.0.0.1:10249/proxyMode'), 'nftables')
    assert.equal(curl('node1', 'http://127.0.0.1:10249/healthz'), 'ok')
    const shown = JSON.parse(curl('node1', 'http://127.0.0.1:10249/configz'))
    assert.equal(shown['kubeproxy.config.k8s.io'].clusterCIDR, '10.244.0.0/16')
    const metrics = curl('node1', 'http://127.0.0.1:10249/metrics')
    for (const name of [
      'kubeproxy_sync_proxy_rules_duration_seconds_count{ip_family="IPv4"}',
      'kubeproxy_sync_full_proxy_rules_duration_seconds_count{ip_family="IPv4"}',
      'kubeproxy_network_programming_duration_seconds_bucket{ip_family="IPv4",le="0.25"}',
      'kubeproxy_sync_proxy_rules_endpoint_changes_total',
      'kubeproxy_conntrack_reconciler_sync_duration_seconds_count{ip_family="IPv4"}',
      'kubeproxy_conntrack_reconciler_deleted_entries_total{ip_family="IPv4"}',
      'kubeproxy_sync_proxy_rules_last_timestamp_seconds{ip_family="IPv4"}',
      'kubeproxy_proxy_healthz_total{code="200"}',
    ])
      assert.ok(metrics.includes(`\n${name} `), `${name} in:\n${metrics}`)
    // Not for the network: upstream's default, too.
    assert.notEqual(
      onNode('node2', 'curl -s --max-time 2 http://172.30.0.11:10249/metrics').status,
      0,
    )
  })

  test('turns load balancers away from a node that the autoscaler is about to delete', async () => {
    const code = () =>
      curl('node2', '-o /dev/null -w %{http_code} http://172.30.0.12:10256/healthz')
    kubectl('taint node node2 ToBeDeletedByClusterAutoscaler=now:PreferNoSchedule')
    await eventually('/healthz says no', () => code() === '503')
    assert.equal(
      curl('node2', '-o /dev/null -w %{http_code} http://172.30.0.12:10256/livez'),
      '200',
    )
    kubectl('taint node node2 ToBeDeletedByClusterAutoscaler-')
    await eventually('/healthz says yes', () => code() === '200')
  })

  // Source: kubernetes cmd/kube-proxy/app/server_linux.go, platformCleanup.
  test('takes away what it left in another mode, when it starts', async () => {
    const clusterIP = kubectl('get service web -o jsonpath={.spec.clusterIP}')
    const config = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
clusterCIDR: 10.244.0.0/16
clientConnection: { kubeconfig: /var/lib/fairlead-proxy/kubeconfig.conf }
`
    const patch = JSON.stringify({ data: { 'config.conf': config } })
    const words = ['patch', 'configmap', 'fairlead-proxy', '-n', 'kube-system', '-p', patch]
    assert.equal(cluster.kubectl(words).status, 0)
    // Of a proxy that used the other iptables, too: here kube-proxy's does not, and both would fight.
    const legacy = 'iptables-legacy -t nat'
    onNode(
      'node1',
      `nft add table ip kube-proxy; ${legacy} -N KUBE-SERVICES; ${legacy} -A PREROUTING -j KUBE-SERVICES`,
    )
    const left = () => onNode('node1', 'iptables-legacy-save').stdout
    assert.match(left(), /-A PREROUTING -j KUBE-SERVICES/)
    kubectl('rollout restart daemonset/fairlead-proxy -n kube-system')
    await eventually('the nftables mode and the other iptables leave nothing', () => {
      const rules = onNode('node1', 'nft list ruleset').stdout
      const isGone = !/table ip6? (fairlead|kube)-proxy/.test(rules) && !/KUBE-/.test(left())
      return rules.includes('KUBE-SEP-') && isGone
    })
    await eventually('who took it away has ended', () => {
      const { status, stdout } = onNode('node1', 'pgrep -af "[-]-cleanup --keep=iptables"')
      return status === 1 && stdout === ''
    })
    assert.equal(curl('node1', 'http://127.0.0.1:10249/proxyMode'), 'iptables')
    await eventually('the iptables mode serves', () =>
      curl('node1', `http://${clusterIP}:8080/`).includes('"pod":"web-'),
    )
  })

  test('leaves its rules when it ends, and --cleanup takes them and kube-proxy’s away', async () => {
    const clusterIP = kubectl('get service web -o jsonpath={.spec.clusterIP}')
    kubectl('delete daemonset fairlead-proxy -n kube-system')
    await eventually(
      'its pods are gone',
      () => !kubectl('get pods -n kube-system').includes('fairlead-proxy'),
    )
    assert.match(curl('node1', `http://${clusterIP}:8080/`), /"pod":"web-/)
    onNode('node1', 'nft add table ip kube-proxy; iptables -t nat -N KUBE-SVC-LEFTOVER')
    const { status, stderr } = onNode('node1', `${join(root, 'bin/fairlead')} proxy --cleanup`)
    assert.equal(status, 0, stderr)
    const rules = onNode('node1', 'nft list ruleset').stdout
    assert.doesNotMatch(rules, /fairlead-proxy|table ip6? kube-proxy|KUBE-S/)
    assert.equal(curl('node1', `http://${clusterIP}:8080/`), '')
  })

  // The role of kube-proxy had no `servicecidrs` before 1.33.
  test('serves where the API server does not show it ServiceCIDR objects', async () => {
    const clusterIP = kubectl('get service web -o jsonpath={.spec.clusterIP}')
    kubectl('delete clusterrolebinding fairlead-proxy')
    kubectl(
      'create clusterrole old-proxier --verb=get,list,watch --resource=nodes,services,endpointslices.discovery.k8s.io',
    )
    kubectl(
      'create clusterrolebinding old-proxier --clusterrole=old-proxier --serviceaccount=kube-system:fairlead-proxy',
    )
    // What kube-proxy's iptables mode would have left.
    onNode('node1', 'iptables -t nat -N KUBE-SVC-LEFTOVER')
    kubectl(`apply -f ${join(root, 'deploy/proxy.yaml')}`)
    kubectl('delete clusterrolebinding fairlead-proxy')
    kubectl('rollout status daemonset/fairlead-proxy -n kube-system --timeout=180s')
    for (const node of ['node1', 'node2'])
      await eventually(`${node} reaches the Service`, () =>
        curl(node, `http://${clusterIP}:8080/`).includes('"pod":"web-'),
      )
    await eventually(
      'the other mode’s rules are gone',
      () => !onNode('node1', 'nft list ruleset').stdout.includes('KUBE-S'),
    )
  })
})
