import assert from 'node:assert/strict'
import { once } from 'node:events'
import { suite, test } from 'node:test'
import { suiteOnEachBackend } from '#testing/backends.ts'
import { createLab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import { openPidfd, processesIn, signalPidfd, signalProcess, startTimeOf } from './process.ts'

suiteOnEachBackend('processes', () => {
  test('processesIn() finds those of a namespace', async () => {
    using lab = createLab()
    const netns = lab.netns('a')
    assert.deepEqual(processesIn(netns.inode), [])
    const sleepers = [lab.spawn(netns, ['sleep', '60']), lab.spawn(netns, ['sleep', '60'])]
    // nsenter(1) is still on its way in at first.
    await waitFor(() => processesIn(netns.inode).length === 2, { what: 'both sleepers' })
    assert.deepEqual(
      processesIn(netns.inode),
      sleepers.map(({ pid }) => pid).sort((a, b) => a - b),
    )
  })

  test('signalProcess() signals the one that was meant, and no other', async () => {
    using lab = createLab()
    const netns = lab.netns('a')
    const { pid, child } = lab.spawn(netns, ['sleep', '60'])
    await waitFor(() => processesIn(netns.inode).length === 1, { what: 'the sleeper' })
    const startTime = startTimeOf(pid)!
    assert.equal(signalProcess(pid, 'SIGTERM', { startTime: `${Number(startTime) - 1}` }), false)
    assert.equal(signalProcess(pid, 'SIGTERM', { netnsInode: netns.inode + 1n }), false)
    assert.equal(child.exitCode, null)
    assert.equal(signalProcess(pid, 0, { startTime, netnsInode: netns.inode }), true)
    const exited = once(child, 'exit')
    assert.equal(signalProcess(pid, 'SIGTERM', { startTime, netnsInode: netns.inode }), true)
    assert.deepEqual(await exited, [null, 'SIGTERM'])
    assert.equal(signalProcess(pid, 'SIGTERM'), false)
    assert.equal(startTimeOf(pid), undefined)
  })
})

suite('startTimeOf()', () => {
  test('is not misled by a process that calls itself ") R 1 1"', async () => {
    using lab = createLab()
    const netns = lab.netns('a')
    const script = 'printf ") R 1 1" > /proc/self/comm; read'
    const { pid } = lab.spawn(netns, ['bash', '-c', script])
    const comm = () => lab.exec(netns, ['cat', `/proc/${pid}/comm`]).stdout
    await waitFor(() => comm() === ') R 1 1\n', { what: 'its new name' })
    // proc(5): seconds since boot times the clock ticks a second, which is 100 on Linux.
    const uptime = Number(lab.exec(netns, ['cat', '/proc/uptime']).stdout.split(' ')[0])
    const ageSeconds = uptime - Number(startTimeOf(pid)) / 100
    assert.ok(ageSeconds >= 0 && ageSeconds < 30, `${ageSeconds} s old`)
  })
})

suite('openPidfd()', () => {
  test('holds a process', async () => {
    using lab = createLab()
    const { pid, child } = lab.spawn(lab.netns('a'), ['sleep', '60'])
    using pidfd = openPidfd(pid)
    assert.ok(pidfd)
    const exited = once(child, 'exit')
    assert.equal(signalPidfd(pidfd, 'SIGKILL'), true)
    await exited
    assert.equal(signalPidfd(pidfd, 'SIGKILL'), false)
    assert.equal(openPidfd(pid), undefined)
  })
})
