/**
 * Promise (issue "An API server that real clients cannot tell from Kubernetes"): an exact Status each, never a 5xx of
 * our own making, and the server serves on. The soak hostile-input plays a hundred times as many.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { BOMBS } from './testing/hostile-bombs.ts'
import { DEFINITION, DEFINITIONS, WIDGET, WIDGETS } from './testing/hostile-corners.ts'
import { createRandom, faultOf, makeRequest, TEMPLATES } from './testing/hostile-requests.ts'
import { startTestServer } from './testing/test-server.ts'
import { createTestTokens } from './testing/tokens.ts'

/** Set it to replay; the soak plays others. */
const SEED = 20_261_121
const REQUESTS = 1_000

async function startWatched() {
  const problems: unknown[] = []
  const log = {
    info() {},
    warn() {},
    error: (...entry: unknown[]) => problems.push(entry),
    child: () => log,
  }
  const server = await startTestServer({ log, accountTokens: createTestTokens() })
  for (const path of Object.keys(TEMPLATES))
    await server.request('POST', path, { body: TEMPLATES[path] })
  await server.request('POST', '/api/v1/namespaces/default/configmaps', {
    body: { metadata: { name: 'a' }, data: { k: 'v' } },
  })
  await server.request('POST', DEFINITIONS, { body: DEFINITION })
  while ((await server.request('GET', WIDGETS)).code === 404) await delay(10)
  await server.request('POST', WIDGETS, { body: WIDGET })
  return { server, problems }
}

test('every spoilt request gets an exact answer', async () => {
  const { server, problems } = await startWatched()
  await using _ = server
  const anonymous = server.connectAs(undefined)
  const random = createRandom(SEED)
  for (let i = 0; i < REQUESTS; i++) {
    const { method, path, isAnonymous, ...options } = makeRequest(random)
    const session = isAnonymous ? { session: anonymous } : {}
    const { code, text } = await server.request(method, path, { ...options, ...session })
    const what = `seed ${SEED}, request ${i}: ${method} ${path.slice(0, 200)} → ${text.slice(0, 300)}`
    assert.equal(faultOf(code, text), undefined, what)
  }
  assert.deepEqual(problems, [])
  assert.equal((await server.request('GET', '/readyz')).text, 'ok')
})

/** On a busy machine; the soak says how long each really takes. */
const PATIENCE_MS = 10_000

suite('costs little:', () => {
  for (const { name, method, path, ...options } of BOMBS) {
    test(name, async () => {
      const { server, problems } = await startWatched()
      await using _ = server
      const started = performance.now()
      const { code, text } = await server.request(method, path, options)
      assert.ok(performance.now() - started < PATIENCE_MS)
      assert.equal(faultOf(code, text), undefined, text.slice(0, 300))
      assert.deepEqual(problems, [])
    })
  }
})
