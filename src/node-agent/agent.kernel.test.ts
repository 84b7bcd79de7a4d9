import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import * as resources from '#api/resources.ts'
import { waitFor } from '#testing/wait-for.ts'
import { createTestNode, leftovers, type TestNode } from './testing/test-node.ts'

const readiness = {
  readinessProbe: { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 1 },
}
const echo = { image: 'fairlead.dev/echo:1.0', ...readiness }

/** Sends what the shell commands of a container print. */
const sh = (script: string) => ({ command: ['sh', '-c', script] })

suite('the node agent', { concurrency: false }, () => {
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
      timeoutMs: 8000,
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
      { what: 'node1 to be Ready', timeoutMs: 10_000 },
    )
    assert.equal(registered.metadata.labels?.['kubernetes.io/hostname'], 'node1')
    assert.equal(registered.status?.nodeInfo?.containerRuntimeVersion, 'process://0.1.0')
    await waitFor(
      () => node.api.get(resources.leases, { namespace: 'kube-node-lease', name: 'node1' }),
      { what: 'a lease' },
    )
  })

  test('gives containers the environment, names and files that they are due', async () => {
    await using node = createTestNode()
    await node.createService('app1', '10.96.0.20', 8080)
    await node.api.create(resources.configMaps, {
      metadata: { name: 'settings', namespace: 'default' },
      data: { colour: 'blue', 'a.conf': 'x=1\n' },
    })
    await node.api.create(resources.secrets, {
      metadata: { name: 'token', namespace: 'default' },
      data: { key: Buffer.from('s3cret').toString('base64') },
    })
    node.startAgent()
    await node.createPod(
      'files',
      {
        ...sh(
          'echo "$APP1_SERVICE_HOST:$APP1_SERVICE_PORT $COLOUR $NAME $HOSTNAME"; cat /etc/resolv.conf /etc/hosts; hostname; cat /config/a.conf /secret/key; echo; stat -L -c %a /secret/key /config/..data/a.conf; df -t tmpfs /memory | tail -1; echo ok >/data/f; cat /data/f; ls /root /home /usr/share/doc; sleep infinity',
        ),
        env: [
          { name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } },
          { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        ],
        volumeMounts: [
          { name: 'config', mountPath: '/config' },
          { name: 'secret', mountPath: '/secret' },
          { name: 'data', mountPath: '/data' },
          { name: 'memory', mountPath: '/memory' },
          { name: 'config', mountPath: '/usr/share/new/a.conf', subPath: 'a.conf' },
        ],
      },
      {
        subdomain: 'sub',
        volumes: [
          { name: 'config', configMap: { name: 'settings' } },
          { name: 'secret', secret: { secretName: 'token', defaultMode: 0o400 } },
          { name: 'data', emptyDir: {} },
          { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
        ],
      },
    )
    const { status } = await node.ready('files')
    const log = await waitFor(
      async () => {
        const text = await node.log('files')
        return text.includes('ok\n') ? text : undefined
      },
      { what: 'the container to print' },
    )
    assert.deepEqual(log.split('\n'), [
      '10.96.0.20:8080 blue files files',
      'search default.svc.cluster.local svc.cluster.local cluster.local',
      'nameserver 10.96.0.10',
      'options ndots:5',
      '# Kubernetes-managed hosts file.',
      '127.0.0.1\tlocalhost',
      '::1\tlocalhost ip6-localhost ip6-loopback',
      'fe00::0\tip6-localnet',
      'fe00::0\tip6-mcastprefix',
      'fe00::1\tip6-allnodes',
      'fe00::2\tip6-allrouters',
      `${status?.podIP}\tfiles.sub.default.svc.cluster.local\tfiles`,
      'files',
      'x=1',
      's3cret',
      '400',
      '644',
      'tmpfs               1024     0      1024   0% /memory',
      'ok',
      '/home:',
      '',
      '/root:',
      '',
      '/usr/share/doc:',
      '',
    ])
  })

  test("runs a pod on the node's own network", async () => {
    await using node = createTestNode()
    node.startAgent()
    await node.createPod('near', echo, { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' })
    const { status } = await node.ready('near')
    assert.equal(status?.podIP, '172.30.0.11')
    assert.equal(JSON.parse(node.run('curl', '-s', 'http://127.0.0.1:8080/')).pod, 'near')
  })

  test('brings a changed ConfigMap into the running container', async () => {
    await using node = createTestNode()
    const key = { name: 'live', namespace: 'default' }
    await node.api.create(resources.configMaps, { metadata: key, data: { word: 'old' } })
    node.startAgent()
    await node.createPod(
      'watcher',
      {
        ...sh(
          'cat /c/word; until grep -q new /c/word; do sleep 0.1; done; cat /c/word; sleep infinity',
        ),
        volumeMounts: [{ name: 'c', mountPath: '/c' }],
      },
      { volumes: [{ name: 'c', configMap: { name: 'live' } }] },
    )
    await node.ready('watcher')
    await waitFor(async () => (await node.log('watcher')) === 'old', { what: 'the old word' })
    await node.api.patch(resources.configMaps, key, 'merge', { data: { word: 'new' } })
    await waitFor(async () => (await node.log('watcher')) === 'oldnew', {
      what: 'the new word',
      timeoutMs: 15_000,
    })
  })

  test('restarts a container that was killed, at once, and then waits', async () => {
    await using node = createTestNode()
    node.startAgent()
    await node.createPod('crash', sh('echo up; sleep 0.2; exit 3'))
    const pod = await waitFor(
      async () => {
        const found = await node.pod('crash')
        return found?.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff'
          ? found
          : undefined
      },
      { what: 'CrashLoopBackOff', timeoutMs: 10_000 },
    )
    const status = pod.status?.containerStatuses?.[0]
    assert.equal(status?.restartCount, 1)
    assert.equal(status?.lastState?.terminated?.exitCode, 3)
    assert.equal(status?.lastState?.terminated?.reason, 'Error')
    assert.match(
      status?.state?.waiting?.message ?? '',
      /^back-off 10s restarting failed container=main pod=crash_default\(uid-/,
    )
  })

  test('ends a pod whose restartPolicy is Never, keeping its log and status', async () => {
    await using node = createTestNode()
    node.startAgent()
    await node.createPod('once', sh('echo done; echo why >/dev/termination-log'), {
      restartPolicy: 'Never',
    })
    const pod = await waitFor(
      async () => {
        const found = await node.pod('once')
        return found?.status?.phase === 'Succeeded' ? found : undefined
      },
      { what: 'once to succeed', timeoutMs: 10_000 },
    )
    assert.equal(pod.status?.containerStatuses?.[0]?.state?.terminated?.message, 'why\n')
    assert.equal(await node.log('once'), 'done\n')
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

  test('says why a command that does not exist was not started', async () => {
    await using node = createTestNode()
    node.startAgent()
    await node.createPod('typo', { command: ['no-such-program'] }, { restartPolicy: 'Never' })
    const ended = await waitFor(
      async () => (await node.pod('typo'))?.status?.containerStatuses?.[0]?.state?.terminated,
      { what: 'typo to end', timeoutMs: 10_000 },
    )
    assert.equal(ended.exitCode, 128)
    assert.equal(ended.reason, 'StartError')
    assert.match(
      ended.message ?? '',
      /exec: "no-such-program": executable file not found in \$PATH/,
    )
  })

  test('is killed, its pods run on, and the next agent takes them over', async () => {
    await using node = createTestNode()
    node.startAgent()
    await node.createPod('stays', echo)
    await node.createPod('goes', sh('exec sleep infinity'))
    await node.createPod('falls', { ...sh('sleep 1; exit 4') }, { restartPolicy: 'Never' })
    const before = await node.ready('stays')
    await node.ready('goes')
    await node.ready('falls')
    await node.killAgent()
    const ip = before.status?.podIP
    assert.equal(JSON.parse(node.run('curl', '-s', `http://${ip}:8080/`)).pod, 'stays')
    await node.api.delete(
      resources.pods,
      { name: 'goes', namespace: 'default' },
      { gracePeriodSeconds: 0 },
    )
    await waitFor(() => isExited(node, 'falls'), { what: 'falls to end without an agent' })
    const writes = node.api.requests.length
    node.startAgent()
    await waitFor(async () => (await node.pod('falls'))?.status?.phase === 'Failed', {
      what: 'the exit to be seen',
      timeoutMs: 10_000,
    })
    assert.equal(
      (await node.pod('falls'))?.status?.containerStatuses?.[0]?.state?.terminated?.exitCode,
      4,
    )
    const after = await node.ready('stays')
    assert.equal(after.status?.podIP, ip)
    assert.deepEqual(after.status?.containerStatuses, before.status?.containerStatuses)
    // It never became unready in between: nobody wrote its status.
    assert.ok(!node.api.requests.slice(writes).includes('patch pods default/stays'))
    await waitFor(() => !leftovers(node.lab).some((path) => path.includes('uid-2')), {
      what: 'the deleted pod to be cleaned up',
      timeoutMs: 10_000,
    })
  })

  test('asks a pod to stop, lets it serve on, and leaves nothing of it', async () => {
    await using node = createTestNode()
    node.startAgent()
    await node.createPod('web', echo)
    const { status } = await node.ready('web')
    const started = performance.now()
    const gone = node.delete('web', 10)
    await waitFor(
      async () => (await node.events('web')).includes('Killing: Stopping container main'),
      { what: 'the event' },
    )
    assert.equal(JSON.parse(node.run('curl', '-s', `http://${status?.podIP}:8080/`)).pod, 'web')
    await gone
    const took = performance.now() - started
    assert.ok(took > 2900 && took < 6000, `stopped after ${took} ms`)
    assert.deepEqual(leftovers(node.lab), [])
    assert.equal(node.run('ip', '-o', 'link', 'show', 'type', 'veth'), '')
  })

  test('kills a container that does not stop, after its grace period', async () => {
    await using node = createTestNode()
    node.startAgent()
    await node.createPod('deaf', sh("trap '' TERM; while :; do sleep 1; done"))
    await node.ready('deaf')
    const started = performance.now()
    await node.delete('deaf', 2)
    const took = performance.now() - started
    assert.ok(took > 1900 && took < 5000, `stopped after ${took} ms`)
  })

  test('restarts what fails its liveness probe, and probes by command inside the container', async () => {
    await using node = createTestNode()
    node.startAgent()
    await node.createPod('sick', {
      ...sh("trap 'exit 0' TERM; touch /tmp/well; sleep 1; rm /tmp/well; sleep infinity & wait"),
      livenessProbe: {
        exec: { command: ['cat', '/tmp/well'] },
        periodSeconds: 1,
        failureThreshold: 2,
      },
    })
    const pod = await waitFor(
      async () => {
        const found = await node.pod('sick')
        return found?.status?.containerStatuses?.[0]?.restartCount === 1 ? found : undefined
      },
      { what: 'a restart', timeoutMs: 15_000 },
    )
    assert.equal(pod.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 0)
    const events = await node.events('sick')
    assert.ok(events.includes('Killing: Container main failed liveness probe, will be restarted'))
    assert.ok(
      events.some((event) =>
        event.startsWith('Unhealthy: Liveness probe failed: cat: /tmp/well: No such file'),
      ),
    )
  })

  test('runs init containers in order, then containers that share localhost', async () => {
    await using node = createTestNode()
    node.startAgent()
    const volumeMounts = [{ name: 'work', mountPath: '/work' }]
    await node.createPod(
      'two',
      {
        ...sh(
          'cat /work/steps; until curl -s -H "Accept: text/plain" localhost:8080; do sleep 0.1; done; sleep infinity',
        ),
        volumeMounts,
      },
      {
        initContainers: ['one', 'two'].map((name) => ({
          name,
          image: 'fairlead.dev/tools',
          ...sh(`echo ${name} >>/work/steps`),
          volumeMounts,
        })),
        containers: [
          {
            name: 'main',
            image: 'fairlead.dev/tools',
            ...sh(
              'cat /work/steps; until curl -s -H "Accept: text/plain" localhost:8080; do sleep 0.1; done; sleep infinity',
            ),
            volumeMounts,
          },
          { name: 'web', image: 'fairlead.dev/echo' },
        ],
        volumes: [{ name: 'work', emptyDir: {} }],
      },
    )
    await node.ready('two')
    await waitFor(async () => /^one\ntwo\npod: two\n/.test(await node.log('two')), {
      what: 'both steps and an answer',
    })
  })

  test('lets host programs run in a pod: its network, its resolv.conf', async () => {
    await using node = createTestNode()
    node.startAgent()
    const { metadata } = await node.createPod('tools', {})
    const { status } = await node.ready('tools')
    const { execInPodArgv } = await import('./sandbox/exec-in-pod.ts')
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

async function isExited(node: TestNode, name: string): Promise<boolean> {
  const uid = (await node.pod(name))?.metadata.uid
  return readFileSync(`${node.lab.folder}/root/pods/${uid}/containers/main/0/exit`, 'utf8') !== ''
}
