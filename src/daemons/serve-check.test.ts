import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serveCheck } from './serve-check.ts'

test('serveCheck() says 200 or 503 at its path, and 404 elsewhere', async () => {
  let isWell = false
  await using server = await serveCheck(
    { address: '127.0.0.1', port: 0, path: '/ready' },
    () => isWell,
  )
  const ask = async (path: string) => (await fetch(`http://127.0.0.1:${server.port}${path}`)).status
  assert.equal(await ask('/ready'), 503)
  isWell = true
  assert.equal(await ask('/ready?verbose'), 200)
  assert.equal(await ask('/other'), 404)
})
