import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { suiteOnEachBackend } from '#testing/backends.ts'
import { createLab } from '#testing/netns.ts'
import { tryLock } from './lock.ts'

suiteOnEachBackend('tryLock()', () => {
  test('is held by one at a time, also across processes', () => {
    using lab = createLab()
    const path = join(lab.folder, 'lock')
    const asOther = () => spawnSync('flock', ['--nonblock', path, 'true']).status
    {
      using lock = tryLock(path)
      assert.ok(lock)
      assert.equal(tryLock(path), undefined)
      assert.equal(asOther(), 1)
    }
    assert.equal(asOther(), 0)
    using again = tryLock(path)
    assert.ok(again)
  })
  test('says where it cannot make the file', () => {
    assert.throws(() => tryLock('/no/such/folder/lock'), { errno: 'ENOENT' })
  })
})
