import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { programProblem } from './find-program.ts'

const root = mkdtempSync(join(tmpdir(), 'fairlead-root-'))
after(() => rmSync(root, { recursive: true, force: true }))
for (const folder of ['usr/bin', 'app', 'etc'])
  mkdirSync(join(root, folder), { recursive: true, mode: 0o755 })
for (const [path, mode] of [
  ['usr/bin/tool', 0o755],
  ['app/run', 0o755],
  ['etc/plain', 0o644],
] as const)
  writeFileSync(join(root, path), '', { mode })
symlinkSync('usr/bin', join(root, 'bin'))
symlinkSync('/usr/bin/tool', join(root, 'usr/bin/alias'))
symlinkSync('../../../../../../usr/bin/tool', join(root, 'app/far'))
symlinkSync('/app/loop', join(root, 'app/loop'))
// There on the machine, not in the container.
symlinkSync(process.execPath, join(root, 'app/outside'))

// Sentences: Go os/exec lp_unix.go, as runc passes them on.
suite('programProblem()', () => {
  const place = { root, workingDir: '/app', path: '/usr/bin:/bin' }
  const missing = (name: string) => `exec: "${name}": stat ${name}: no such file or directory`
  const cases = [
    { name: 'of PATH', program: 'tool', want: undefined },
    { name: 'by a link', program: 'alias', want: undefined },
    { name: 'by a linked folder', program: '/bin/tool', want: undefined },
    { name: 'by a link that climbs above the root', program: '/app/far', want: undefined },
    { name: 'below the working folder', program: './run', want: undefined },
    {
      name: 'not in PATH',
      program: 'run',
      want: 'exec: "run": executable file not found in $PATH',
    },
    {
      name: 'in PATH without the right to run',
      program: 'plain',
      path: '/etc',
      want: 'exec: "plain": executable file not found in $PATH',
    },
    { name: 'nowhere', program: '/nope', want: missing('/nope') },
    { name: 'below a file', program: '/usr/bin/tool/x', want: missing('/usr/bin/tool/x') },
    { name: 'a link to itself', program: '/app/loop', want: missing('/app/loop') },
    { name: 'only outside', program: '/app/outside', want: missing('/app/outside') },
    { name: 'a folder', program: '/usr/bin', want: 'exec: "/usr/bin": is a directory' },
    {
      name: 'a file that is none',
      program: '/etc/plain',
      want: 'exec: "/etc/plain": permission denied',
    },
  ]
  for (const { name, program, want, path = place.path } of cases)
    test(name, () => assert.equal(programProblem(program, { ...place, path }), want))
})
