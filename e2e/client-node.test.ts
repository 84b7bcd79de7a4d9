/**
 * @kubernetes/client-node, the official JavaScript client, unmodified. Expected: what its own documents promise, and the API conventions.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { PassThrough, Readable, Writable } from 'node:stream'
import { after, before, suite, test } from 'node:test'
import {
  ApiException,
  AppsV1Api,
  CoreV1Api,
  Exec,
  KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  Log,
  makeInformer,
  PatchStrategy,
  PortForward,
  setHeaderOptions,
  type V1Pod,
  type V1Status,
  Watch,
} from '@kubernetes/client-node'
import { eventually, startCluster, type TestCluster } from './support/cluster.ts'

const NAMESPACE = 'default'

const pod = (name: string): V1Pod => ({
  metadata: { name, labels: { app: 'js' } },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [
      { name: 'tools', image: 'fairlead.dev/tools' },
      { name: 'echo', image: 'fairlead.dev/echo' },
    ],
  },
})

/** Collects what is written. */
function collector(): { readonly sink: Writable; text(): string } {
  let text = ''
  const sink = new Writable({
    write(chunk, _encoding, done) {
      text += chunk
      done()
    },
  })
  return { sink, text: () => text }
}

suite('@kubernetes/client-node', () => {
  let cluster: TestCluster
  let config: KubeConfig
  let core: CoreV1Api

  before(async () => {
    cluster = startCluster('js')
    config = new KubeConfig()
    config.loadFromString(readFileSync(cluster.home.env.KUBECONFIG!, 'utf8'))
    core = config.makeApiClient(CoreV1Api)
    await core.createNamespacedPod({ namespace: NAMESPACE, body: pod('first') })
    await eventually(
      'the pod is ready',
      () =>
        cluster.kubectl(['wait', '--for=condition=Ready', 'pod/first', '--timeout=1s']).status ===
        0,
      60_000,
    )
  })
  after(() => cluster[Symbol.dispose]())

  test('lists in pages, by label and by field', async () => {
    const { items, metadata } = await core.listNamespacedPod({
      namespace: NAMESPACE,
      labelSelector: 'app=js',
      fieldSelector: 'status.phase=Running',
      limit: 1,
    })
    assert.deepEqual(
      items.map(({ metadata }) => metadata?.name),
      ['first'],
    )
    assert.match(metadata?.resourceVersion ?? '', /^\d+$/)
  })

  test('an informer hears of what comes, changes and goes', async () => {
    const heard: string[] = []
    const path = `/api/v1/namespaces/${NAMESPACE}/configmaps`
    const list = () =>
      core.listNamespacedConfigMap({ namespace: NAMESPACE, labelSelector: 'app=js' })
    const informer = makeInformer(config, path, list, 'app=js')
    for (const verb of ['add', 'update', 'delete'] as const)
      informer.on(verb, ({ metadata, data }) => heard.push(`${verb} ${metadata?.name} ${data?.a}`))
    await informer.start()
    try {
      const body = { metadata: { name: 'heard', labels: { app: 'js' } }, data: { a: '1' } }
      await core.createNamespacedConfigMap({ namespace: NAMESPACE, body })
      const changed = { ...body, data: { a: '2' } }
      await core.replaceNamespacedConfigMap({ namespace: NAMESPACE, name: 'heard', body: changed })
      await core.deleteNamespacedConfigMap({ namespace: NAMESPACE, name: 'heard' })
      await settled(() => heard.length >= 3)
      assert.deepEqual(heard, ['add heard 1', 'update heard 2', 'delete heard 2'])
    } finally {
      await informer.stop()
    }
  })

  test('a watch from a revision gives what came after it', async () => {
    const { metadata } = await core.listNamespacedConfigMap({ namespace: NAMESPACE })
    const seen: string[] = []
    const request = await new Watch(config).watch(
      `/api/v1/namespaces/${NAMESPACE}/configmaps`,
      { resourceVersion: metadata?.resourceVersion },
      (phase, object) => seen.push(`${phase} ${object.metadata.name}`),
      () => {},
    )
    await core.createNamespacedConfigMap({
      namespace: NAMESPACE,
      body: { metadata: { name: 'watched' } },
    })
    await settled(() => seen.length > 0)
    request.abort()
    assert.deepEqual(seen, ['ADDED watched'])
  })

  test('patches in each of the ways', async () => {
    const apps = config.makeApiClient(AppsV1Api)
    const labels = { app: 'patched' }
    await apps.createNamespacedDeployment({
      namespace: NAMESPACE,
      body: {
        metadata: { name: 'patched' },
        spec: {
          replicas: 0,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: { containers: [{ name: 'c', image: 'fairlead.dev/echo' }] },
          },
        },
      },
    })
    const bodies = [
      [PatchStrategy.JsonPatch, [{ op: 'add', path: '/metadata/labels', value: { json: 'yes' } }]],
      [PatchStrategy.MergePatch, { metadata: { labels: { merge: 'yes' } } }],
      [
        PatchStrategy.StrategicMergePatch,
        {
          spec: {
            template: { spec: { containers: [{ name: 'c', env: [{ name: 'A', value: '1' }] }] } },
          },
        },
      ],
    ] as const
    for (const [strategy, body] of bodies) {
      await apps.patchNamespacedDeployment(
        { name: 'patched', namespace: NAMESPACE, body },
        setHeaderOptions('Content-Type', strategy),
      )
    }
    const { metadata, spec } = await apps.readNamespacedDeployment({
      name: 'patched',
      namespace: NAMESPACE,
    })
    assert.deepEqual(metadata?.labels, { json: 'yes', merge: 'yes' })
    const [container] = spec?.template.spec?.containers ?? []
    assert.equal(container?.image, 'fairlead.dev/echo')
    assert.deepEqual(
      container?.env?.map(({ name, value }) => `${name}=${value}`),
      ['A=1'],
    )
  })

  test('applies on the server what it knows only by discovery', async () => {
    const objects = KubernetesObjectApi.makeApiClient(config)
    const service: KubernetesObject & { spec: unknown } = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'applied', namespace: NAMESPACE },
      spec: { selector: { app: 'js' }, ports: [{ port: 80, targetPort: 8080 }] },
    }
    const applied = await objects.patch(
      service,
      undefined,
      undefined,
      'js',
      true,
      PatchStrategy.ServerSideApply,
    )
    assert.equal(applied.metadata?.name, 'applied')
    const { metadata } = await core.readNamespacedService({ name: 'applied', namespace: NAMESPACE })
    assert.deepEqual(
      metadata?.managedFields?.map(({ manager, operation }) => `${manager} ${operation}`),
      ['js Apply'],
    )
  })

  test('a refusal is a Status', async () => {
    const missing = core.readNamespacedPod({ name: 'nobody', namespace: NAMESPACE })
    await assert.rejects(missing, (error: unknown) => {
      assert.ok(error instanceof ApiException)
      const status = JSON.parse(error.body) as V1Status
      assert.equal(error.code, 404)
      assert.equal(status.message, 'pods "nobody" not found')
      return true
    })
  })

  test('exec: streams apart, input, and the exit code', async () => {
    const out = collector()
    const err = collector()
    const status = Promise.withResolvers<V1Status>()
    const command = ['sh', '-c', 'read line; echo "got $line"; echo no >&2; exit 3']
    const input = Readable.from(['hello\n'])
    await new Exec(config).exec(
      NAMESPACE,
      'first',
      'tools',
      command,
      out.sink,
      err.sink,
      input,
      false,
      (each) => status.resolve(each),
    )
    const { status: word, details } = await status.promise
    assert.equal(word, 'Failure')
    assert.deepEqual(details?.causes, [{ reason: 'ExitCode', message: '3' }])
    assert.equal(out.text(), 'got hello\n')
    assert.equal(err.text(), 'no\n')
  })

  test('logs, and following them', async () => {
    await core.createNamespacedPod({
      namespace: NAMESPACE,
      body: {
        metadata: { name: 'talker' },
        spec: {
          restartPolicy: 'Never',
          containers: [
            {
              name: 'c',
              image: 'fairlead.dev/tools',
              command: ['sh', '-c', 'echo one; until [ -e /tmp/go ]; do sleep 0.1; done; echo two'],
            },
          ],
        },
      },
    })
    const phase = '--for=jsonpath={.status.phase}=Succeeded'
    const { sink, text } = collector()
    cluster.kubectl([
      'wait',
      '--for=jsonpath={.status.phase}=Running',
      'pod/talker',
      '--timeout=180s',
    ])
    const ended = new Promise((resolve) => sink.once('close', resolve))
    await new Log(config).log(NAMESPACE, 'talker', 'c', sink, { follow: true })
    assert.equal(cluster.kubectl(['exec', 'talker', '--', 'touch', '/tmp/go']).status, 0)
    await ended
    assert.equal(text(), 'one\ntwo\n')
    assert.equal(cluster.kubectl(['wait', phase, 'pod/talker', '--timeout=180s']).status, 0)
    const read = await core.readNamespacedPodLog({
      name: 'talker',
      namespace: NAMESPACE,
      tailLines: 1,
    })
    assert.equal(read, 'two\n')
  })

  test('port-forward', async () => {
    const { sink, text } = collector()
    const input = new PassThrough()
    const socket = await new PortForward(config).portForward(
      NAMESPACE,
      'first',
      [8080],
      sink,
      null,
      input,
    )
    input.write('GET /healthz HTTP/1.0\r\n\r\n')
    await settled(() => text().endsWith('ok\n'))
    if (typeof socket !== 'function') socket.close()
    assert.match(text(), /^HTTP\/1\.1 200 OK\r\n/)
  })
})

/** Waits, bounded, for what arrives by itself. */
async function settled(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 50))
}
