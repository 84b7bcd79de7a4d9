import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer as createTCPServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { promisify } from 'node:util'
import type { KubernetesObject } from '#api/meta.ts'
import * as resources from '#api/resources.ts'
import { startTestServer, type TestServer } from '#apiserver/testing/test-server.ts'
import type { API } from '#client/api.ts'
import { createAPI } from '#client/http-api.ts'
import { waitFor } from '#testing/wait-for.ts'

// The two daemons that run in pods, as processes against a real API server on loopback.
const run = promisify(execFile)
const launcher = join(import.meta.dirname, '../../bin/fairlead')
const folder = mkdtempSync(join(tmpdir(), 'fairlead-daemons-'))
const kubeconfig = join(folder, 'kubeconfig')
let server: TestServer
let api: API

function writeKubeconfig({ url, authority, admin }: TestServer): void {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const user = {
    'client-certificate-data': base64(admin.certPEM),
    'client-key-data': base64(admin.keyPEM),
  }
  const cluster = { server: url, 'certificate-authority-data': base64(authority.caPEM) }
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user }],
  }
  writeFileSync(kubeconfig, JSON.stringify(config))
}

async function freePort(): Promise<number> {
  const listener = createTCPServer()
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as AddressInfo
  await new Promise((resolve) => listener.close(resolve))
  return port
}

/** A file is what a container's output goes to; nginx opens it once more by /dev/stdout. */
function start(
  verb: string,
  ...args: readonly string[]
): ChildProcess & { readonly output: () => string } {
  const path = join(folder, `${verb}.log`)
  const fd = openSync(path, 'a')
  const child = spawn(launcher, [verb, '--kubeconfig', kubeconfig, ...args], {
    stdio: ['ignore', fd, fd],
    env: { ...process.env, TMPDIR: folder },
  })
  closeSync(fd)
  return Object.assign(child, { output: () => readFileSync(path, 'utf8') })
}

async function statusOf(url: string): Promise<number> {
  return (await fetch(url).catch(() => ({ status: 0 }))).status
}

const create = <T extends KubernetesObject>(resource: resources.Resource<T>, object: T) =>
  api.create(resource, object)

