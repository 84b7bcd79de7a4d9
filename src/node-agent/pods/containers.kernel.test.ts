import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as resources from '#api/resources.ts'
import { waitFor } from '#testing/wait-for.ts'
import { createTestNode, sh } from '../testing/test-node.ts'

suite('the containers of a pod', () => {
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
        return text.endsWith('/usr/share/doc:\n') ? text : undefined
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
      { what: 'CrashLoopBackOff' },
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
      { what: 'once to succeed' },
    )
    assert.equal(pod.status?.containerStatuses?.[0]?.state?.terminated?.message, 'why\n')
    assert.equal(await node.log('once'), 'done\n')
  })

  test('says why a command that does not exist was not started', async () => {
    await using node = createTestNode()
    node.startAgent()
    await node.createPod('typo', { command: ['no-such-program'] }, { restartPolicy: 'Never' })
    const ended = await waitFor(
      async () => (await node.pod('typo'))?.status?.containerStatuses?.[0]?.state?.terminated,
      { what: 'typo to end' },
    )
    assert.equal(ended.exitCode, 128)
    assert.equal(ended.reason, 'StartError')
    assert.match(
      ended.message ?? '',
      /exec: "no-such-program": executable file not found in \$PATH/,
    )
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
      { what: 'a restart' },
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
})
