import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { makeFolder } from './make-folder.ts'

suite('makeFolder()', () => {
  test('makes what is missing, and leaves what is there', () => {
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-folder-'))
    try {
      const path = join(folder, 'a/b/c')
      makeFolder(path, 0o700)
      makeFolder(path, 0o755)
      for (const each of [path, join(folder, 'a')]) assert.equal(statSync(each).mode & 0o777, 0o700)
      writeFileSync(join(folder, 'file'), '')
      // Go's os.MkdirAll: the part of the path that is no folder.
      assert.throws(() => makeFolder(join(folder, 'file/x'), 0o700), {
        message: `mkdir ${folder}/file: not a directory`,
      })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  // What the reference plugins 1.1.1 answer with that dataDir; mkdir(2) in /proc is ENOENT.
  test('ends where the kernel makes no folders', () => {
    assert.throws(() => makeFolder('/proc/fairlead/net1', 0o755), {
      message: 'mkdir /proc/fairlead: no such file or directory',
    })
  })
})
