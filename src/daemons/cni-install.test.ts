import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { run } from '#cli/commands/cni.ts'

suite('fairlead cni install', () => {
  const cases = [
    {
      name: 'no network',
      args: ['--pod-cidr', 'banana'],
      want: /--pod-cidr banana: it is no network/,
    },
    // Upstream's words: host-local/backend/allocator/range.go
    {
      name: 'a network without room',
      args: ['--pod-cidr', '10.1.0.0/31'],
      want: /--pod-cidr 10\.1\.0\.0\/31: Network 10\.1\.0\.0\/31 too small to allocate from/,
    },
    {
      name: 'an MTU that no link has',
      args: ['--mtu', '9'],
      want: /--mtu 9: it is not between 68/,
    },
    {
      name: 'a bridge with a path',
      args: ['--bridge', 'a/b'],
      want: /--bridge a\/b: it is no name/,
    },
    {
      name: 'a bridge with a long name',
      args: ['--bridge', 'a234567890123456'],
      want: /--bridge a234567890123456: it is no name/,
    },
  ]
  for (const { name, args, want } of cases) {
    test(`refuses ${name}, and writes nothing`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'fairlead-cni-install-'))
      const [bin, conf] = [join(folder, 'bin'), join(folder, 'net.d')]
      try {
        const call = run(['install', '--bin-dir', bin, '--conf-dir', conf, ...args])
        await assert.rejects(call, want)
        assert.ok(!existsSync(bin) && !existsSync(conf))
        const flag = args[0]!
        await assert.rejects(
          run(['install', '--bin-dir', bin, ...args]),
          new RegExp(`Cannot use ${flag} without --conf-dir`),
        )
        assert.ok(!existsSync(bin))
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
  }
})
