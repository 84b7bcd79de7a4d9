import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { suite, test } from 'node:test'
import { processesIn } from '#kernel/process/process.ts'
import { createLab } from './netns.ts'
import { waitFor } from './wait-for.ts'

suite('createLab()', () => {
  test('leaves nothing behind, also after a failure', async () => {
    let seen: { folder: string; inode: bigint; pid: number } | undefined
    const failing = async () => {
      using lab = createLab()
      const netns = lab.netns('a')
      const { pid } = lab.spawn(netns, ['sh', '-c', 'trap "" TERM; echo ready; read line'])
      await waitFor(() => processesIn(netns.inode).includes(pid), { what: 'the process' })
      seen = { folder: lab.folder, inode: netns.inode, pid }
      throw new Error('as a test may')
    }
    await assert.rejects(failing, /as a test may/)
    assert.ok(seen)
    assert.equal(existsSync(seen.folder), false)
    assert.deepEqual(processesIn(seen.inode), [])
  })
  test('namespaces see each other only by what connects them', () => {
    using lab = createLab()
    const [a, b] = [lab.netns('a'), lab.netns('b')]
    lab.connect({ netns: a, device: 'eth0' }, { netns: b, device: 'eth1', address: '10.0.0.2/24' })
    const names = (netns: typeof a) =>
      lab
        .rtnetlink(netns)
        .links()
        .map(({ name }) => name)
    assert.deepEqual(
      [names(a), names(b)],
      [
        ['lo', 'eth0'],
        ['lo', 'eth1'],
      ],
    )
  })
  test('exec() gives output and status, and an error for what cannot be run', () => {
    using lab = createLab()
    const netns = lab.netns('a')
    const result = lab.exec(netns, ['sh', '-c', 'cat; echo oops >&2; exit 3'], { input: 'in' })
    assert.deepEqual(result, { stdout: 'in', stderr: 'oops\n', status: 3 })
    assert.throws(
      () => lab.exec(netns, ['sleep', '60'], { timeoutMs: 50 }),
      /Cannot run .*sleep 60/,
    )
  })
})
