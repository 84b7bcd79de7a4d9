import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type Server,
} from 'node:http'
import { request as httpsRequest } from 'node:https'
import { type AddressInfo, createServer as createTCPServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { ip } from '#ip/ip.ts'
import { silentLog } from '#log/log.ts'
import { createDefaultCertificate } from '../default-certificate.ts'
import type { Action, IngressPlan, Location, Server as PlannedServer } from '../model.ts'
import { Nginx } from './nginx-process.ts'

interface Answer {
  readonly status: number
  readonly body: string
  readonly headers: IncomingHttpHeaders
}

const folder = mkdtempSync(join(tmpdir(), 'fairlead-nginx-test-'))
const accessLog = join(folder, 'access.log')
const worker = process.getuid?.() === 0 ? { workerUser: 'www-data' } : {}
let nginx: Nginx
let ports: { http: number; https: number }
const backends: Server[] = []

async function freePort(): Promise<number> {
  const server = createTCPServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Says its name and the headers that reached it. */
async function startBackend(
  name: string,
): Promise<{ address: ReturnType<typeof ip>; port: number }> {
  const server = createServer((request, response) => {
    response.setHeader('backend', name)
    response.end(JSON.stringify({ name, url: request.url, headers: request.headers }))
  })
  backends.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { address: ip('127.0.0.1'), port: (server.address() as AddressInfo).port }
}

function ask(path: string, host: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = {
      port: ports.http,
      host: '127.0.0.1',
      path,
      agent: false,
      headers: { host, ...headers },
    }
    const asking = httpRequest(options, (response) => {
      let body = ''
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () =>
        resolve({ status: response.statusCode!, body, headers: response.headers }),
      )
    })
    asking.on('error', reject)
    asking.end()
  })
}

function certificateFor(servername: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const options = {
      port: ports.https,
      host: '127.0.0.1',
      servername,
      agent: false,
      rejectUnauthorized: false,
      headers: { host: servername },
    }
    const asking = httpsRequest(options, (response) => {
      const { CN } = (response.socket as TLSSocket).getPeerCertificate().subject
      response.resume()
      response.on('end', () => resolve(Array.isArray(CN) ? CN[0] : CN))
    })
    asking.on('error', reject)
    asking.end()
  })
}

const proxy = (backend: string, redirectToTLS = false): Action => ({
  kind: 'proxy',
  backend,
  redirectToTLS,
})
const notFound: Location = { path: '/', match: 'prefix', action: { kind: 'not-found' } }

function planOf(servers: readonly PlannedServer[], more: Partial<IngressPlan> = {}): IngressPlan {
  const others = servers.some(({ host }) => host === '')
    ? []
    : [{ host: '', locations: [notFound] }]
  return { servers: [...others, ...servers], backends: [], certificates: [], findings: [], ...more }
}

before(async () => {
  ports = { http: await freePort(), https: await freePort() }
  nginx = await Nginx.create({
    command: ['/usr/sbin/nginx'],
    defaultCertificate: await createDefaultCertificate(),
    address: '127.0.0.1',
    httpPort: ports.http,
    httpsPort: ports.https,
    ...worker,
    workers: 1,
    accessLog,
    log: silentLog,
  })
})

after(async () => {
  await nginx[Symbol.asyncDispose]()
  for (const backend of backends) backend.close()
  rmSync(folder, { recursive: true, force: true })
})

