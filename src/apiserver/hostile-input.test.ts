/**
 * Promise (issue "An API server that real clients cannot tell from Kubernetes"): an exact Status each, never a 5xx of
 * our own making, and the server serves on. The soak hostile-input plays a hundred times as many.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { BOMBS, createRandom, faultOf, makeRequest, TEMPLATES } from './testing/hostile-requests.ts'
import { startTestServer } from './testing/test-server.ts'

/** Set it to replay; the soak plays others. */
const SEED = 20_261_121
const REQUESTS = 600

async function startWatched() {
  const problems: unknown[] = []
  const log = {
    info() {},
    warn() {},
    error: (...entry: unknown[]) => problems.push(entry),
    child: () => log,
  }
  const server = await startTestServer({ log })
  for (const path of Object.keys(TEMPLATES))
    await server.request('POST', path, { body: TEMPLATES[path] })
  await server.request('POST', '/api/v1/namespaces/default/configmaps', {
    body: { metadata: { name: 'a' }, data: { k: 'v' } },
  })
  return { server, problems }
}

test('every spoilt request gets an exact answer', async () => {
  const { server, problems } = await startWatched()
  await using _ = server
  const random = createRandom(SEED)
  for (let i = 0; i < REQUESTS; i++) {
    const { method, path, ...options } = makeRequest(random)
    const { code, text } = await server.request(method, path, options)
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
