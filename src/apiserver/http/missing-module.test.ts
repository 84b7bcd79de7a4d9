import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { suite, test } from 'node:test'
import { missingModule } from './missing-module.ts'

// The errors are Node's own (doc/api/errors.md: MODULE_NOT_FOUND, ERR_MODULE_NOT_FOUND).
suite('missingModule()', () => {
  const cases = [
    { name: 'a package that is required', load: () => createRequire(import.meta.url)('not-there') },
    { name: 'a package that is imported', load: () => import(['not', 'there'].join('-')) },
    { name: 'a file', load: () => import(['./not', 'there'].join('-')) },
  ]
  for (const { name, load } of cases)
    test(`names ${name}, without a path`, async () => {
      await assert.rejects(
        async () => await load(),
        (error) => {
          assert.equal(missingModule(error), 'not-there')
          return true
        },
      )
    })

  test('leaves other errors alone', () => {
    assert.equal(missingModule(new Error("Cannot find module 'x'")), undefined)
  })
})
