import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { openListener } from '#kernel/socket/listener.ts'
import { silentLog } from '#log/log.ts'
import { waitFor } from '#testing/wait-for.ts'
import { createHealthCheckListeners } from './health-checks.ts'

const LOOPBACK = ip('127.0.0.1')
const PORT = 32_123

suite('health checks of load balancers', () => {
  const servers = createHealthCheckListeners(
    (address, port) => openListener({ protocol: 'tcp', address, port }),
    silentLog,
  ).open()
  after(() => servers.close())
  const check = (localEndpoints: number) =>
    new Map([[PORT, { namespace: 'default', name: 'web', localEndpoints }]])
  const ask = async () => {
    const response = await fetch(`http://${LOOPBACK}:${PORT}/any/path`)
    return { status: response.status, headers: response.headers, body: await response.json() }
  }

  // facts/services.md 1.1, healthCheckNodePort.
  const rows = [
    { name: 'endpoints and a healthy proxy', localEndpoints: 2, isHealthy: true, status: 200 },
    { name: 'no endpoints', localEndpoints: 0, isHealthy: true, status: 503 },
    { name: 'a proxy that cannot program', localEndpoints: 2, isHealthy: false, status: 503 },
  ]
  for (const { name, localEndpoints, isHealthy, status } of rows) {
    test(name, async () => {
      servers.update(check(localEndpoints), [LOOPBACK], isHealthy)
      const answer = await ask()
      assert.equal(answer.status, status)
      assert.deepEqual(answer.body, {
        service: { namespace: 'default', name: 'web' },
        localEndpoints,
        serviceProxyHealthy: isHealthy,
      })
      assert.equal(answer.headers.get('X-Load-Balancing-Endpoint-Weight'), String(localEndpoints))
      assert.equal(answer.headers.get('X-Content-Type-Options'), 'nosniff')
      assert.equal(answer.headers.get('Content-Type'), 'application/json')
    })
  }

  test('nobody listens once the Service is gone', async () => {
    servers.update(new Map(), [LOOPBACK], true)
    await waitFor(
      async () => {
        try {
          await fetch(`http://${LOOPBACK}:${PORT}/`)
          return false
        } catch {
          return true
        }
      },
      { what: 'the port to close' },
    )
  })
})
