import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as resources from '#api/resources.ts'
import { waitFor } from '#testing/wait-for.ts'
import { execInPodArgv } from './sandbox/exec-in-pod.ts'
import { createTestNode, echo, type TestNode } from './testing/test-node.ts'

suite('the node agent', () => {
  test('runs an echo pod, ready as its probe says, reachable from the node', async () => {
    await using node = createTestNode()
    node.startAgent()
    await node.createPod('web', echo)
    const pod = await node.ready('web')
    const ip = pod.status?.podIP
    assert.equal(pod.status?.phase, 'Running')
    assert.equal(pod.status?.hostIP, '172.30.0.11')
    const said = JSON.parse(node.run('curl', '-s', `http://${ip}:8080/x?y=1`))
    assert.equal(said.pod, 'web')
    assert.equal(said.namespace, 'default')
    assert.equal(said.node, 'node1')
    assert.equal(said.podIP, ip)
    assert.equal(said.path, '/x?y=1')
    assert.match(
      node.run('curl', '-s', '-H', 'Accept: text/plain', `http://${ip}:8080/`),
      /^pod: web\n/,
    )
    assert.match(
      node.run(
        'bash',
        '-c',
        `exec 3<>/dev/udp/${ip}/8082; echo hello >&3; timeout 2 head -n 8 <&3`,
      ),
      /pod: web\n[\s\S]*data: hello\n/,
    )
    assert.match(
      node.run('bash', '-c', `exec 3<>/dev/tcp/${ip}/8081; timeout 2 head -n 5 <&3`),
      /pod: web\n[\s\S]*protocol: TCP\n/,
    )
    node.run('curl', '-s', '-X', 'POST', `http://${ip}:8080/healthz/fail`)
    await waitFor(async () => !isReady(await node.pod('web')), {
      what: 'web to become unready',
    })
    assert.ok(
      (await node.events('web')).includes(
        'Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503',
      ),
    )
    node.run('curl', '-s', '-X', 'POST', `http://${ip}:8080/healthz/ok`)
    await node.ready('web')
  })

  test('registers the node, Ready and with a lease', async () => {
    await using node = createTestNode()
    node.startAgent()
    const registered = await waitFor(
      async () => {
        const found = await node.api.get(resources.nodes, { name: 'node1' })
        return found?.status?.conditions?.some(
          ({ type, status }) => type === 'Ready' && status === 'True',
        )
          ? found
          : undefined
      },
      { what: 'node1 to be Ready' },
    )
    assert.equal(registered.metadata.labels?.['kubernetes.io/hostname'], 'node1')
    assert.equal(registered.status?.nodeInfo?.containerRuntimeVersion, 'process://0.1.0')
    await waitFor(
      () => node.api.get(resources.leases, { namespace: 'kube-node-lease', name: 'node1' }),
      { what: 'a lease' },
    )
  })

  test("runs a pod on the node's own network", async () => {
    await using node = createTestNode()
    node.startAgent()
    await node.createPod('near', echo, { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' })
    const { status } = await node.ready('near')
    assert.equal(status?.podIP, '172.30.0.11')
    assert.equal(JSON.parse(node.run('curl', '-s', 'http://127.0.0.1:8080/')).pod, 'near')
  })

  test('says what to do about an image that is not built in', async () => {
    await using node = createTestNode()
    node.startAgent()
    await node.createPod('nginx', { image: 'nginx:1.27' })
    const waiting = await waitFor(
      async () => (await node.pod('nginx'))?.status?.containerStatuses?.[0]?.state?.waiting,
      { what: 'a waiting container' },
    )
    assert.equal(waiting.reason, 'ErrImageNeverPull')
    assert.match(
      waiting.message ?? '',
      /^Container image "nginx:1.27" is not present with pull policy of Never: .*fairlead.dev\/tools/,
    )
    await waitFor(
      async () => (await node.events('nginx')).includes('Failed: Error: ErrImageNeverPull'),
      { what: 'the event' },
    )
  })

  test('lets host programs run in a pod: its network, its resolv.conf', async () => {
    await using node = createTestNode()
    node.startAgent()
    const { metadata } = await node.createPod('tools', {})
    const { status } = await node.ready('tools')
    const { folder } = node.lab
    const argv = execInPodArgv({
      rootDir: `${folder}/root`,
      runDir: `${folder}/run`,
      podUID: metadata.uid!,
    })
    const seen = node.lab.exec(node.netns, [
      ...argv,
      'sh',
      '-c',
      'ip -4 -o addr show eth0; cat /etc/resolv.conf; exit 5',
    ])
    assert.match(seen.stdout, new RegExp(`${status?.podIP}/32`))
    assert.match(seen.stdout, /nameserver 10.96.0.10/)
    assert.equal(seen.status, 5)
  })
})

function isReady(pod: Awaited<ReturnType<TestNode['pod']>>): boolean {
  return pod?.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'
}
