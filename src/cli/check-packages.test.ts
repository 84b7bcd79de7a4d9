import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempDisposableSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { checkPackages } from './check-packages.ts'

suite('checkPackages()', () => {
  const setUp = (root: string) => {
    mkdirSync(join(root, 'node_modules'))
    writeFileSync(join(root, 'package.json'), '{}')
    writeFileSync(join(root, 'package-lock.json'), '{"lockfileVersion":3}')
    // As tools/setup.sh writes it.
    const sums = execFileSync('sha256sum', ['package.json', 'package-lock.json'], { cwd: root })
    writeFileSync(join(root, 'node_modules/.package-lock.stamp'), sums)
  }

  test('takes what was installed from this lock file, whatever else changed', () => {
    using root = mkdtempDisposableSync(join(tmpdir(), 'packages-'))
    setUp(root.path)
    writeFileSync(join(root.path, 'package.json'), '{"scripts":{}}')
    checkPackages(root.path)
  })

  test('refuses what was installed from another', () => {
    using root = mkdtempDisposableSync(join(tmpdir(), 'packages-'))
    setUp(root.path)
    writeFileSync(join(root.path, 'package-lock.json'), '{"lockfileVersion":3,"packages":{}}')
    assert.throws(() => checkPackages(root.path), {
      message:
        'Cannot start: the npm packages are not those of package-lock.json (run `npm run setup`)',
    })
  })

  test('leaves a tree alone that has no stamp', () => {
    using root = mkdtempDisposableSync(join(tmpdir(), 'packages-'))
    writeFileSync(join(root.path, 'package-lock.json'), '{}')
    checkPackages(root.path)
  })
})