suite('a real nginx', () => {
  test('knows nobody at first: 404', async () => {
    assert.equal(await nginx.apply(planOf([])), true)
    const { status, body } = await ask('/', 'unknown.example')
    assert.equal(status, 404)
    assert.match(body, /<center><h1>404 Not Found<\/h1><\/center>\s*<hr><center>nginx<\/center>/)
  })

  test('serves hosts and paths', async () => {
    const [web, api] = [await startBackend('web'), await startBackend('api')]
    const made = {
      backends: [
        { id: 'default.api.80', logName: 'default-api-80', endpoints: [api] },
        { id: 'default.web.80', logName: 'default-web-80', endpoints: [web] },
      ],
    }
    const locations: Location[] = [
      { path: '/api', match: 'prefix', action: proxy('default.api.80') },
      { path: '/exact/', match: 'exact', action: proxy('default.api.80') },
      {
        path: '/down',
        match: 'prefix',
        action: { kind: 'unavailable', backend: 'default-down-80' },
      },
      { path: '/secure', match: 'prefix', action: proxy('default.api.80', true) },
      { path: '/', match: 'prefix', action: proxy('default.web.80') },
    ]
    const servers = [
      {
        host: '*.wild.example',
        locations: [{ path: '/', match: 'prefix' as const, action: proxy('default.web.80') }],
      },
      { host: 'a.example', locations },
    ]
    assert.equal(await nginx.apply(planOf(servers, made)), true)
    assert.equal(await nginx.apply(planOf(servers, made)), false)
    const cases = [
      { host: 'a.example', path: '/', want: 'web' },
      { host: 'A.Example:8080', path: '/x?y=1', want: 'web' },
      { host: 'a.example', path: '/api', want: 'api' },
      { host: 'a.example', path: '/api/x', want: 'api' },
      { host: 'a.example', path: '/apix', want: 'web' },
      { host: 'a.example', path: '/exact/', want: 'api' },
      // Not nginx's own redirect to /exact/.
      { host: 'a.example', path: '/exact', want: 'web' },
      { host: 'a.example', path: '/down/x', want: 503 },
      { host: 'a.example', path: '/secure', want: 308 },
      { host: 'one.wild.example', path: '/', want: 'web' },
      { host: 'one.two.wild.example', path: '/', want: 404 },
      { host: 'wild.example', path: '/', want: 404 },
      { host: 'b.example', path: '/', want: 404 },
    ]
    for (const { host, path, want } of cases) {
      const { status, headers } = await ask(path, host)
      assert.equal(status === 200 ? headers.backend : status, want, `${host}${path}`)
    }
    assert.equal(
      (await ask('/secure?x=1', 'a.example')).headers.location,
      `https://a.example:${ports.https}/secure?x=1`,
    )
  })

  test('passes on what ingress-nginx passes on, and not what a client claims', async () => {
    const { body } = await ask('/a%2Fb/../c?d=%20', 'a.example', {
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-proto': 'https',
      'x-real-ip': '6.6.6.6',
      proxy: 'http://evil',
    })
    const { url, headers } = JSON.parse(body)
    assert.equal(url, '/a%2Fb/../c?d=%20')
    const { 'x-request-id': id, ...rest } = headers
    assert.match(id, /^[0-9a-f]{32}$/)
    assert.deepEqual(rest, {
      host: 'a.example',
      'x-real-ip': '127.0.0.1',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': 'a.example',
      'x-forwarded-port': `${ports.http}`,
      'x-forwarded-proto': 'http',
      'x-forwarded-scheme': 'http',
      'x-scheme': 'http',
      'x-original-forwarded-for': '6.6.6.6',
    })
  })

  test('spreads requests, and follows a change of endpoints', async () => {
    const [one, two, three] = [
      await startBackend('one'),
      await startBackend('two'),
      await startBackend('three'),
    ]
    const plan = (endpoints: readonly (typeof one)[]) =>
      planOf(
        [
          {
            host: 's.example',
            locations: [{ path: '/', match: 'prefix', action: proxy('default.s.80') }],
          },
        ],
        {
          backends: [{ id: 'default.s.80', logName: 'default-s-80', endpoints }],
        },
      )
    const ask30 = async () => {
      const names = await Promise.all(
        Array.from({ length: 30 }, async () => (await ask('/', 's.example')).headers.backend),
      )
      return new Set(names)
    }
    await nginx.apply(plan([one, two, three]))
    assert.deepEqual(await ask30(), new Set(['one', 'two', 'three']))
    await nginx.apply(plan([one, three]))
    assert.deepEqual(await ask30(), new Set(['one', 'three']))
  })

  test('writes host, path and upstream to its log', () => {
    const line = readFileSync(accessLog, 'utf8')
      .split('\n')
      .find((each) => each.includes('/api/x'))
    assert.match(
      line!,
      /"GET \/api\/x HTTP\/1\.1" 200 .* \[default-api-80\] .*127\.0\.0\.1:\d+ .* a\.example$/,
    )
  })

  test('shows each host its certificate', async () => {
    const pem = spawnSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-subj',
        '/CN=t.example',
        '-days',
        '2',
        '-keyout',
        '-',
        '-out',
        '-',
      ],
      { encoding: 'utf8' },
    ).stdout
    const certificate = { id: 'abc', certificatePEM: pem, keyPEM: '' }
    const locations = [notFound]
    await nginx.apply(
      planOf(
        [
          { host: '*.t.example', locations, certificate: 'abc' },
          { host: 't.example', locations, certificate: 'abc' },
          { host: 'u.example', locations },
        ],
        {
          certificates: [certificate],
        },
      ),
    )
    assert.equal(await certificateFor('t.example'), 't.example')
    assert.equal(await certificateFor('x.t.example'), 't.example')
    assert.equal(
      await certificateFor('u.example'),
      'Kubernetes Ingress Controller Fake Certificate',
    )
    assert.equal(
      await certificateFor('nobody.example'),
      'Kubernetes Ingress Controller Fake Certificate',
    )
  })

  test('keeps on with the last good configuration', async () => {
    const bad = planOf([{ host: 'v.example', locations: [notFound], certificate: 'nope' }])
    await assert.rejects(
      nginx.apply(bad),
      /Cannot use the configuration: .*cannot load certificate/s,
    )
    assert.equal(await certificateFor('t.example'), 't.example')
  })
})
