import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { answerHealth, type HealthChecks } from './answer-health.ts'

const well: HealthChecks = {
  live: [{ name: 'ping', check: () => {} }],
  ready: [{ name: 'storage', check: async () => {} }],
}
const ill: HealthChecks = {
  live: well.live,
  ready: [{ name: 'storage', check: () => Promise.reject(new Error('secret')) }],
}

// Expected: the forms of apiserver pkg/server/healthz/healthz_test.go, with the names of our checks.
suite('answerHealth()', () => {
  const cases = [
    { name: 'all is well', path: '/readyz', checks: well, code: 200, body: 'ok' },
    {
      name: 'each check, when asked',
      path: '/readyz?verbose',
      checks: well,
      code: 200,
      body: '[+]ping ok\n[+]storage ok\nreadyz check passed\n',
    },
    {
      name: 'what fails, without why',
      path: '/readyz',
      checks: ill,
      code: 500,
      body: '[+]ping ok\n[-]storage failed: reason withheld\nreadyz check failed\n',
    },
    { name: 'alive, though not ready', path: '/livez', checks: ill, code: 200, body: 'ok' },
    {
      name: 'without the one that fails',
      path: '/readyz?exclude=storage&verbose',
      checks: ill,
      code: 200,
      body: '[+]ping ok\n[+]storage excluded: ok\nreadyz check passed\n',
    },
    {
      name: 'a check that is not there, left out',
      path: '/livez?exclude=x&verbose',
      checks: well,
      code: 200,
      body: '[+]ping ok\nwarn: some health checks cannot be excluded: no matches for "x"\nlivez check passed\n',
    },
    { name: 'one of them', path: '/readyz/storage', checks: well, code: 200, body: 'ok' },
  ]
  for (const { name, path, checks, code, body } of cases) {
    test(name, async () => {
      const { pathname, searchParams } = new URL(path, 'https://localhost')
      const answer = await answerHealth(pathname, searchParams, checks)
      assert.deepEqual(
        { code: answer?.code, body: answer && 'body' in answer && answer.body },
        { code, body },
      )
    })
  }

  for (const path of ['/readyz/nothing', '/livez/storage', '/version', '/healthz/ping/x'])
    test(`${path} is not its own`, async () =>
      assert.equal(await answerHealth(path, new URLSearchParams(), well), undefined))

  test('a check that hangs fails', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const hangs = { name: 'storage', check: () => new Promise(() => {}) }
    const answer = answerHealth('/readyz', new URLSearchParams(), { live: [], ready: [hangs] })
    t.mock.timers.tick(2_000)
    assert.equal((await answer)?.code, 500)
  })
})
