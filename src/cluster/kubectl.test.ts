import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'

// The issue's rule: a kubectl 1.27 or newer in PATH is used; otherwise the one that set-up brought.
suite('findKubectl()', () => {
  const cases = [
    { name: 'takes that of PATH where it is recent', minor: '32+', named: false, want: 'kubectl' },
    { name: 'takes the one that was named all the same', minor: '32+', named: true, want: 'own' },
    { name: 'passes over an old one in PATH', minor: '26', named: false, want: 'another' },
    { name: 'takes the oldest that reads OpenAPI v3', minor: '27', named: false, want: 'kubectl' },
  ]
  for (const { name, minor, named, want } of cases) {
    test(name, () => {
      const folder = mkdtempSync(join(tmpdir(), 'fairlead-kubectl-'))
      try {
        mkdirSync(join(folder, 'bin'))
        const version = JSON.stringify({ clientVersion: { major: '1', minor } })
        writeFileSync(join(folder, 'bin/kubectl'), `#!/bin/sh\necho '${version}'\n`)
        chmodSync(join(folder, 'bin/kubectl'), 0o755)
        writeFileSync(join(folder, 'own'), '')
        const script = `console.log((await import(${JSON.stringify(`${import.meta.dirname}/kubectl.ts`)})).findKubectl())`
        const env: NodeJS.ProcessEnv = { ...process.env, PATH: `${folder}/bin:/usr/bin:/bin` }
        if (named) env.FAIRLEAD_KUBECTL = join(folder, 'own')
        else delete env.FAIRLEAD_KUBECTL
        const argv = ['--input-type=module', '-e', script]
        const { stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8', env })
        // Whether set-up has brought one of its own depends on the machine.
        if (want === 'another') assert.notEqual(stdout.trim(), 'kubectl')
        else assert.equal(stdout.trim(), want === 'own' ? join(folder, 'own') : want, stderr)
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    })
  }
})