before(async () => {
  server = await startTestServer()
  writeKubeconfig(server)
  api = createAPI({ server: server.url, caPEM: server.authority.caPEM, ...server.admin })
  await create(resources.namespaces, { metadata: { name: 'shop' } }).catch(() => {})
  const ports = [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' as const }]
  await create(resources.services, {
    metadata: { name: 'web', namespace: 'shop' },
    spec: { clusterIP: '10.96.0.20', ports },
  })
})

after(async () => {
  await api[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

suite('fairlead dns', () => {
  test('answers from the API server, and leaves as a lame duck', async () => {
    const [port, health, ready] = [await freePort(), await freePort(), await freePort()]
    const daemon = start(
      'dns',
      '--listen',
      `127.0.0.1:${port}`,
      '--health-port',
      `${health}`,
      '--ready-port',
      `${ready}`,
      '--lame-duck',
      '3',
    )
    try {
      const isReady = async () => (await statusOf(`http://127.0.0.1:${ready}/ready`)) === 200
      await waitFor(isReady, {
        what: `the DNS server to be ready: ${daemon.output()}`,
      })
      const dig = async (name: string) =>
        (
          await run('dig', ['@127.0.0.1', '-p', `${port}`, '+short', '+tries=1', name])
        ).stdout.trim()
      assert.equal(await dig('web.shop.svc.cluster.local'), '10.96.0.20')
      assert.equal(await statusOf(`http://127.0.0.1:${health}/health`), 200)
      daemon.kill('SIGTERM')
      await waitFor(async () => (await statusOf(`http://127.0.0.1:${ready}/ready`)) === 503, {
        what: 'not ready',
      })
      assert.equal(await dig('web.shop.svc.cluster.local'), '10.96.0.20')
      const [code] = await once(daemon, 'exit')
      assert.equal(code, 0)
    } finally {
      daemon.kill('SIGKILL')
    }
  })

  const refused = [
    { args: ['--lame-duck', 'long'], want: /Cannot use --lame-duck "long"/ },
    { args: ['--listen', 'nowhere'], want: /Cannot listen on "nowhere"/ },
    { args: ['--ttl', '4000'], want: /Cannot use --ttl "4000"/ },
    { args: ['--upstream', 'x'], want: /Cannot forward to "x"/ },
    { args: ['--frob'], want: /Unknown option '--frob'/ },
  ]
  for (const { args, want } of refused) {
    test(`${args.join(' ')} is a usage error`, async () => {
      const failure = await run(launcher, ['dns', '--kubeconfig', kubeconfig, ...args]).catch(
        (error) => error,
      )
      assert.equal(failure.code, 2)
      assert.match(failure.stderr, want)
    })
  }
})

suite('fairlead ingress', () => {
  test('serves an Ingress by nginx, publishes its address, and ends without a trace', async () => {
    await create(resources.ingressClasses, {
      metadata: { name: 'nginx' },
      spec: { controller: 'k8s.io/ingress-nginx' },
    })
    const publish = { name: 'front', namespace: 'shop' }
    await create(resources.services, {
      metadata: publish,
      spec: { type: 'NodePort', clusterIP: '10.96.0.30', ports: [{ port: 80, protocol: 'TCP' }] },
    })
    await create(resources.ingresses, {
      metadata: { name: 'web', namespace: 'shop' },
      spec: {
        ingressClassName: 'nginx',
        rules: [
          {
            host: 'shop.example',
            http: {
              paths: [
                {
                  path: '/',
                  pathType: 'Prefix',
                  backend: { service: { name: 'web', port: { name: 'http' } } },
                },
              ],
            },
          },
        ],
      },
    })
    const [http, https, health] = [await freePort(), await freePort(), await freePort()]
    const daemon = start(
      'ingress',
      ...[
        '--publish-service',
        'shop/front',
        '--bind-address',
        '127.0.0.1',
        '--worker-processes',
        '1',
      ],
      ...['--http-port', `${http}`, '--https-port', `${https}`, '--healthz-port', `${health}`],
    )
    try {
      const isHealthy = async () => (await statusOf(`http://127.0.0.1:${health}/healthz`)) === 200
      await waitFor(isHealthy, { what: `nginx to serve: ${daemon.output()}` })
      const ask = async (host: string) =>
        (
          await run('curl', [
            '-s',
            '-o',
            '-',
            '-w',
            ' %{http_code}',
            '-H',
            `Host: ${host}`,
            `http://127.0.0.1:${http}/`,
          ])
        ).stdout
      await waitFor(() => ask('shop.example'), { what: 'nginx to accept' })
      assert.match(await ask('shop.example'), /503 Service Temporarily Unavailable.* 503$/s)
      assert.match(await ask('nobody.example'), /404 Not Found.* 404$/s)
      const statusShown = async () =>
        (await api.get(resources.ingresses, { namespace: 'shop', name: 'web' }))?.status
          ?.loadBalancer?.ingress
      await waitFor(statusShown, { what: 'the status' })
      assert.deepEqual(await statusShown(), [{ ip: '10.96.0.30' }])
      await waitFor(() => daemon.output().includes('"GET / HTTP/1.1" 503'), {
        what: 'the access log',
      })
      const events = await api.list(resources.events, { namespace: 'shop' })
      assert.ok(events.items.some(({ reason }) => reason === 'Sync'))
      daemon.kill('SIGTERM')
      const [code] = await once(daemon, 'exit')
      assert.equal(code, 0)
      await assert.rejects(run('curl', ['-s', `http://127.0.0.1:${http}/`]))
    } finally {
      daemon.kill('SIGKILL')
    }
  })

  test('takes nginx with it when it is killed', async () => {
    const [http, https, health] = [await freePort(), await freePort(), await freePort()]
    const daemon = start(
      'ingress',
      ...['--bind-address', '127.0.0.1', '--http-port', `${http}`],
      ...['--https-port', `${https}`, '--healthz-port', `${health}`],
    )
    try {
      const answers = async () => (await statusOf(`http://127.0.0.1:${http}/`)) === 404
      await waitFor(answers, { what: `nginx to serve: ${daemon.output()}` })
      daemon.kill('SIGKILL')
      const isGone = async () => (await statusOf(`http://127.0.0.1:${http}/`)) === 0
      await waitFor(isGone, { what: 'nginx to end' })
    } finally {
      daemon.kill('SIGKILL')
    }
  })
})
